"""Pure functions from a case's record to verdicts."""

from reports.judge.judge import compose, decide, judge_case, margin

__all__ = ["compose", "decide", "judge_case", "margin"]
