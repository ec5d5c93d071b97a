"""A negative control whose protection came back before the end is seen to, and does not count."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException
from kubernetes.dynamic.exceptions import NotFoundError

from experiments import guard, patches, pushes, undo, weaken
from experiments.ledger import Ledger
from experiments.record import Recorder, read_lines
from reports.model import Outcome
from tests.unit.records import ejection_case

if TYPE_CHECKING:
    from collections.abc import Callable

RULE = {"apiVersion": "x/v1", "kind": "Rule", "metadata": {"name": "app", "namespace": "shop"}}
GUARDED = {**RULE, "spec": {"detection": {"after": 3}, "hosts": ["app"]}}
CONTROL = """
why: without detection nobody is ejected
disturbs: [shop/app]
changes:
  - {apiVersion: x/v1, kind: Rule, namespace: shop, name: app, %s}
"""
PATCHED, DELETED = "patch: {spec: {detection: null}}", "delete: true"


class Rules:
    """The API server's objects of one kind."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = copy.deepcopy(GUARDED)
        self.is_silent = False

    def get(self, **_: Any) -> Any:
        if self.is_silent:
            raise ApiException(503, "no leader")
        if self.live is None:
            raise NotFoundError(ApiException(404, "gone"))
        return SimpleNamespace(to_dict=lambda: copy.deepcopy(self.live))

    def patch(self, body: dict[str, Any], **_: Any) -> None:
        self.live = patches.merged(self.live, body)

    def delete(self, **_: Any) -> None:
        self.live = None

    def put_back(self) -> None:
        self.live = copy.deepcopy(GUARDED)


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def undone(rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs a control while something happens; returns what is recorded of its end."""
    cluster: Any = SimpleNamespace(name="a", dynamic=SimpleNamespace(resources=SimpleNamespace(get=lambda **_: rules)))

    def heal(_undo: Any) -> str:
        rules.is_silent = False
        rules.put_back()
        return "made again"

    ledger = Ledger(tmp_path / "ledger.ndjson")
    monkeypatch.setattr(guard, "pin", lambda _: "")
    monkeypatch.setattr(guard, "permit", lambda _: None)
    monkeypatch.setattr(undo, "drivers", lambda *_: {"restore-object": heal})
    monkeypatch.setattr(Ledger, "of", lambda _: ledger)

    def run(change: str, meanwhile: Callable[[], object]) -> list[str]:
        path = tmp_path / "control.yaml"
        path.write_text(CONTROL % change)
        with weaken.weakened(cluster, path, Recorder(tmp_path)) as look:
            assert rules.live != GUARDED
            meanwhile()
            look()
        assert rules.live == GUARDED
        (event,) = (line for line in read_lines(tmp_path / "events.ndjson") if line["kind"] == "weakening")
        return list(event["undone"])

    return run


@pytest.mark.parametrize("change", [PATCHED, DELETED])
def test_a_protection_that_stays_away_is_said_to(undone: Any, change: str) -> None:
    assert undone(change, lambda: None) == []


@pytest.mark.parametrize(("change", "told"), [(PATCHED, "Rule shop/app .spec.detection"), (DELETED, "Rule shop/app")])
def test_a_protection_that_was_applied_again_is_told_with_its_place(
    undone: Any, rules: Rules, change: str, told: str
) -> None:
    assert undone(change, rules.put_back) == [told]


def test_what_others_change_meanwhile_does_not_matter(undone: Any, rules: Rules) -> None:
    assert undone(PATCHED, lambda: rules.patch({"spec": {"hosts": ["app", "api"]}, "status": {"seen": 1}})) == []


def test_what_cannot_be_seen_to_stand_does_not_count_as_standing(undone: Any, rules: Rules) -> None:
    (line,) = undone(PATCHED, lambda: setattr(rules, "is_silent", True))
    assert "cannot be read" in line


def test_a_change_that_the_experiment_itself_ends_is_not_missed(undone: Any, rules: Rules) -> None:
    assert undone(f"{PATCHED}, lasts: false", rules.put_back) == []


@pytest.mark.parametrize(
    ("before", "after", "now", "places"),
    [
        ({"a": 1}, {"a": 1, "note": {"x": 1}}, {"a": 2, "note": {"x": 1, "y": 2}}, []),
        ({"a": 1}, {"a": 1, "note": {"x": 1}}, {"a": 1}, [".note"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, [".a.b"]),
        ({"list": [1, 2]}, {"list": [1]}, {"list": [1, 2]}, [".list"]),
        ({"a": 1}, {"a": 2}, None, [""]),
    ],
    ids=["stands", "an addition is gone", "a removal is back", "a list is longer again", "the object is gone"],
)
def test_only_where_the_change_made_a_difference_is_looked_at(before: Any, after: Any, now: Any, places: Any) -> None:
    assert patches.differing(before, after, now) == places


@pytest.mark.parametrize(
    ("places", "outcome"), [([], Outcome.PASSED), (["Rule shop/app .spec.detection"], Outcome.INCONCLUSIVE)]
)
def test_a_case_whose_control_did_not_stand_is_judged_to_prove_nothing(
    tmp_path: Path, places: list[str], outcome: Outcome
) -> None:
    case = ejection_case()
    case.events.append({"t": 2000.0, "kind": "weakening", "undone": places})
    verdict = case.judge(tmp_path)
    assert verdict.outcome is outcome
    assert all(place in verdict.reason for place in places)


@pytest.mark.parametrize("text", ['{"mode": "closed", "log": true}', "mode: closed\nlog: true\n"], ids=["JSON", "YAML"])
def test_what_a_field_holds_as_text_is_changed_inside(text: str) -> None:
    patch = patches.inside({"data": {"mesh": text}}, ["data", "mesh"], {"mode": "open"})
    assert patch == {"data": {"mesh": '{"mode": "open", "log": true}'}}


def test_proxies_are_waited_for_in_the_beginning_and_when_the_protection_is_back(
    undone: Any, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    monkeypatch.setattr(pushes, "reached", lambda *_, back=False: seen.append((back, rules.live == GUARDED)))
    undone(f"{DELETED}}}\nproxies:\n  - {{pods: shop/app=app, config: clusters, about: app, lacks: rule", lambda: None)
    assert seen == [(False, False), (True, True)]
