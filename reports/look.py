"""python -m reports.look RUN: pictures of a run's page as readers meet it, for whoever changes the page.

Three widths in both colour schemes and the print, into RUN/look/. Needs Chromium, which nothing else here does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from reports.problem import ReportProblem
from reports.runs import find_run

WIDTHS = (390, 900, 1440)
SCHEMES = {"light": 1, "dark": 0}  # as Blink numbers them
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SHOT_S_MAX = 300
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def look(page: Path, folder: Path, height: int = 6000) -> list[Path]:
    """Takes every picture and returns their files.

    Raises:
        ReportProblem: there is no Chromium, or it took no picture.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise ReportProblem(
            "pictures of the page need Chromium", fix="apt-get install --no-install-recommends chromium"
        )
    folder.mkdir(exist_ok=True)
    shots = {folder / "print.pdf": [f"--print-to-pdf={folder / 'print.pdf'}", "--no-pdf-header-footer"]}
    for width in WIDTHS:
        for scheme, number in SCHEMES.items():
            file = folder / f"{width}-{scheme}.png"
            settings = f"--blink-settings=preferredColorScheme={number}"
            shots[file] = [f"--screenshot={file}", f"--window-size={width},{height}", settings]
    with tempfile.TemporaryDirectory() as profile:
        for file, options in shots.items():
            argv = [program, *_QUIET, f"--user-data-dir={profile}", *options, page.resolve().as_uri()]
            file.unlink(missing_ok=True)
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(argv, capture_output=True, timeout=_SHOT_S_MAX, check=False)
            if not file.exists():
                raise ReportProblem(f"Chromium took no {file.name}", fix=f"see why: {' '.join(argv)}")
    return list(shots)


if __name__ == "__main__":
    try:
        run = find_run(sys.argv[1] if len(sys.argv) == 2 else "latest")
        print("\n".join(map(str, look(run / "report.html", run / "look"))))
    except ReportProblem as problem:
        sys.exit(str(problem))
