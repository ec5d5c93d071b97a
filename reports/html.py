"""report.html: one file that needs no network and no script, for a reader who was not there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from reports.events import Coverage, Handshake
from reports.model import Outcome, Verdict, figure
from reports.table import allowed_text, margin_text
from reports.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import CaseRecord
    from reports.results import CaseFigures, ControlResult, Results

_MODES = ("plaintext", "tls1.2", "tls1.3-no-cert", "mesh")


@dataclass(frozen=True, slots=True)
class CaseView:
    """What the template shows of one case."""

    figures: CaseFigures
    verdicts: tuple[Verdict, ...]
    chips: tuple[tuple[str, str], ...]
    svg: Markup
    ports: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def html_report(results: Results, records: Sequence[CaseRecord]) -> str:
    """The page. Every word of a record is escaped: by the template, and by svg.tag inside the pictures."""
    by_case = {record.case.case: record for record in records}
    views = [_view(figures, by_case[figures.case], results) for figures in results.cases if figures.case in by_case]
    views.sort(key=lambda view: (view.figures.control is not None, view.figures.case))
    unproven = [v for v in results.verdicts if v.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}]
    slowest = sorted((c for c in results.cases if c.wall_s is not None), key=lambda c: -(c.overhead_s or 0))
    return _template().render(
        results=results,
        views=views,
        unproven=unproven,
        unproven_controls=[c for c in results.controls if c.verdict.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}],
        slowest=slowest,
        modes=_MODES,
    )


def anchor(case: str) -> str:
    """An id for a case that is safe in a link."""
    return "case-" + "".join(char if char.isalnum() else "-" for char in case)


def _view(figures: CaseFigures, record: CaseRecord, results: Results) -> CaseView:
    verdicts = [v for v in results.verdicts if v.case == figures.case]
    controls = [c for c in results.controls if c.case == figures.case]
    chips = [(f"{v.target} {v.outcome.value}", v.outcome.value) for v in verdicts]
    chips += [(f"{c.target} {c.result.value}", _control_class(c)) for c in controls]
    verdicts += [c.verdict for c in controls]
    picture = Markup(timeline(record, verdicts))  # noqa: S704 - svg.tag escaped every word of it
    return CaseView(figures, tuple(verdicts), tuple(chips), picture, _ports(record))


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


def _shown(value: object) -> str:
    """A figure of `extra` or of the environment as a reader wants it."""
    if value is None:
        return "not seen"
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _control_class(control: ControlResult) -> str:
    return {"killed": "passed", "survived": "failed"}.get(control.result.value, "inconclusive")


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
    }
    return environment.get_template("report.html.j2")
