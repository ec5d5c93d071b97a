"""Judges a run's folder and writes every report into it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reports.history import earlier, trends
from reports.html import html_report
from reports.junit import junit_xml
from reports.openmetrics import openmetrics_text
from reports.results import Results, judge_run, to_json, write_text
from reports.table import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reports.record import CaseRecord
    from reports.targets import Targets


def report(folder: Path, targets: Targets) -> Results:
    """Judges a run, compares it with earlier ones beside it and writes every report into its folder.

    Raises:
        ReportProblem: the run has no case.
    """
    results, records = judge_run(folder, targets)
    results = replace(results, history=trends(results, earlier(folder)))
    write_reports(folder, results, records)
    return results


def write_reports(folder: Path, results: Results, records: Sequence[CaseRecord]) -> None:
    """Writes results.json and its views; the records serve the pictures of the page alone."""
    write_text(folder / "results.json", to_json(results))
    write_text(folder / "junit.xml", junit_xml(results))
    write_text(folder / "metrics.prom", openmetrics_text(results))
    write_text(folder / "summary.md", summary_markdown(results))
    write_text(folder / "report.html", html_report(results, records))
