"""Whether an alert is heard in time, by everybody who must hear it and by nobody else, and called off afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import Alert, Ejection, Ready
from reports.judge.faults import FaultWindow, fault_windows, hosts_of, let_in_again
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, Target

if TYPE_CHECKING:
    from reports.record import CaseRecord

_PROMETHEUS = "prometheus"
_PHASES = "take pods in two steps, from a tier that is whole and is not replaced, and watch it"
_PROBE = "ReceiverProbe"  # what experiments.probes.alerts records once the receiver has shown that it is alive
_FIX = (
    "see whether Prometheus has the figures that the alert is made of, then Alertmanager's log: a rule that has no "
    "data is silent for ever"
)


class AlertParameters(Parameters):
    """Of every statistic about an alert.

    Attributes:
        alert: its name.
        severity: the severity it must have.
        channels: the channels that must be told, and no other.
        resolve_s_max: seconds from the end of the fault within which every channel must be told that it is over.
    """

    alert: str = Field(min_length=1)
    severity: str = Field(min_length=1)
    channels: tuple[str, ...] = Field(min_length=1)
    resolve_s_max: float = Field(default=120.0, gt=0)


class AvailabilityAlertParameters(AlertParameters):
    """Of availability_alert_s.

    Attributes:
        tier: the tier whose pods are taken.
        ready_percent_min: share of ready pods at which the alert must still be silent.
    """

    tier: str = Field(min_length=1)
    ready_percent_min: float = Field(default=66, gt=0, lt=100)


@statistic(AvailabilityAlertParameters, faults_overlap=True)
def availability_alert_s(record: CaseRecord, target: Target[AvailabilityAlertParameters]) -> Measurement:
    """From the fault that takes one pod too many to the last channel that must be told of it.

    Of n pods, the smallest number that keeps `ready_percent_min` was ready for as long as the limit first: an alert
    that fires then is broken. The condition holds from some moment between that next fault and its being seen.
    """
    windows = fault_windows(record)
    if len(windows) < 2:
        raise Inconclusive("one fault is in the record: there was no phase in which the alert must be silent", _PHASES)
    over = min(window.ended.lo for window in windows)
    return _measured(record, target.parameters, _fallen(record, target, windows, over), over)


@statistic(AlertParameters)
def ejection_alert_s(record: CaseRecord, target: Target[AlertParameters]) -> Measurement:
    """From the first ejection of a bad replica, by any client, to the last channel that must be told of it.

    It is over with the fault, or with the last ejection of any other replica that was out by then: as long as one is,
    there is something to tell.
    """
    window = fault_windows(record)[-1]
    hosts = hosts_of(window)
    seen = [e for e in record.of(Ejection) if e.host in hosts and e.hi >= window.started.lo and e.lo <= window.ended.hi]
    if not seen:
        raise Inconclusive("no client ejected the bad replica: there was nothing to be told about", "see mesh.ejection")
    first = min(seen, key=lambda event: event.hi)
    cause = Interval(max(first.lo, window.started.lo), first.hi)
    others = dict(_others_let_in(record, hosts))
    measured = _measured(record, target.parameters, cause, max([window.ended.lo, *others.values()]))
    out = {name: round(end - window.ended.lo, 3) for name, end in others.items() if end > window.ended.lo}
    return replace(measured, extra={**measured.extra, "others_out_until_s": out}) if out else measured


def _others_let_in(record: CaseRecord, bad: frozenset[str]) -> Iterator[tuple[str, float]]:
    """Each ejection of another replica than the bad one, and when it ended at the earliest."""
    for event in record.of(Ejection):
        if event.host in bad:  # ends with the fault: it is replaced
            continue
        end = let_in_again(record, event)
        if end is None:
            raise Inconclusive(
                f"{event.client} kept {event.host} out until the watch ended, which nobody had broken: "
                "there was something to tell until then",
                "see why it answered errors: its log, and whether the machine had time for it",
            )
        yield f"{event.host} by {event.client}", end.lo


def _fallen(
    record: CaseRecord, target: Target[AvailabilityAlertParameters], windows: Sequence[FaultWindow], over: float
) -> Interval:
    """The moment at which one pod too many was not ready; the phase before it was a fair trial."""
    first, last = windows[0], windows[-1]
    tier = target.parameters.tier
    readies = [event for event in record.of(Ready) if event.tier == tier]
    before = [event for event in readies if event.at_most <= first.started.lo]
    if not before or before[-1].ready < before[-1].desired:
        raise Inconclusive(f"tier {tier} was not whole before the first fault", _PHASES)
    desired = before[-1].desired
    fewest = math.ceil(round(target.parameters.ready_percent_min * desired / 100, 9))
    quiet = _since(readies, last.started.lo, fewest)
    if quiet is None:
        raise Inconclusive(
            f"tier {tier} did not have {fewest} of {desired} pods ready when one more was taken", _PHASES
        )
    if (held_s := last.started.lo - quiet) < target.limit:
        raise Inconclusive(
            f"{fewest} of {desired} pods were ready for {held_s:.0f} s only: the alert had no time to be wrong",
            "hold the first fault for as long as the limit",
        )
    within = [event for event in readies if last.started.lo < event.at_most <= over]
    fallen = next((event for event in within if event.ready < fewest), None)
    if fallen is None or fallen.ready != fewest - 1:
        raise Inconclusive(f"tier {tier} was never seen to have {fewest - 1} of {desired} pods ready", _PHASES)
    if any(event.ready >= fewest for event in within if event.t > fallen.t):
        raise Inconclusive(f"tier {tier} had {fewest} pods ready again before the fault ended", _PHASES)
    return Interval(last.started.lo, fallen.at_most)


def _since(readies: list[Ready], moment: float, count: int) -> float | None:
    """Since when the tier has had so many ready pods at a moment; None if it had not."""
    since = None
    for event in readies:
        if event.at_most <= moment:
            since = None if event.ready != count else event.at_most if since is None else since
    return since


def _measured(record: CaseRecord, wanted: AlertParameters, cause: Interval, over: float) -> Measurement:
    """`cause` is when the condition came to hold, `over` when the fault was ended at the earliest."""
    alerts = [event for event in record.of(Alert) if event.name == wanted.alert]
    asked = [event for event in alerts if event.by == _PROMETHEUS]
    _heeded(record, wanted.alert, asked, cause)
    told = {channel: _first(alerts, channel, "firing", cause.lo) for channel in wanted.channels}
    figures = {channel: _after(cause, event, over) for channel, event in told.items()}
    unheard = [channel for channel, event in told.items() if event is None]
    slowest = max(figures, key=lambda channel: figures[channel].hi)
    states = [event.state for event in asked if event.hi >= cause.lo and event.state != "inactive"]
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson",),
        detail=(f"never told: {', '.join(unheard)}" if unheard else f"told last: {slowest}")
        + f"; in Prometheus {wanted.alert} was {' and '.join(dict.fromkeys(states)) or 'never even pending'}",
        extra={channel: round(figure.hi, 3) for channel, figure in figures.items() if figure.ended},
        broken=tuple(_wrong(alerts, wanted, cause)) or tuple(_not_called_off(alerts, wanted.resolve_s_max, told, over)),
        fix=_FIX,
    )


def _after(cause: Interval, event: Alert | None, over: float) -> Interval:
    if event is None:
        return Interval(max(0.0, over - cause.hi), math.inf)
    return Interval(max(0.0, event.lo - cause.hi), event.hi - cause.lo)


def _heeded(record: CaseRecord, alert: str, asked: list[Alert], cause: Interval) -> None:
    """Somebody was there to see: Prometheus was asked, and the receiver was alive, before the fault."""
    if not asked or asked[0].lo > cause.lo:
        raise Inconclusive(f"Prometheus was not asked about {alert} before the fault", "can it be reached from here?")
    if not any(event.name == _PROBE and event.hi <= cause.lo for event in record.of(Alert)):
        raise Inconclusive("the receiver of notifications did not show that it was alive", "see its pod")


def _wrong(alerts: list[Alert], wanted: AlertParameters, cause: Interval) -> Iterator[Broken]:
    firing = [event for event in alerts if event.state == "firing"]
    if early := [event for event in firing if event.hi < cause.lo]:
        yield Broken(
            f"{wanted.alert} fired (by {early[0].by}) {cause.lo - early[0].hi:.0f} s before there was anything to tell",
            "compare the rule's threshold with the promise",
        )
    if strangers := {event.by for event in firing} - {_PROMETHEUS, *wanted.channels}:
        yield Broken(
            f"{wanted.alert} went to {', '.join(sorted(strangers))} as well, which its severity must not wake",
            "see the routes of Alertmanager",
        )
    if wrong := {event.severity for event in firing if event.by == _PROMETHEUS} - {wanted.severity}:
        yield Broken(
            f"{wanted.alert} is {', '.join(sorted(wrong))!r} and not {wanted.severity}", "mend the rule's label"
        )


def _not_called_off(
    alerts: list[Alert], bound_s: float, told: dict[str, Alert | None], over: float
) -> Iterator[Broken]:
    """Every channel that was told is told of the end: not while the fault goes on, and in time after it."""
    asked = [event for event in alerts if event.by == _PROMETHEUS]
    watched_s = max(event.hi for event in asked) - over
    still = _still_firing(asked, over)
    for channel, event in told.items():
        if event is None:
            continue
        resolved = _first(alerts, channel, "resolved", event.hi)
        if resolved is None and watched_s < bound_s:
            raise Inconclusive(f"the watch ended before {channel} could be told that it is over", "watch for longer")
        if resolved is None:
            yield Broken(f"{channel} was not told within {bound_s:g} s that it is over{still}", "is send_resolved set?")
        elif resolved.hi < over:
            yield Broken(f"{channel} was told that it is over while the fault went on", "the alert flaps: see its rule")
        elif resolved.hi - over > bound_s:
            yield Broken(
                f"{channel} was told after {resolved.hi - over:.0f} s that it is over, allowed {bound_s:g} s{still}",
                "see what Prometheus had to tell for so long; if it had nothing, shorten Alertmanager's group_interval",
            )


def _still_firing(asked: list[Alert], over: float) -> str:
    """Until when Prometheus itself found the alert firing after the end, and of what: words for a reason."""
    firing = [event for event in asked if event.state == "firing"]
    if not firing:
        return ""
    about = f" of {', '.join(firing[-1].about)}" if firing[-1].about else ""
    end = next((event.hi for event in asked if event.hi > firing[-1].hi), firing[-1].hi)
    return f"; in Prometheus it fired{about} until {end - over:.0f} s after the end"


def _first(alerts: list[Alert], by: str, state: str, after: float) -> Alert | None:
    return next((event for event in alerts if event.by == by and event.state == state and event.hi >= after), None)
