"""A child process that ends when it is told to, and when we do."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING

from deploy.errors import Problem
from deploy.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Child:
    """A child process in a session of its own, so that Ctrl-C reaches only us and it can be ended in good order.

    Its standard input is a leash: the pipe ends with this process, even by kill -9, and the child is written to stop
    then. (PR_SET_PDEATHSIG would kill it as soon as the *thread* that started it ends.)
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child; a pipe could fill up
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=self._said, stderr=self._said, env=env, cwd=ROOT, start_new_session=True
        )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """The last of what it printed."""
        end = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), 4000, max(0, end - 4000)).decode(errors="replace")

    def wait(self, within_s: float) -> None:
        """Waits for its own end.

        Raises:
            Problem: it went on for longer.
        """
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Problem(f"the load did not end within {within_s:g} s", why=self.said()) from None

    def stop(self, within_s: float) -> None:
        """Lets go of the leash, and kills the whole session if that does not end it in time.

        Not SIGTERM: Locust installs its handler too late and would die without leaving its figures.
        """
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
