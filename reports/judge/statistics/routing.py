"""Which version of the storefront answers whom: by weight, and by a header of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.answers import files_of, told
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.judge.shares import ShareParameters, Words, judged, shown
from reports.model import Interval, SampledParameters, Target

if TYPE_CHECKING:
    from reports.record import CaseRecord

SHOWN = 5


class VersionParameters(ShareParameters):
    """Of version_percent.

    Attributes:
        version: whose share it is.
    """

    version: str = Field(min_length=1)


class VariantParameters(SampledParameters):
    """Of misrouted_requests.

    Attributes:
        versions: by the first word of a caller's name, the version that must answer each of its requests.
    """

    versions: dict[str, str] = Field(min_length=1)

    def wanted(self, name: str) -> str | None:
        """The version that must answer a caller."""
        return self.versions.get(name.partition("-")[0])


@statistic(VersionParameters)
def version_percent(record: CaseRecord, target: Target[VersionParameters]) -> Measurement:
    """Share of the answers that a version gave, with its exact confidence interval; each caller's proxy keeps it."""
    parameters = target.parameters
    versions = {name: [sample.answer for sample in told(record, name)] for name in parameters.callers}
    counts = {name: (given.count(parameters.version), len(given)) for name, given in versions.items()}
    fix = f"the weight of version {parameters.version} in the route: {target.limit:g}"
    words = Words(f"the proxy of {{}} sent {{}} to {parameters.version}", "answered_by_" + parameters.version, fix)
    return judged(target, counts, words, files_of(parameters.callers))


@statistic(VariantParameters)
def misrouted_requests(record: CaseRecord, target: Target[VariantParameters]) -> Measurement:
    """Number of answers that another version gave than the one that the request asked for.

    Each variant must have been asked for often enough: a route that nobody took was not tested.
    """
    parameters = target.parameters
    wrong: dict[str, str] = {}
    asked = dict.fromkeys(parameters.versions.values(), 0)
    counts: dict[str, str] = {}
    for name in parameters.callers:
        wanted = parameters.wanted(name)
        if wanted is None:
            raise Inconclusive(f"no version is said for caller {name}", "name it in versions of the target")
        samples = told(record, name)
        others = {f"{name}-{sample.i}": str(sample.answer) for sample in samples if sample.answer != wanted}
        wrong |= others
        asked[wanted] += len(samples)
        counts[name] = f"{wanted} answered {shown(len(samples) - len(others), len(samples))}"
    for version, answered in asked.items():
        if answered < parameters.samples_min:
            raise Inconclusive(
                f"only {answered} requests that version {version} should answer, {parameters.samples_min} are needed",
                "a longer load",
            )
    first = ", ".join(f"{mark} by {version}" for mark, version in list(wrong.items())[:SHOWN])
    return Measurement(
        Interval(len(wrong), len(wrong)),
        files_of(parameters.callers),
        detail=f"of {sum(asked.values())} answers" + (f", first {first}" if wrong else ""),
        extra={"callers": counts},
        fix="route by the header x-variant before the rule without it",
    )
