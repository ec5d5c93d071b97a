"""Running other programs: lists only, output kept, failures told with the last lines."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.errors import Problem

LAST_LINES = 15


def run(
    argv: Sequence[str | Path],
    *,
    what: str,
    fix: str = "",
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
) -> str:
    """Runs a program to its end and returns its standard output.

    Raises:
        Problem: it could not be started, ran longer than `timeout_s`, or ended with another exit code than 0;
            `what` says what was being done, the last lines of its error output say why.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=stdin, env=env, cwd=cwd, timeout=timeout_s, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Problem(f"{what}: {words[0]} was not found", fix=fix or f"install {words[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise Problem(f"{what}: {words[0]} did not end within {timeout_s:g} s", fix=fix) from error
    if done.returncode:
        raise Problem(
            f"{what}: {words[0]} ended with exit code {done.returncode}", why=tail(done.stderr or done.stdout), fix=fix
        )
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, timeout_s: float = 20) -> bool:
    """Says whether a program exists and ends with exit code 0."""
    try:
        run(argv, what="asking", timeout_s=timeout_s)
    except Problem:
        return False
    return True


def tail(text: str, lines: int = LAST_LINES) -> str:
    """Returns the last lines of an output, which is where programs say why they failed."""
    return "\n".join(text.strip().splitlines()[-lines:])
