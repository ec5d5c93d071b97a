"""report.html: one file that needs no network and no script, for a reader who was not there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from reports.baseline import WORTH
from reports.drift import EARLIER_MIN
from reports.events import Coverage, Handshake
from reports.model import Verdict, figure
from reports.svg import sparkline
from reports.timeline import Timeline, timeline
from reports.words import allowed_text, complaints, margin_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.drift import Trend
    from reports.figures import CaseFigures
    from reports.record import CaseRecord
    from reports.results import ControlResult, Results

_MODES = ("plaintext", "tls1.2", "tls1.3-no-cert", "mesh")
_BROKEN = {"failed", "survived"}
_PORTS_MAX, _ITEMS_MAX = 400, 8
_OPEN_MAX = 6  # a whole gate has a hundred cases: nobody scrolls through all their pictures


@dataclass(frozen=True, slots=True)
class CaseView:
    """What the template shows of one case."""

    figures: CaseFigures
    verdicts: tuple[Verdict, ...]
    chips: tuple[tuple[str, str], ...]
    timeline: Timeline | None
    zones: tuple[str, ...]
    ports: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    @property
    def wrong(self) -> bool:
        """Something in it is worth looking at."""
        return bool(self.figures.defects) or any(kind != "passed" for _, kind in self.chips)


def html_report(results: Results, records: Sequence[CaseRecord]) -> str:
    """The page: words and figures are those of results.json, the records are there for pictures and ports alone.

    Every word of a record is escaped: by the template, and by svg.tag inside the pictures.
    """
    by_case = {record.case.case: record for record in records}
    views = [_view(figures, by_case[figures.case], results) for figures in results.cases if figures.case in by_case]
    views.sort(key=lambda view: (view.figures.control is not None, view.figures.case))
    wrong = list(complaints(results))
    return _template().render(
        results=results,
        views=views,
        broken=[each for each in wrong if each.kind in _BROKEN],
        unproven=[each for each in wrong if each.kind not in _BROKEN],
        also={v.target: v.extra["also"] for v in results.verdicts if v.extra.get("also")},
        trends={(trend.target, trend.case): trend for trend in results.history},
        compared=[trend for trend in results.history if trend.usual is not None],
        uncompared=[trend for trend in results.history if trend.usual is None],
        earlier_min=EARLIER_MIN,
        slowest=sorted(results.cases, key=lambda case: -(case.overhead_s or 0)),
        modes=_MODES,
        open_max=_OPEN_MAX,
    )


def anchor(case: str) -> str:
    """An id for a case that is safe in a link."""
    return "case-" + "".join(char if char.isalnum() else "-" for char in case)


def _view(figures: CaseFigures, record: CaseRecord, results: Results) -> CaseView:
    verdicts = [v for v in results.verdicts if v.case == figures.case]
    controls = [c for c in results.controls if c.case == figures.case]
    chips = [(f"{v.target} {v.outcome.value}", v.outcome.value) for v in verdicts]
    chips += [(f"{c.target} {c.result.value}", _control_class(c)) for c in controls]
    chips += [(b.calm.value, WORTH[b.calm].value) for b in results.baselines if b.case == figures.case]
    verdicts += [c.verdict for c in controls]
    zones = sorted({zone for tier in figures.tiers for zone in tier.lowest_by_zone})
    return CaseView(
        figures, tuple(verdicts), tuple(chips), timeline(record, verdicts), tuple(zones), _ports(record)[:_PORTS_MAX]
    )


def _ports(record: CaseRecord) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Each port with the worst outcome of every mode; "not tried" where there is none."""
    outcomes: dict[tuple[str, str], str] = {}
    order = ("refused", "unreachable", "accepted")
    for event in record.of(Handshake):
        key = (event.where, event.mode)
        outcomes[key] = max(outcomes.get(key, "refused"), event.outcome, key=order.index)
    ports = {where for where, _ in outcomes} | {port for event in record.of(Coverage) for port in event.expected}
    return tuple(
        (port, tuple((mode, outcomes.get((port, mode), "not tried")) for mode in _MODES)) for port in sorted(ports)
    )


def _spark(trend: Trend | None) -> Markup:
    """The figures of earlier runs and this one; nothing where there is only one."""
    values = [each.value for each in (*trend.earlier, *([trend.now] if trend.now else []))] if trend else []
    if trend is None or len(values) < 2:
        return Markup("")
    band = (
        None if trend.usual is None or trend.noise is None else (trend.usual - trend.noise, trend.usual + trend.noise)
    )
    return Markup(sparkline(values, band, alarm=trend.drifted))  # noqa: S704 - numbers alone


def _file(path: str) -> str:
    """What a link to a file of evidence says."""
    return (path.rpartition("/")[2].partition(".")[0] or path.rstrip("/")).removeprefix("samples-")


def _shown(value: object) -> str:
    """A figure of `extra` or of the environment as a reader wants it."""
    if value is None:
        return "not seen"
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _control_class(control: ControlResult) -> str:
    return {"killed": "passed", "survived": "failed"}.get(control.result.value, "inconclusive")


def _is_long(value: object) -> bool:
    return isinstance(value, dict | list) and len(value) > _ITEMS_MAX


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": lambda verdict: figure(verdict.measured, verdict.unit),
        "allowed": allowed_text,
        "margin": margin_text,
        "anchor": anchor,
        "shown": _shown,
        "control_class": _control_class,
        "calm_class": lambda baseline: WORTH[baseline.calm].value,
        "spark": _spark,
        "picture": Markup,
        "file": _file,
    }
    environment.tests["long"] = _is_long
    return environment.get_template("report.html.j2")
