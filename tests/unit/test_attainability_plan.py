"""The plan at work: in doubt it says nothing, it reads only what is asked for, and a run in vain is not made."""

import json
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.cluster import Cluster
from deploy.errors import Problem
from experiments import (
    __main__,
    account,
    baseline,
    catalogue,
    documents,
    guard,
    plan,
    readmission,
    runner,
    undo,
    weaken,
)
from experiments.attainability import live, registry
from experiments.attainability.model import Target, Unread
from experiments.ledger import Ledger
from experiments.record import Recorder, read_lines
from tests.unit.settings import changed, planned, recorded, settings

NAME = "mesh/ejection"
TEN_PERCENT = {"spec": {"trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}}}


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


@pytest.fixture
def hopeless(objects: Any) -> Any:
    return changed(objects, "DestinationRule", "app", TEN_PERCENT)


def asked(objects: Any, hidden: Any = (), statistic: str = "ejection_s", **parameters: Any) -> Any:
    experiment = catalogue.find(NAME)
    document = documents.load(experiment.path, experiment.name)
    target = Target("t", statistic, 60, "s", "<", parameters)
    (answer,) = registry.plan([target], document, settings(objects, frozenset(hidden)))
    return answer


def test_what_may_not_be_read_or_is_of_no_known_shape_is_not_known(objects: Any) -> None:
    hidden = asked(objects, hidden={"DestinationRule"})
    assert (hidden.attainable, hidden.bound_by) == (None, "DestinationRule: this account may not read it")
    odd = asked(changed(objects, "DestinationRule", "app", {"spec": {"trafficPolicy": {"outlierDetection": "on"}}}))
    assert odd.attainable is None
    assert "the check failed: AttributeError" in odd.bound_by
    unheard_of = asked(objects, statistic="popularity_s")
    assert (unheard_of.attainable, unheard_of.fix) == (None, "")


def test_a_problem_of_a_check_is_told_with_its_reason(objects: Any) -> None:
    garbled = changed(objects, "CronJob", "postgresql-full", {"spec": {"schedule": "now and then"}})
    answer = planned(garbled, "dr.rpo")
    assert answer.attainable is None
    assert "cannot be read" in answer.bound_by


def test_every_target_has_a_check() -> None:
    for name in catalogue.names():
        for table in catalogue.targets_of(name):
            assert table["statistic"] in registry.CHECKS, f"what bounds {table['id']}?"


def test_two_checks_of_one_statistic_are_refused() -> None:
    with pytest.raises(ValueError, match="two checks"):
        registry.bounds("ejection_s")(lambda question: question.unknown(""))


def test_objects_are_read_once_and_only_what_is_asked_for(objects: Any) -> None:
    reads = []

    def read(kind: str, namespace: str, name: str) -> Any:
        reads.append(kind)
        return settings(objects).read(kind, namespace, name)

    known = settings(objects)
    plan.of(catalogue.find(NAME), documents.load(catalogue.find(NAME).path, NAME), type(known)(read))
    assert sorted(reads) == ["DestinationRule", "EndpointSlice", "EndpointSlice", "Node"]


# ---- on its own


def standing(monkeypatch: Any, objects: Any) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda *_: SimpleNamespace(name="c"))
    monkeypatch.setattr(live, "settings", lambda _: settings(objects))


def test_the_command_prints_a_line_a_target_and_says_by_its_exit_code(
    monkeypatch: Any, capsys: Any, objects: Any, hopeless: Any
) -> None:
    standing(monkeypatch, objects)
    assert __main__.main(["plan"]) == 0
    told = capsys.readouterr().out
    assert all(target in told for name in catalogue.names() for target in catalogue.find(name).targets)
    assert "13.4 s" in told
    standing(monkeypatch, hopeless)
    assert __main__.main(["plan", NAME]) == 1
    told = capsys.readouterr().out
    assert "never" in told
    assert "fix: maxEjectionPercent: at least 12" in told
    assert "ha.pdb" not in told
    assert __main__.main(["plan", "mesh/mtls"]) == 0
    assert __main__.main(["plan", "no/such"]) == 64


def test_without_a_cluster_it_ends_with_69(monkeypatch: Any, tmp_path: Any, capsys: Any) -> None:
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", str(tmp_path / "none"))
    assert __main__.main(["plan"]) == 69
    assert "RESILIENCE_KUBECONFIG is not a file" in capsys.readouterr().err


# ---- before a run


@pytest.fixture
def run(monkeypatch: Any, tmp_path: Any) -> Any:
    """Runs an experiment for whose child nothing is started; returns what was done and the case's folder."""
    done: list[str] = []

    @contextmanager
    def weakened(*_: Any) -> Any:
        done.append("weakened")
        yield lambda: done.append("looked")

    def chaos(_experiment: Any, _cluster: Any, its: runner.Run) -> None:
        done.append("injected")
        if its.control:  # what the weakened platform could not undo by itself is healed from outside
            Ledger.of("c").intend("a fault that lasts", {"undo": "clear-fault"})

    monkeypatch.setenv(account.OWN_RIGHTS, "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(undo, "heal", lambda *_, **__: [])
    monkeypatch.setattr(guard, "pin", lambda _: "")
    monkeypatch.setattr(guard, "permit", lambda _: None)
    monkeypatch.setattr(weaken, "weakened", weakened)
    monkeypatch.setattr(undo, "heal_own", lambda *_: done.append("healed") or [])  # type: ignore[func-returns-value]
    monkeypatch.setattr(runner, "_chaos", chaos)
    monkeypatch.setattr(runner, "write_environment", lambda *_: None)
    monkeypatch.setattr(readmission, "kept_out", lambda _: {})
    for module, name in ((baseline, "kept"), (runner, "collected")):
        monkeypatch.setattr(module, name, lambda *_: nullcontext())

    def run(objects: Any, name: str = NAME, control: str | None = None) -> Any:
        monkeypatch.setattr(live, "settings", lambda _: done.append("read") or settings(objects))  # type: ignore[func-returns-value]
        cluster: Any = SimpleNamespace(name="c")
        return runner.run(name, tmp_path, control, cluster), done

    return run


def test_a_run_whose_only_target_is_out_of_reach_ends_at_once_and_says_why(run: Any, hopeless: Any) -> None:
    folder, done = run(hopeless)
    assert done == ["read"]
    told, note = read_lines(folder / "events.ndjson")
    assert (told["kind"], told["target"], told["attainable"]) == ("attainability", "mesh.ejection", False)
    assert (told["floor"], told["limit"], told["fix"]) == (None, 60, "maxEjectionPercent: at least 12")
    assert note["text"].startswith("nothing was injected")
    assert json.loads((folder / "case.json").read_text())["ended"]


def test_a_run_with_a_target_within_reach_is_made(run: Any, objects: Any, hopeless: Any) -> None:
    folder, done = run(objects)
    assert done == ["read", "injected"]
    assert [line["attainable"] for line in read_lines(folder / "events.ndjson")] == [True]
    tolerant = changed(objects, "Deployment", "app", {"spec": {"template": {"spec": {"tolerations": []}}}})
    done.clear()
    folder, _ = run(tolerant, "high_availability/zone_outage")
    assert done == ["read", "injected"]
    answers = {line["target"]: line["attainable"] for line in read_lines(folder / "events.ndjson")}
    assert answers == {"ha.failover_traffic": True, "ha.failover_capacity": False}


def test_a_run_with_a_negative_control_is_made_whatever_the_plan_says_and_is_asked_before_it(
    run: Any, hopeless: Any
) -> None:
    folder, done = run(hopeless, control="no-outlier-detection")
    assert done == ["read", "weakened", "injected", "looked", "healed"]
    assert [line["attainable"] for line in read_lines(folder / "events.ndjson")] == [False]


def test_what_is_not_known_stops_nothing(tmp_path: Any, monkeypatch: Any, objects: Any) -> None:
    monkeypatch.setattr(live, "settings", lambda _: settings(objects, frozenset({"DestinationRule"})))
    experiment = catalogue.find(NAME)
    document = documents.load(experiment.path, experiment.name)
    cluster: Any = None
    assert plan.recorded(experiment, document, None, cluster, Recorder(tmp_path)) is False


# ---- reading the live objects


class Api:
    """As much of the dynamic client as is asked: pages of one kind."""

    def __init__(self, pages: Any = (), error: Exception | None = None) -> None:
        self.pages, self.error, self.asked = list(pages), error, []  # type: ignore[var-annotated]

    def get(self, **query: Any) -> Any:
        if "kind" in query:  # the discovery of a kind
            return self
        self.asked.append(query)
        if self.error:
            raise self.error
        return SimpleNamespace(data=json.dumps(self.pages.pop(0)))

    @property
    def cluster(self) -> Any:
        return SimpleNamespace(dynamic=SimpleNamespace(resources=self), identity=lambda: None)


def test_lists_are_read_page_by_page_and_know_their_kind() -> None:
    first = {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    api = Api([first, {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}])
    found = live.settings(api.cluster).of("Pod")
    assert [(each["kind"], each["metadata"]["name"]) for each in found] == [("Pod", "a"), ("Pod", "b")]
    assert [query["_continue"] for query in api.asked] == [None, "more"]
    assert all("namespace" not in query for query in api.asked)


def test_one_object_is_asked_for_by_its_name() -> None:
    api = Api([{"kind": "Secret", "metadata": {"name": "alertmanager"}}])
    found = live.settings(api.cluster).get("Secret", "observability", "alertmanager")
    assert found == {"kind": "Secret", "metadata": {"name": "alertmanager"}}
    assert (api.asked[0]["name"], api.asked[0]["namespace"]) == ("alertmanager", "observability")


def test_a_kind_that_is_not_there_has_no_objects_and_one_that_is_hidden_is_unread() -> None:
    from kubernetes.client import ApiException
    from kubernetes.dynamic.exceptions import ResourceNotFoundError
    from urllib3.exceptions import HTTPError

    assert live.settings(Api(error=ResourceNotFoundError("no")).cluster).of("Telemetry") == []
    assert live.settings(Api(error=ApiException(status=404)).cluster).get("Pod", "a", "b") is None
    with pytest.raises(Unread, match="Secret observability/alertmanager"):
        live.settings(Api(error=ApiException(status=403)).cluster).get("Secret", "observability", "alertmanager")
    for error in (ApiException(status=500, reason="down"), HTTPError("gone")):
        with pytest.raises(Problem, match="Pod could not be read"):
            live.settings(Api(error=error).cluster).of("Pod")
