"""What the terminal shows at the end of a run, and the same as Markdown for a CI summary page."""

from __future__ import annotations

import os

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.baseline import Calm
from reports.model import Outcome, figure
from reports.results import Control, Results
from reports.words import Complaint, allowed_text, complaints, margin_text

_COLOURS = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.ERROR: "bold magenta",
}
_CONTROL_COLOURS = {Control.KILLED: "green", Control.SURVIVED: "bold red", Control.INCONCLUSIVE: "yellow"}
_COMPLAINT_COLOURS = {each.value: style for each, style in (*_COLOURS.items(), *_CONTROL_COLOURS.items())}
_MARKDOWN_CELL_CHARS_MAX = 300
_LOG_WIDTH = 150


def screen(console: Console | None = None) -> Console:
    """The terminal as it is, or one wide enough for a CI log, which has no edge to wrap at."""
    console = console or Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_WIDTH
    return console


def print_table(results: Results, console: Console | None = None) -> None:
    """Targets, then what was wrong and how to mend it, then controls, then the conclusion as the last line."""
    console = screen(console)
    console.print(Group(*_parts(results, wide=console.width >= _LOG_WIDTH)))


def _parts(results: Results, *, wide: bool) -> list[Table | Text]:
    parts: list[Table | Text] = [_targets(results, wide=wide)] if results.verdicts else [Text(f"Run {results.run}")]
    for wrong in complaints(results):
        parts += _complaint(wrong, results.run)
    if results.controls:
        parts += [Text(""), _controls(results)]
    for each in results.drifted:
        parts.append(Text(f"\ndrift, though the promise is kept: {each.target} {each.note}", style="yellow"))
    for quiet in results.baselines:
        style = "green" if quiet.calm is Calm.QUIET else "yellow"
        parts.append(Text(f"\n{quiet.case}, nothing was broken: {quiet.reason}", style=style))
    parts.append(Text(f"\n{results.outcome.value}: {results.conclusion}", style=_COLOURS[results.outcome]))
    return parts


def _complaint(wrong: Complaint, run: str) -> list[Table | Text]:
    files = ", ".join(f"{run}/{file}" for file in wrong.evidence)
    return [
        Text(f"\n{wrong.subject}: {wrong.reason}", style=_COMPLAINT_COLOURS[wrong.kind]),
        Text(f"  see: {files}", overflow="fold"),
        Text(f"  fix: {wrong.fix}"),
    ]


def _targets(results: Results, *, wide: bool) -> Table:
    """On a narrow screen promise and evidence stand under the target, or nothing could be read."""
    table = Table(title=f"Run {escape(results.run)}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("target", overflow="fold", no_wrap=wide)
    if wide:
        table.add_column("promise", overflow="fold")
    for heading in ("allowed", "measured", "margin"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if wide:
        table.add_column("evidence", overflow="fold")
    for verdict in results.verdicts:
        evidence = verdict.case if verdict.evidence else "-"
        name = Text(verdict.target)
        if not wide:
            name.append(f"\n{verdict.promise}\n{evidence}", style="dim")
        table.add_row(
            name,
            *([Text(verdict.promise)] if wide else []),
            allowed_text(verdict),
            figure(verdict.measured, verdict.unit),
            margin_text(verdict),
            Text(verdict.outcome.value, style=_COLOURS[verdict.outcome]),
            *([Text(evidence)] if wide else []),
        )
    return table


def _controls(results: Results) -> Table:
    table = Table(
        title="Negative controls: the check must notice", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for heading in ("target", "without", "result", "reason"):
        table.add_column(heading, overflow="fold")
    for control in results.controls:
        style = _CONTROL_COLOURS[control.result]
        table.add_row(
            escape(control.target),
            escape(control.control),
            Text(control.result.value, style=style),
            escape(control.reason),
        )
    return table


def summary_markdown(results: Results) -> str:
    """summary.md: small enough for a CI's step summary whatever went wrong."""
    lines = [
        f"## {results.outcome.value}: {_cell(results.conclusion)}",
        "",
        "| target | promise | allowed | measured | margin | verdict |",
        "|---|---|---:|---:|---:|---|",
    ]
    for v in results.verdicts:
        cells = (v.target, v.promise, allowed_text(v), figure(v.measured, v.unit), margin_text(v), v.outcome.value)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    for wrong in complaints(results):
        see = ", ".join(wrong.evidence)
        lines += [
            "",
            f"- **{_cell(wrong.subject)}** {_cell(wrong.reason)} *See:* {_cell(see)} *Fix:* {_cell(wrong.fix)}",
        ]
    lines += [line for each in results.drifted for line in ("", f"- **drift** {_cell(each.target)} {_cell(each.note)}")]
    lines += [line for each in results.baselines for line in ("", f"- **{_cell(each.case)}** {_cell(each.reason)}")]
    if results.controls:
        lines += ["", "| negative control | of target | result | reason |", "|---|---|---|---|"]
    for c in results.controls:
        lines.append(f"| {' | '.join(_cell(cell) for cell in (c.control, c.target, c.result.value, c.reason))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    short = " ".join(text.split())[:_MARKDOWN_CELL_CHARS_MAX]
    for char, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'")):
        short = short.replace(char, safe)
    return short
