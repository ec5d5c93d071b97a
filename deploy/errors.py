"""The one error that a user is meant to read: what is wrong, why, and what to do about it."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - read aloud it is a problem with a fix, not a bug
    """Something the user can mend. Shown without a traceback.

    Attributes:
        what: one sentence, what went wrong.
        why: what was observed (events, last log lines, exit text); may be empty or many lines.
        fix: what to try, as an imperative sentence or a command.
    """

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why.strip(), fix.strip()

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append("  why: " + self.why.replace("\n", "\n       "))
        if self.fix:
            parts.append("  fix: " + self.fix.replace("\n", "\n       "))
        return "\n".join(parts)


class Usage(Problem):
    """The command itself was wrong (unknown target, unknown component, bad option): exit code 64."""
