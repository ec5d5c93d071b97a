"""Whether what Prometheus says of the mesh is what the callers, the clients' proxies and the broken replica say.

Everything is compared between two scrapes of each caller's own proxy: one while it calls, before anything was broken,
and one after its last call. Only requests that were under way during the first of them may be on either side of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import Ejection, FaultProof, Pressure
from reports.judge.preconditions import PRESSURE_PERCENT_MAX
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.mesh import Scrape
from reports.model import Interval, SampledParameters, Target

if TYPE_CHECKING:
    from reports.record import CaseRecord, Sample

FILES = ("events.ndjson",)
FIRST, LAST = "first", "last"
SHOWN = 3
SHARED = ("retries", "retry_successes")  # what no caller can see, but the replica that they met
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
ROUNDED_MS = 1.0  # Envoy counts whole milliseconds


class AgreementParameters(SampledParameters):
    """Of metrics_that_differ.

    Attributes:
        zones: of whose callers the proxies are asked.
        count_error_percent: by which two counts may differ.
        latency_error_ms: by quantile, how far a caller's may lie above the bucket that its proxy's lies in: the way
            between the two, which the proxy does not measure.
    """

    zones: tuple[str, ...] = ()
    count_error_percent: float = Field(default=1, ge=0, lt=100)
    latency_error_ms: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two scrapes of one zone's caller, and its requests that were over between them, for sure or perhaps."""

    zone: str
    first: Scrape
    last: Scrape
    surely: tuple[Sample, ...]
    perhaps: tuple[Sample, ...]

    def grown(self, name: str) -> float | None:
        """By how much a counter grew; None when there is no sample of it."""
        after = self.last.figures.get(name)
        return None if after is None else after - self.first.figures.get(name, 0.0)

    @property
    def is_scraped(self) -> bool:
        """Whether Prometheus has both."""
        return bool(self.first.figures and self.last.figures)


@statistic(AgreementParameters)
def metrics_that_differ(record: CaseRecord, target: Target[AgreementParameters]) -> Measurement:
    """Number of figures of Prometheus without a sample, or other than what was counted elsewhere."""
    parameters = target.parameters
    pairs = [_pair(record, zone) for zone in parameters.zones]
    _something_to_compare(record, pairs, parameters)
    counts = dict(_counts(record, pairs, parameters))
    latencies = dict(line for pair in pairs for line in _latencies(pair, parameters))
    _not_starved(record, latencies)
    every = counts | latencies
    wrong = {name: why for name, why in every.items() if why}
    return Measurement(
        Interval(len(wrong), len(wrong)),
        (*FILES, *(f"samples-{name}.ndjson" for name in parameters.callers)),
        detail=", ".join(f"{name}: {why}" for name, why in list(wrong.items())[:SHOWN])
        or f"each of {len(every)} figures agrees",
        extra={"differ": wrong, "compared": sorted(every)},
        fix="see Prometheus' target of that proxy, and proxyStatsMatcher, which says what Envoy tells at all",
    )


def _pair(record: CaseRecord, zone: str) -> Pair:
    scrapes = {event.moment: event for event in record.of(Scrape) if event.zone == zone}
    if missing := {FIRST, LAST} - scrapes.keys():
        raise Inconclusive(f"nobody asked Prometheus for the {min(missing)} scrape of {zone}", "see chaos.log")
    first, last = scrapes[FIRST], scrapes[LAST]
    samples = [sample for caller in record.callers if caller.zone == zone for sample in caller.samples]
    if last.lo is not None and samples and last.lo < max(sample.done for sample in samples):
        raise Inconclusive(f"the last scrape of {zone} came before its last request was over", "wait for the next")
    if any(last.figures.get(name, value) < value for name, value in first.figures.items()):
        raise Inconclusive(f"the proxy of {zone} was started anew: its counters went back", "run it again")
    begin, end = (first.lo, first.hi) if first.lo is not None and first.hi is not None else (-math.inf, -math.inf)
    return Pair(
        zone,
        first,
        last,
        tuple(sample for sample in samples if sample.sent >= end),
        tuple(sample for sample in samples if sample.done > begin),
    )


def _something_to_compare(record: CaseRecord, pairs: Sequence[Pair], parameters: AgreementParameters) -> None:
    """Zero equals zero whoever counts: there must have been enough requests, errors, retries and ejections."""
    requests = sum(len(pair.surely) for pair in pairs)
    if requests < parameters.samples_min:
        raise Inconclusive(
            f"only {requests} requests between the scrapes, {parameters.samples_min} are needed", "a longer load"
        )
    seen = {
        "errors": sum(_failed(pair.surely) for pair in pairs),
        "retries": _retried(record, pairs),
        "ejections": sum(_ejections(record, pair.zone) for pair in pairs),
    }
    for name, count in seen.items():
        if count <= 0:
            raise Inconclusive(f"there were no {name}, so nothing shows that they are counted", "break it for longer")


def _counts(record: CaseRecord, pairs: Sequence[Pair], parameters: AgreementParameters) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        attempts, retries = pair.grown("attempts"), pair.grown("retries")
        known = None if attempts is None or retries is None else attempts - retries
        unanswered = sum(sample.status == 0 for sample in pair.perhaps)
        requests = Interval(len(pair.surely) - unanswered, len(pair.perhaps))
        errors = Interval(_failed(pair.surely), _failed(pair.perhaps) + unanswered)
        ejections = _ejections(record, pair.zone)
        # Envoy has no counter of a class of answers until there is one.
        counted = pair.grown("errors") if "errors" in pair.last.figures else 0.0 if errors.lo == 0 else None
        yield f"{pair.zone} requests", _unlike(pair, known, requests, parameters)
        yield f"{pair.zone} errors", _unlike(pair, counted, errors, parameters)
        yield (
            f"{pair.zone} ejections",
            _unlike(pair, pair.grown("ejections"), Interval(ejections, ejections), parameters),
        )
    retried = _retried(record, pairs)
    for name in SHARED:
        grown = [pair.grown(name) for pair in pairs]
        whole = [each for each in grown if each is not None]
        total = sum(whole) if len(whole) == len(grown) else None
        silent = next((pair for pair in pairs if not pair.is_scraped), pairs[0])
        yield name, _unlike(silent, total, Interval(retried, retried), parameters)


def _unlike(pair: Pair, said: float | None, counted: Interval, parameters: AgreementParameters) -> str:
    """Why a count of Prometheus is not what others counted, "" if it is."""
    if said is None or not pair.is_scraped:
        return "no sample"
    error = math.floor(parameters.count_error_percent / 100 * counted.hi)
    if counted.lo - error <= said <= counted.hi + error:
        return ""
    seen = f"{counted.lo:g}" if counted.lo == counted.hi else f"{counted.lo:g} to {counted.hi:g}"
    return f"Prometheus has {said:g}, seen were {seen}"


def _latencies(pair: Pair, parameters: AgreementParameters) -> Iterator[tuple[str, str]]:
    times_ms = sorted((sample.done - sample.sent) * 1000 for sample in pair.surely if sample.status)
    buckets = {bound: pair.last.buckets[bound] - pair.first.buckets.get(bound, 0.0) for bound in pair.last.buckets}
    for name, share in QUANTILES.items():
        between = bucket_of(buckets, share) if pair.is_scraped else None
        yield f"{pair.zone} {name}", _slower(between, times_ms, share, parameters.latency_error_ms.get(name, 0.0))


def _slower(between: Interval | None, times_ms: Sequence[float], share: float, error_ms: float) -> str:
    if between is None:
        return "no sample"
    seen_ms = times_ms[math.ceil(share * len(times_ms)) - 1] if times_ms else math.nan
    if between.lo - ROUNDED_MS <= seen_ms <= between.hi + error_ms:
        return ""
    return f"Prometheus has {between.lo:g} to {between.hi:g} ms, seen were {seen_ms:.1f} ms"


def bucket_of(buckets: Mapping[str, float], share: float) -> Interval | None:
    """The bounds (ms) of the bucket of a histogram that holds a quantile; None if it is empty."""
    ordered = sorted((math.inf if bound == "+Inf" else float(bound), count) for bound, count in buckets.items())
    total = ordered[-1][1] if ordered else 0.0
    if total <= 0:
        return None
    below = 0.0
    for bound, count in ordered:
        if count >= share * total:
            return Interval(below, bound)
        below = bound
    return None


def _not_starved(record: CaseRecord, latencies: Mapping[str, str]) -> None:
    """A caller that waits for a processor measures its own wait, and its proxy does not."""
    apart = [name for name, why in latencies.items() if why and why != "no sample"]
    worst = max((event.cpu_some_avg10 for event in record.of(Pressure)), default=0.0)
    if apart and worst > PRESSURE_PERCENT_MAX:
        raise Inconclusive(
            f"{apart[0]}: {latencies[apart[0]]}, but something waited for a processor {worst:.0f} % of the time",
            "free the machine",
            starved=True,
        )


def _failed(samples: Sequence[Sample]) -> int:
    return sum(sample.status >= 500 for sample in samples)


def _ejections(record: CaseRecord, zone: str) -> int:
    """How often a zone's caller was seen to eject somebody, by its proxy's own flags."""
    return sum(f"caller-{zone}-" in event.client for event in record.of(Ejection))


def _retried(record: CaseRecord, pairs: Sequence[Pair]) -> int:
    """How many errors of the broken replica nobody saw: each was asked again elsewhere."""
    answered = [proof.observed.get("faulted_total") for proof in record.of(FaultProof)]
    met = sum(count for count in answered if isinstance(count, int))
    return met - sum(_failed(pair.surely) for pair in pairs)
