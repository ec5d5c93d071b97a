"""Programs that stand in for real ones: shell scripts in a folder that is first, or alone, on PATH."""

from pathlib import Path


def fake(folder: Path, name: str, script: str) -> Path:
    """Writes an executable shell script that also notes each of its calls in <folder>/<name>.calls."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "$*" >>"{folder}/{name}.calls"\n{script}\n')
    file.chmod(0o755)
    return file


def calls(folder: Path, name: str) -> list[str]:
    """Returns the arguments of each call so far, a line each."""
    noted = folder / f"{name}.calls"
    return noted.read_text().splitlines() if noted.exists() else []
