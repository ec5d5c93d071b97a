"""What the terminal shows at the end of a run, and the same as Markdown for a CI summary page."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.model import Outcome, Verdict, figure
from reports.results import Control, Results

_COLOURS = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.ERROR: "bold magenta",
}
_CONTROL_COLOURS = {Control.KILLED: "green", Control.SURVIVED: "bold red", Control.INCONCLUSIVE: "yellow"}
_MARKDOWN_CELL_CHARS_MAX = 300
_LOG_WIDTH = 150


def print_table(results: Results, console: Console | None = None) -> None:
    """Targets, then what was wrong and how to mend it, then controls, then the conclusion as the last line."""
    screen = console or Console()
    if not screen.is_terminal:
        screen.width = _LOG_WIDTH  # a CI log has no edge to wrap at
    screen.print(Group(*_parts(results, wide=screen.width >= _LOG_WIDTH)))


def allowed_text(verdict: Verdict) -> str:
    """The limit as it is read: "< 60 s"."""
    return "-" if verdict.allowed is None else f"{verdict.relation} {verdict.allowed:g} {verdict.unit}".rstrip()


def margin_text(verdict: Verdict) -> str:
    """Distance to the limit with its sign: "+18.8 s"."""
    if verdict.margin is None:
        return "-"
    shown = f"{verdict.margin:+.1f}" if verdict.unit in {"s", "%", "ms"} else f"{verdict.margin:+g}"
    return f"{'0' if verdict.margin == 0 else shown} {verdict.unit}".rstrip()


def _parts(results: Results, *, wide: bool) -> list[Table | Text]:
    parts: list[Table | Text] = [_targets(results, wide=wide)]
    for verdict in results.verdicts:
        if verdict.outcome is not Outcome.PASSED:
            parts.append(Text(f"\n{verdict.target}: {verdict.reason}", style=_COLOURS[verdict.outcome]))
            parts += [Text(f"  fix: {verdict.fix}")] if verdict.fix else []
    if results.controls:
        parts += [Text(""), _controls(results)]
    parts.append(Text(f"\n{results.outcome.value}: {results.conclusion}", style=_COLOURS[results.outcome]))
    return parts


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
        evidence = f"{verdict.case}/" if verdict.evidence else "-"
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
    for v in results.verdicts:
        if v.outcome is not Outcome.PASSED:
            lines += ["", f"- **{_cell(v.target)}** {_cell(v.reason)}" + (f" *Fix:* {_cell(v.fix)}" if v.fix else "")]
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
