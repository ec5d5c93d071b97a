"""The ledger: what was intended is undone, whatever died in between, and undoing twice changes nothing."""

import json
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import running
from experiments.ledger import Ledger
from experiments.radius import Radius
from experiments.record import append_line, read_lines


@pytest.fixture
def ledger(tmp_path: Any) -> Any:
    return Ledger(tmp_path / "ledger.ndjson")


class Nodes:
    """Frozen nodes, and a driver that thaws them."""

    def __init__(self, *names: Any) -> None:
        self.frozen = set(names)
        self.calls: list[str] = []

    def unpause(self, entry: Any) -> Any:
        node = entry.undo["node"]
        self.calls.append(node)
        self.frozen.discard(node)
        return f"node {node} thawed"


def test_an_intent_is_on_disk_before_anything_else_happens(ledger: Any) -> None:
    ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w1"})
    assert [line["undo"]["node"] for line in read_lines(ledger.path)] == ["w1"]
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_heal_undoes_everything_and_a_second_heal_nothing(ledger: Any) -> None:
    nodes = Nodes("w1", "w2")
    for node in ("w1", "w2"):
        ledger.intend("zone is frozen", {"undo": "unpause-node", "node": node})
    assert len(ledger.heal({"unpause-node": nodes.unpause})) == 2
    assert not nodes.frozen
    assert ledger.heal({"unpause-node": nodes.unpause}) == []
    assert nodes.calls == ["w2", "w1"]


def test_what_was_crossed_out_is_left_alone(ledger: Any) -> None:
    nodes = Nodes()
    entry = ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w1"})
    ledger.done(entry.id)
    assert ledger.heal({"unpause-node": nodes.unpause}) == []
    assert nodes.calls == []


def test_nodes_are_thawed_first_and_without_the_api_server(ledger: Any) -> None:
    nodes = Nodes("w1")

    def api_is_down(undo: Any) -> Any:
        assert not nodes.frozen, "the node must be thawed before the API server is needed"
        raise ConnectionError("refused")

    ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w1"})
    ledger.intend("budget is gone", {"undo": "restore-object", "manifest": {}})
    with pytest.raises(Problem, match="1 fault") as problem:
        ledger.heal({"unpause-node": nodes.unpause, "restore-object": api_is_down})
    assert "refused" in problem.value.why
    assert [entry.fault for entry in ledger.open()] == ["budget is gone"]


def test_a_database_is_rebuilt_after_its_keys_are_back(ledger: Any) -> None:
    order: list[str] = []
    ledger.intend("the key is gone", {"undo": "restore-object", "manifest": {}})
    ledger.intend("the database is gone", {"undo": "rebuild-database", "namespace": "data", "name": "postgres"})

    def undo(entry: Any) -> str:
        order.append(entry.undo["undo"])
        return "done"

    ledger.heal({"restore-object": undo, "rebuild-database": undo})
    assert order == ["restore-object", "rebuild-database"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_torn_by_a_crash_is_skipped_and_the_next_one_is_whole(ledger: Any, cut: Any) -> None:
    ledger.intend("first", {"undo": "unpause-node", "node": "w1"})
    whole = ledger.path.read_bytes()
    ledger.intend("second", {"undo": "unpause-node", "node": "w2"})
    ledger.path.write_bytes(ledger.path.read_bytes()[: len(whole) + cut])
    assert [entry.fault for entry in ledger.open()] == ["first"]
    ledger.intend("third", {"undo": "unpause-node", "node": "w3"})
    assert [entry.fault for entry in ledger.open()] == ["first", "third"]


def test_an_unknown_undo_is_refused_when_intended_and_told_when_read(ledger: Any) -> None:
    with pytest.raises(Problem, match="rm-everything"):
        ledger.intend("mischief", {"undo": "rm-everything"})
    append_line(ledger.path, {"op": "intend", "id": "1", "fault": "newer suite", "undo": {"undo": "rm-everything"}})
    with pytest.raises(Problem, match="could not be undone") as problem:
        ledger.heal({})
    assert "rm-everything" in problem.value.why


@pytest.fixture
def state(tmp_path: Any, monkeypatch: Any) -> Any:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Ledger.of("c")


def test_a_run_heals_one_fault_of_its_own(ledger: Any) -> None:
    nodes = Nodes("w1", "w2")
    ledger.intend("one", {"undo": "unpause-node", "node": "w1"})
    ledger.intend("other", {"undo": "unpause-node", "node": "w2"})
    ledger.heal_own({"unpause-node": nodes.unpause}, "other")
    assert nodes.frozen == {"w1"}


def test_a_run_leaves_what_another_has_open_alone(state: Any, monkeypatch: Any) -> None:
    nodes = Nodes("w1", "w2")
    for run, node in (("mine", "w1"), ("theirs", "w2")):
        monkeypatch.setenv(running.RUN, run)
        state.intend("zone is frozen", {"undo": "unpause-node", "node": node})
    monkeypatch.setenv(running.RUN, "mine")
    assert [entry.undo["node"] for entry in state.own("zone is frozen")] == ["w1"]
    state.heal_own({"unpause-node": nodes.unpause})
    assert nodes.frozen == {"w2"}


def test_what_is_abandoned_is_healed_and_what_a_running_case_has_open_is_not(state: Any, monkeypatch: Any) -> None:
    nodes = Nodes("w0", "w1", "w2")
    state.intend("by an older suite", {"undo": "unpause-node", "node": "w0"})
    monkeypatch.setenv(running.RUN, "killed")
    state.intend("of a run that was killed", {"undo": "unpause-node", "node": "w1"})
    with running.begun("c", "mesh.mtls", Radius(disturbs=frozenset(), needs=frozenset())):
        state.intend("of a run that lives", {"undo": "unpause-node", "node": "w2"})
        state.heal({"unpause-node": nodes.unpause}, abandoned=True)
        assert nodes.frozen == {"w2"}
    state.heal({"unpause-node": nodes.unpause}, abandoned=True)
    assert not nodes.frozen


def test_whoever_asks_for_everything_gets_it(state: Any) -> None:
    nodes = Nodes("w1")
    with running.begun("c", "mesh.mtls", Radius(disturbs=frozenset(), needs=frozenset())):
        state.intend("of a run that lives", {"undo": "unpause-node", "node": "w1"})
        state.heal({"unpause-node": nodes.unpause})
    assert not nodes.frozen


def test_the_dead_man_thaws_only_what_is_still_open(ledger: Any, monkeypatch: Any) -> None:
    from experiments.drivers import deadman

    thawed: list[list[str]] = []
    monkeypatch.setattr(deadman, "pause", lambda _: None)
    monkeypatch.setattr("experiments.drivers.docker_nodes.unpause", thawed.append)
    healed = ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w1"})
    left = ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w2"})
    ledger.done(healed.id)
    deadman.wait_and_thaw(ledger.path, 10, [healed.id, left.id])
    assert thawed == [["w2"]]
    assert ledger.open() == []
    deadman.wait_and_thaw(ledger.path, 10, [healed.id, left.id])
    assert thawed == [["w2"]]


def test_lines_are_single_json_objects(ledger: Any) -> None:
    ledger.intend("zone\nis frozen", {"undo": "unpause-node", "node": "w1"})
    lines = ledger.path.read_text().splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["fault"] == "zone\nis frozen"
