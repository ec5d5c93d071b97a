"""The one error of this package that a user is meant to read."""

from __future__ import annotations


class ReportProblem(Exception):  # noqa: N818 - read aloud it is a problem with a fix, not a bug
    """Something the user can mend. Shown without a traceback.

    This is not deploy's Problem: reports imports no other package of the suite, so that a run can be judged anywhere.

    Attributes:
        what: one sentence, what went wrong.
        fix: what to do, as an imperative sentence or a command; may be empty.
    """

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what)
        self.what, self.fix = what, fix

    def __str__(self) -> str:
        return f"{self.what}\n  fix: {self.fix}" if self.fix else self.what
