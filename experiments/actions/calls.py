"""Waiting for the experiment's own callers: for figures that come from their answers alone, where nothing is broken."""

from __future__ import annotations

from typing import Any

from deploy.errors import Problem
from experiments import session


def all_sent(within_s: float) -> dict[str, Any]:
    """Waits until every caller has sent all that its document plans, and was answered; returns who they are.

    Raises:
        Problem: they are to send for longer than `within_s`, or one did not come to its end.
    """
    traffic = session.current().traffic
    if traffic.plan is None or traffic.plan.duration_s > within_s:
        raise Problem(f"no callers end within {within_s:g} s", fix="traffic.duration_s in the document: less than that")
    traffic.wait()
    return {"callers": traffic.names()}
