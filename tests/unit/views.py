"""Whether the views of results.json say what it says; asked of every record of the corpus."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import jsonschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from reports.junit import junit_xml
from reports.openmetrics import openmetrics_text
from reports.results import SCHEMA, Results, to_json
from reports.table import summary_markdown

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def assert_views_are_well_formed(results: Results) -> None:
    """Checks results.json against its schema, and that OpenMetrics' own parser counts as many promises kept."""
    told = json.loads(to_json(results))
    assert VALIDATOR.is_valid(told), list(VALIDATOR.iter_errors(told))
    samples = [each for family in text_string_to_metric_families(openmetrics_text(results)) for each in family.samples]
    green = [each for each in samples if each.labels.get("resilience_target_outcome") == "passed" and each.value]
    assert len(green) == sum(verdict["outcome"] == "passed" for verdict in told["verdicts"])


def assert_views_agree(results: Results) -> None:
    """Checks that every view for people counts as many red lines as there are."""
    told = json.loads(to_json(results))
    red = sum(verdict["outcome"] != "passed" for verdict in told["verdicts"])
    red += sum(control["result"] != "killed" for control in told["controls"])
    root = ET.fromstring(junit_xml(results))  # noqa: S314 - we wrote it
    assert int(root.get("failures", 0)) + int(root.get("errors", 0)) == red
    assert summary_markdown(results).count("*Fix:*") == red
