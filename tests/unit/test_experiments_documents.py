"""Documents: the shipped ones may be run, and each way in which one could do harm or pass in vain is refused."""

import copy
import json
from typing import Any

import pytest
import yaml

from deploy.errors import Problem
from experiments import catalogue, documents, weaken

NAME = "mesh/ejection"


@pytest.fixture(scope="module")
def good() -> Any:
    return yaml.safe_load(catalogue.find(NAME).path.read_text())


def refuse(tmp_path: Any, document: Any, reason: Any) -> None:
    path = tmp_path / "document.yaml"
    path.write_text(json.dumps(document))  # is YAML too, and written in no time
    with pytest.raises(Problem) as problem:
        documents.load(path, NAME)
    assert reason in problem.value.why


def action(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "python", "module": f"experiments.actions.{module}", "func": func, "arguments": arguments}


@pytest.mark.parametrize("name", catalogue.names())
def test_every_shipped_document_may_be_run(name: Any) -> None:
    documents.load(catalogue.find(name).path, name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"provider": {"type": "process", "path": "sh", "arguments": "-c 'rm -rf /'"}}, "python"),
        ({"provider": {"type": "http", "url": "http://example.com"}}, "python"),
        (
            {"provider": {"type": "python", "module": "os", "func": "system", "arguments": {"command": "id"}}},
            "allow-list",
        ),
        ({"provider": {"type": "python", "module": "subprocess", "func": "run"}}, "allow-list"),
        ({"provider": {"type": "python", "module": "experiments.runner", "func": "run"}}, "allow-list"),
        ({"provider": {"type": "python", "module": "chaosk8s_evil.actions", "func": "x"}}, "allow-list"),
        ({"provider": {"type": "python", "module": "chaosk8s.pod.actions", "func": "exec_in_pods"}}, "allow-list"),
        ({"provider": {"type": "python", "module": "experiments.actions.zone\n", "func": "pause"}}, "allow-list"),
        ({"provider": action("zone", "eventually", max_s=1)}, "has no function"),
        ({"provider": action("zone", "_fault", max_s=1)}, "func"),
        ({"provider": action("nothing", "x", max_s=1)}, "there is no module"),
        ({"provider": action("zone", "pause", max_s=1)}, "missing a required argument: 'zone'"),
        ({"provider": action("zone", "pause", zone="a", max_s=1, nodes=[])}, "unexpected keyword argument 'nodes'"),
        ({"type": "probe", "provider": action("zone", "pause", zone="a", max_s=1)}, "is no module of probes"),
        ({"background": True}, "Extra inputs"),
    ],
)
def test_an_activity_that_could_do_anything_is_refused(tmp_path: Any, good: Any, change: Any, reason: Any) -> None:
    bad = copy.deepcopy(good)
    bad["method"][1] |= change
    refuse(tmp_path, bad, reason)


def test_an_activity_without_a_bound_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["method"][2]["provider"]["arguments"] = {}
    refuse(tmp_path, bad, "no argument bounds it")


@pytest.mark.parametrize("bound", [None, True, "30", 0, -1, 1e9, "${hold_s}"])
def test_a_bound_that_bounds_nothing_is_refused(tmp_path: Any, good: Any, bound: Any) -> None:
    bad = copy.deepcopy(good)
    bad["method"][2]["provider"]["arguments"] = {"seconds": bound}
    refuse(tmp_path, bad, "not a number of seconds")


def test_an_argument_that_is_a_url_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["method"][1]["provider"]["arguments"]["app"] = "http://example.com/"
    refuse(tmp_path, bad, "is a URL")


@pytest.mark.parametrize("strategy", ["default", "never", "deviated", None])
def test_rollbacks_that_could_be_skipped_are_refused(tmp_path: Any, good: Any, strategy: Any) -> None:
    bad = copy.deepcopy(good)
    bad["runtime"]["rollbacks"] = {"strategy": strategy} if strategy else {}
    refuse(tmp_path, bad, "runtime.rollbacks.strategy")


def test_a_runtime_that_installs_packages_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["runtime"]["python"] = {"dependencies": ["anything"]}
    refuse(tmp_path, bad, "runtime.python")


def test_two_numbers_as_tolerance_are_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["steady-state-hypothesis"]["probes"][0]["tolerance"] = [0, 1]
    refuse(tmp_path, bad, "read as a range")


def test_a_steady_state_that_asks_nothing_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["steady-state-hypothesis"]["probes"] = []
    refuse(tmp_path, bad, "steady-state-hypothesis.probes")


def test_a_configuration_that_runs_while_it_is_loaded_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["zone"] = {"type": "probe", "name": "x", "provider": {"type": "process", "path": "id"}}
    refuse(tmp_path, bad, "a document holds constants")


@pytest.mark.parametrize("account", ["cluster-admin", "", None])
def test_an_experiment_acts_as_an_account_that_there_is(tmp_path: Any, good: Any, account: Any) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["account"] = account
    refuse(tmp_path, bad, "configuration.account")
    del bad["configuration"]["account"]
    refuse(tmp_path, bad, "configuration.account")


def test_a_control_from_elsewhere_is_refused(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["controls"][0]["provider"]["module"] = "chaosaddons.controls.safeguards"
    refuse(tmp_path, bad, "not one of experiments.controls")


@pytest.mark.parametrize(
    ("radius", "reason"),
    [
        (None, "configuration.blast_radius"),
        ({"disturbs": ["shop/ap"], "needs": []}, "configuration.blast_radius.disturbs"),
        ({"disturbs": [], "needs": ["the moon"]}, "configuration.blast_radius.needs"),
        ({"disturbs": []}, "configuration.blast_radius.needs"),
        ({"disturbs": [], "needs": [], "alone": True}, "configuration.blast_radius.alone"),
    ],
    ids=["none", "misspelt", "unknown", "half", "more"],
)
def test_a_document_without_a_blast_radius_that_is_understood_is_refused(
    tmp_path: Any, good: Any, radius: Any, reason: Any
) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["blast_radius"] = radius
    refuse(tmp_path, bad, reason)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("us-east-1a", "http://example.com/"),
        ("us-east-1a", "http://a.svc.cluster.local:x@example.com/"),
        ("us-east-1a", "http://a.svc.cluster.local@example.com/"),
        ("gateway", "@example.com/"),
        ("gateway", "http://example.com/"),
        ("gateway", ".example.com/"),
    ],
)
def test_callers_are_sent_nowhere_but_into_the_cluster(tmp_path: Any, good: Any, name: Any, url: Any) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["traffic"]["callers"][name] = url
    refuse(tmp_path, bad, "not inside the cluster" if name != "gateway" else "not a path of the gateway")


def test_a_callers_name_is_no_path(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["traffic"]["callers"]["../../x"] = {"url": "/"}
    refuse(tmp_path, bad, "configuration.traffic.callers")


def test_a_url_does_not_come_in_by_the_configuration(tmp_path: Any, good: Any) -> None:
    bad = copy.deepcopy(good)
    bad["configuration"]["where"] = ["http://example.com/"]
    refuse(tmp_path, bad, "is a URL")


@pytest.mark.parametrize("source", ["https://example.com/experiment.yaml", "http://x/y.yaml"])
def test_a_url_is_no_source(source: Any) -> None:
    with pytest.raises(Problem, match="is a URL"):
        documents.load(source, NAME)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: !!python/object/apply:os.system [id]", "tag"),
        ("a: 2001-01-01", "quote it"),
        ("a: .inf", "not a number"),
        ("1: a", "not text"),
        ("[" * 60_000, "nest"),
        ("a: &a [x]\n" + "".join(f"a{i}: *a\n" for i in range(40)), "aliases"),
        (
            "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 4)}]" for i in range(1, 7)]),
            "values",
        ),
        ("a: &a [*a]", "values"),
        ("a: " + "x" * 70_000, "larger"),
        ("a: " + "9" * 5000, "limit"),
        ("--- a\n--- b", "single document"),
    ],
    ids=["tag", "date", "infinite", "key", "deep", "aliases", "bomb", "itself", "huge", "long number", "two documents"],
)
def test_what_is_not_plain_data_is_refused(tmp_path: Any, text: Any, reason: Any) -> None:
    path = tmp_path / "document.yaml"
    path.write_text(text)
    with pytest.raises(Problem) as problem:
        documents.load(path, NAME)
    assert reason in problem.value.why


@pytest.mark.parametrize("text", ["", "[]", "just words", "{unbalanced", "title: x"])
def test_what_is_no_document_at_all_is_a_problem_not_a_crash(tmp_path: Any, text: Any) -> None:
    path = tmp_path / "document.yaml"
    path.write_text(text)
    with pytest.raises(Problem):
        documents.load(path, NAME)


@pytest.mark.parametrize("path", sorted(catalogue.CONTROLS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_negative_control_can_be_read(path: Any) -> None:
    assert weaken.load(path).why


@pytest.mark.parametrize(
    "change",
    [
        {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "app"},
        {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "delete": True},
        {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "app", "all": True, "delete": True},
        {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "app", "run": "kubectl delete"},
    ],
    ids=["changes nothing", "names nothing", "names twice", "shell"],
)
def test_a_negative_control_that_is_not_plain_is_refused(tmp_path: Any, change: Any) -> None:
    path = tmp_path / "control.yaml"
    path.write_text(yaml.safe_dump({"why": "x", "disturbs": [], "changes": [change]}))
    with pytest.raises(Problem):
        weaken.load(path)


def test_a_negative_control_that_does_not_say_what_it_disturbs_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "control.yaml"
    change = {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "app", "delete": True}
    path.write_text(yaml.safe_dump({"why": "x", "disturbs": ["alerting"], "changes": [change]}))
    assert weaken.load(path).disturbs == ["alerting"]
    for wrong in ({}, {"disturbs": ["alarms"]}):
        path.write_text(yaml.safe_dump({"why": "x", "changes": [change], **wrong}))
        with pytest.raises(Problem, match=r"control\.yaml") as problem:
            weaken.load(path)
        assert "disturbs" in problem.value.why
