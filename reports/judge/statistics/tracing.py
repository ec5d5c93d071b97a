"""Whether requests are traced as often as promised, and whether a trace shows the whole way of its request.

A request is known by its mark, `<caller>-<i>`: its caller sends it and the mesh puts it on the spans of the proxies
that see it. What the store holds is in the record as `trace` events; how it was asked, as `trace.search`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.answers import files_of
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.judge.shares import ShareParameters, Words, judged, shown
from reports.model import Interval, SampledParameters, Target
from reports.traces import Span, Trace, TraceSearch

if TYPE_CHECKING:
    from reports.record import CaseRecord, Sample

MARK, DATABASE = "experiment.request", "db.system"
GATEWAY = "gateway"
SHOWN = 5


class SamplingParameters(ShareParameters):
    """Of traced_percent.

    Attributes:
        warm_up_s: seconds from a caller's first request in which none counts: connections are made then.
    """

    warm_up_s: float = Field(default=0, ge=0)


class OrderParameters(SampledParameters):
    """Of untraced_requests; warm_up_s as above."""

    warm_up_s: float = Field(default=0, ge=0)


class PropagationParameters(OrderParameters):
    """Of broken_traces.

    Attributes:
        services: services that every trace must lead through.
        calls_database: services of which every trace must show a call to a database.
        tags: tags that the first span of every trace must carry.
    """

    services: tuple[str, ...] = ()
    calls_database: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@statistic(SamplingParameters)
def traced_percent(record: CaseRecord, target: Target[SamplingParameters]) -> Measurement:
    """Share of answered requests whose first proxy decided to trace them, with its exact confidence interval.

    Decisions are counted, not spans: a request is traced if a span without parent carries its mark. The promise must
    also hold for each caller's first proxy alone; together these tests have the same false-alarm rate again.
    """
    parameters, rooted = target.parameters, _rooted(record, target.parameters.callers)
    asked = {
        name: _requests(record, name, parameters.warm_up_s, lambda sample: sample.status > 0)
        for name in parameters.callers
    }
    counts = {name: (sum(mark in rooted for mark in marks), len(marks)) for name, marks in asked.items()}
    fix = f"set randomSamplingPercentage: {target.limit:g} in the mesh's Telemetry"
    return judged(target, counts, Words("first proxy of {} traced {}", "traced", fix), files_of(parameters.callers))


@statistic(OrderParameters)
def untraced_requests(record: CaseRecord, target: Target[OrderParameters]) -> Measurement:
    """Number of acknowledged requests, of those that must all be traced, that no trace begins with."""
    rooted = _rooted(record, target.parameters.callers)
    asked = {name: _acknowledged(record, name, target.parameters.warm_up_s) for name in target.parameters.callers}
    missing = {name: [mark for mark in marks if mark not in rooted] for name, marks in asked.items()}
    every = [mark for marks in missing.values() for mark in marks]
    total = sum(map(len, asked.values()))
    _enough(total, target.parameters.samples_min)
    return Measurement(
        Interval(len(every), len(every)),
        files_of(target.parameters.callers),
        detail=f"of {total} acknowledged requests" + (f", first {', '.join(every[:SHOWN])}" if every else ""),
        extra={
            "traced": {name: shown(len(marks) - len(missing[name]), len(marks)) for name, marks in asked.items()},
            "untraced": every,
        },
        fix="trace the critical routes at 100 % where the decision is made: in the first proxy",
    )


@statistic(PropagationParameters)
def broken_traces(record: CaseRecord, target: Target[PropagationParameters]) -> Measurement:
    """Number of acknowledged requests that are not exactly one whole trace over every service of the target."""
    by_mark: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces_of(record):
        for mark in marks_of(trace.spans):
            by_mark[mark].append(trace)
    marks = [
        mark for name in target.parameters.callers for mark in _acknowledged(record, name, target.parameters.warm_up_s)
    ]
    _enough(len(marks), target.parameters.samples_min)
    broken = {mark: wrong for mark in marks if (wrong := list(wrong_with(by_mark.get(mark, []), target.parameters)))}
    first = "; ".join(f"{mark}: {', '.join(wrong)}" for mark, wrong in list(broken.items())[:SHOWN])
    return Measurement(
        Interval(len(broken), len(broken)),
        files_of(target.parameters.callers),
        detail=first or f"each of {len(marks)} acknowledged requests is one whole trace",
        extra={"broken": broken, "requests": len(marks)},
        fix="hand traceparent and tracestate on at every hop, jobs included",
    )


def wrong_with(traces: Sequence[Trace], wanted: PropagationParameters) -> Iterator[str]:
    """Yields what keeps a request's traces from being one whole trace."""
    if len(traces) != 1:
        yield f"split into {len(traces)} traces" if traces else "no trace"
        return
    spans = traces[0].spans
    ids, roots = {span.id for span in spans}, [span for span in spans if span.parent is None]
    if len(roots) != 1:
        yield f"{len(roots)} first spans"
    if orphans := [span for span in spans if span.parent is not None and span.parent not in ids]:
        yield f"{orphans[0].service} {orphans[0].operation} hangs in the air: its parent is not there"
    if len(marks := marks_of(spans)) > 1:
        yield f"shares its trace with {len(marks) - 1} other requests"
    if missing := sorted(set(wanted.services) - {span.service for span in spans}):
        yield f"no span of {', '.join(missing)}"
    asking = {span.service for span in spans if span.tags.get(DATABASE)}
    if silent := sorted(set(wanted.calls_database) - asking):
        yield f"no database call of {', '.join(silent)}"
    if untagged := sorted(tag for tag in wanted.tags if not all(root.tags.get(tag) for root in roots)):
        yield f"first span without {', '.join(untagged)}"


def traces_of(record: CaseRecord) -> tuple[Trace, ...]:
    """Returns every trace of this run that the store holds.

    Raises:
        Inconclusive: they were not looked for, not all were found for sure, or there is none at all.
    """
    searches = record.of(TraceSearch)
    if not searches:
        raise Inconclusive("nobody looked for the traces of this run", "see chaos.log of the case")
    search = searches[-1]
    if not search.complete:
        raise Inconclusive(f"perhaps not every trace was found: {search.why}", "give the search longer")
    traces = {trace.id: trace for trace in record.of(Trace)}
    if len(traces) != search.traces:
        raise Inconclusive(f"the record holds {len(traces)} of {search.traces} traces that were found", "run it again")
    if not traces:
        raise Inconclusive(
            "the tracing store shows no trace of this run at all: nothing was observed", "see the collector's log"
        )
    return tuple(traces.values())


def _rooted(record: CaseRecord, callers: Sequence[str]) -> frozenset[str]:
    """Marks of the requests that a trace begins with.

    Raises:
        Inconclusive: no trace at all begins at the first proxy of a caller: then nothing shows that its spans arrive,
            and a trace that is not there may have been made.
    """
    first = ([span for span in trace.spans if span.parent is None] for trace in traces_of(record))
    rooted = frozenset(mark for spans in first for mark in marks_of(spans))
    proxies = {caller.name: (caller.head and caller.head.zone) or GATEWAY for caller in record.callers}
    heard = {proxies.get(mark.rpartition("-")[0]) for mark in rooted}
    if silent := sorted({proxies[name] for name in callers} - heard):
        raise Inconclusive(
            f"not one trace begins at {', '.join(silent)}: nothing shows that spans arrive from there",
            "see its proxy's log",
        )
    return rooted


def marks_of(spans: Sequence[Span]) -> frozenset[str]:
    """Returns the marks of requests that spans carry."""
    return frozenset(span.tags[MARK] for span in spans if MARK in span.tags)


def _requests(record: CaseRecord, name: str, warm_up_s: float, counts: Callable[[Sample], bool]) -> list[str]:
    """Marks of those of a caller's requests that count, from when it was warm."""
    samples = [sample for caller in record.callers if caller.name == name for sample in caller.samples]
    warm = samples[0].due + warm_up_s if samples else 0.0
    return [f"{name}-{sample.i}" for sample in samples if sample.due >= warm and counts(sample)]


def _acknowledged(record: CaseRecord, name: str, warm_up_s: float) -> list[str]:
    return _requests(record, name, warm_up_s, lambda sample: 200 <= sample.status < 300)


def _enough(found: int, needed: int) -> None:
    if found < needed:
        raise Inconclusive(f"only {found} requests were acknowledged, {needed} are needed", "a longer load")
