"""Judges a run's folder and writes every report into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.html import html_report
from reports.junit import junit_xml
from reports.results import Results, judge_run, to_json, write_text
from reports.table import summary_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from reports.targets import Targets


def report(folder: Path, targets: Targets) -> Results:
    """Writes results.json, junit.xml, summary.md and report.html; the same record gives the same bytes.

    Raises:
        ReportProblem: the run has no case.
    """
    results, records = judge_run(folder, targets)
    write_text(folder / "results.json", to_json(results))
    write_text(folder / "junit.xml", junit_xml(results))
    write_text(folder / "summary.md", summary_markdown(results))
    write_text(folder / "report.html", html_report(results, records))
    return results
