"""What the bench of the callers takes for right, and what not."""

import pytest

from loadtests.bench import Figure, p99, stalled
from loadtests.samples import Sample

RATE_HZ, STALL_S, LATENCY_S = 100.0, 2.0, 0.02


def through_a_stall(*, waits: bool) -> list[Sample]:
    """Eight seconds, with a stall from 3 s to 5 s; a closed loop waits for its answer and sends nothing meanwhile."""
    due = [i / RATE_HZ for i in range(800)]
    held = [moment for moment in due if 3 < moment < 5]
    lost = set(held[1:]) if waits else set()
    return [
        Sample(i, moment, moment, (5.0 if moment in held else moment) + LATENCY_S, 200)
        for i, moment in enumerate(due)
        if moment not in lost
    ]


def test_a_stall_is_what_theory_says_to_a_caller_that_goes_on() -> None:
    gap, waiting = stalled(through_a_stall(waits=False), RATE_HZ, STALL_S, LATENCY_S)
    assert gap.good
    assert gap.measured == pytest.approx(2, abs=0.02)
    assert waiting.good
    assert waiting.truth == 200
    assert waiting.measured == pytest.approx(200, rel=0.02)


def test_a_caller_that_waits_does_not_show_the_stall() -> None:
    gap, waiting = stalled(through_a_stall(waits=True), RATE_HZ, STALL_S, LATENCY_S)
    assert gap.good  # it does see that nobody was answered
    assert not waiting.good
    assert waiting.measured == pytest.approx(2, abs=0.02)
    assert "NOT WITHIN ITS BOUND" in str(waiting)


@pytest.mark.parametrize(("measured_ms", "good"), [(20.4, True), (19.6, True), (20.6, False), (19.4, False)])
def test_half_a_millisecond_is_allowed(measured_ms: float, good: bool) -> None:  # noqa: FBT001 - it is what is asked
    figure = p99("a caller", [0.001] * 98 + [measured_ms / 1000] * 2, [0.020] * 100)
    assert figure.good is good
    assert ("NOT WITHIN" in str(figure)) is not good


def test_a_line_says_what_differs() -> None:
    assert " ".join(str(Figure("x", 20.25, 20.0, 0.5, "ms")).split()) == "x 20.25 ms 20.00 ms +0.25 (allowed 0.50)"
