"""Targets, tests, documents and negative controls name each other; none stands alone."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.paths import ROOT
from experiments import catalogue
from reports.baseline import AREA

TESTS = Path(__file__).parent.parent
RULES = ROOT / "deploy" / "observability" / "prometheus" / "rules"
TARGETS = {target["id"]: target for target in tomllib.loads(catalogue.TARGETS.read_text())["target"]}


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Returns (file, call) for each call in a test that may name a target or an experiment."""
    texts = {path.name: path.read_text() for path in sorted(TESTS.glob("*/test_*.py"))}
    telling = {name: text for name, text in texts.items() if "verifies(" in text or "experiment(" in text}
    return [
        (name, node) for name, text in telling.items() for node in ast.walk(ast.parse(text)) if type(node) is ast.Call
    ]


def named_by_tests() -> Any:
    """Returns (file, target) for each pytest.mark.verifies in the live tests."""
    marks = [(name, call) for name, call in calls() if getattr(call.func, "attr", None) == "verifies"]
    return [(name, ast.literal_eval(argument)) for name, call in marks for argument in call.args]


@cache
def calls_in_tests() -> Any:
    """Returns (experiment, control) for each experiment that a live test runs."""
    found = set()
    for _, call in calls():
        if getattr(call.func, "id", None) == "experiment":
            control = next((ast.literal_eval(word.value) for word in call.keywords if word.arg == "control"), None)
            found.add((ast.literal_eval(call.args[0]), control))
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_test(target: Any) -> None:
    assert target in {named for _, named in named_by_tests()}


@pytest.mark.parametrize(("file", "target"), named_by_tests())
def test_every_test_names_a_target_there_is(file: Any, target: Any) -> None:
    assert target in TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target["id"])
def test_every_target_has_an_experiment_and_a_negative_control_that_a_test_runs(target: Any) -> None:
    experiment = catalogue.find(target["experiment"])
    assert target["controls"], "a check that cannot fail is a defect"
    for control in target["controls"]:
        assert experiment.control_file(control).is_file()
        assert (experiment.name, control) in calls_in_tests()


@pytest.mark.parametrize("name", catalogue.names())
def test_every_experiment_proves_a_target_unless_it_measures_noise(name: Any) -> None:
    assert bool(catalogue.find(name).targets) is not name.startswith(AREA)


def test_the_idle_run_watches_every_alert_there_is() -> None:
    document = yaml.safe_load(catalogue.find("baseline/idle").path.read_text())
    activities = [*document["steady-state-hypothesis"]["probes"], *document["method"]]
    named = [each["provider"]["arguments"]["alerts"] for each in activities if "alerts" in str(each["provider"])]
    rules = re.findall(r"- alert: (\w+)", "".join(path.read_text() for path in RULES.glob("*.y*ml")))
    assert [sorted(each) for each in named] == [sorted(rules)] * 2


def test_every_control_file_belongs_to_a_target() -> None:
    named = {
        catalogue.find(name).control_file(control)
        for name in catalogue.names()
        for control in catalogue.find(name).controls
    }
    assert set(catalogue.CONTROLS.glob("*.yaml")) == named
