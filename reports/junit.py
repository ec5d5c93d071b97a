"""JUnit for CI: failed is a failure, error and inconclusive are errors of that type, none is skipped: all are red."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from reports.model import Outcome, Verdict, figure
from reports.results import Control, Results
from reports.words import Complaint, allowed_text, control_complaint, margin_text, verdict_complaint

_FAILURES = (Outcome.FAILED.value, Control.SURVIVED.value)
# What XML 1.0 cannot carry, not even escaped: an exception's text may hold terminal colours.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: Results) -> str:
    """One suite for promises and one for negative controls."""
    root = ET.Element("testsuites", name=_clean(results.run))
    promises = ET.SubElement(root, "testsuite", name="targets")
    for verdict in results.verdicts:
        case = _case(promises, verdict, verdict.target)
        if verdict.outcome is not Outcome.PASSED:
            _complain(case, verdict_complaint(verdict))
    controls = ET.SubElement(root, "testsuite", name="negative controls")
    for control in results.controls:
        case = _case(controls, control.verdict, f"{control.target}~{control.control}")
        if control.result is not Control.KILLED:
            _complain(case, control_complaint(control))
    for element in (promises, controls, root):
        _count(element)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, verdict: Verdict, name: str) -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=_clean(verdict.case), name=_clean(name))
    properties = ET.SubElement(case, "properties")
    facts = {
        "target": verdict.target,
        "measured": figure(verdict.measured, verdict.unit),
        "allowed": allowed_text(verdict),
        "margin": margin_text(verdict),
    }
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    if verdict.evidence:
        ET.SubElement(case, "system-out").text = _clean("evidence: " + ", ".join(verdict.evidence))
    return case


def _complain(case: ET.Element, complaint: Complaint) -> None:
    tag = "failure" if complaint.kind in _FAILURES else "error"
    element = ET.Element(tag, type=complaint.kind, message=_clean(complaint.reason))
    element.text = _clean(f"see: {', '.join(complaint.evidence)}\nfix: {complaint.fix}")
    case.insert(1, element)


def _count(element: ET.Element) -> None:
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
