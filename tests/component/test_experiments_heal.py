"""Heal: whoever died, and when; whoever else heals; whatever does not answer. Docker is a script, the API a decoy."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.waiting import eventually
from experiments import guard, pods, undo
from experiments.drivers import deadman, docker_nodes
from experiments.ledger import Ledger
from experiments.record import append_line, read_lines
from tests.component.decoy import Decoy
from tests.component.fake_tools import calls, fake
from tests.component.hostile_homes import Setup, a_decoy, do, home

# A node is frozen while a file of its name is there.
DOCKER = """here=$(dirname "$0")
case $1 in
  pause) touch "$here/frozen-$2" ;;
  unpause) [ ! -e "$here/broken" ] && rm "$here/frozen-$2" ;;
  ps) echo "w1 running"; echo "w2 running" ;;
  inspect) for node; do :; done; [ -e "$here/frozen-$node" ] && is=true || is=false
    echo "[{\\"State\\": {\\"Paused\\": $is, \\"Pid\\": 1}}]" ;;
esac"""
INJECTION = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from experiments import guard
from experiments.actions import fault
from experiments.drivers import docker_nodes
from experiments.ledger import Ledger
from experiments.record import Recorder
guard.permit = lambda cluster: None
here, moment = Path(sys.argv[1]), sys.argv[2]
session = SimpleNamespace(cluster=None, ledger=Ledger(here / "ledger.ndjson"), recorder=Recorder(here))
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def act():
    if moment == "between intent and injection":
        die()
    docker_nodes.pause(["w1"])
    if moment == "between injection and started":
        die()
fault.inject(session, "zone is frozen", [{"undo": "unpause-node", "node": "w1"}], act, {})
die()
"""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `docker` that is first on PATH."""
    folder = tmp_path / "bin"
    fake(folder, "docker", DOCKER)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize("moment", ["between intent and injection", "between injection and started", "afterwards"])
def test_what_was_injected_is_undone_whenever_the_injector_was_killed(
    tmp_path: Path, bin_folder: Path, moment: str
) -> None:
    argv = [sys.executable, "-c", INJECTION, str(tmp_path), moment]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    ledger = Ledger(tmp_path / "ledger.ndjson")
    assert [entry.undo["node"] for entry in ledger.open()] == ["w1"]
    events = [event["kind"] for event in read_lines(tmp_path / "events.ndjson")]
    assert events == (["fault.intent", "fault.started"] if moment == "afterwards" else ["fault.intent"])
    ledger.heal({"unpause-node": lambda entry: undo.unpause_node(entry.undo)})
    assert not docker_nodes.paused("w1")
    assert ledger.open() == []


def test_thawing_what_somebody_else_thaws_at_the_same_moment_is_no_error(bin_folder: Path) -> None:
    fake(bin_folder, "docker", DOCKER.replace('rm "$here/frozen-$2"', 'rm "$here/frozen-$2" && exit 1'))
    docker_nodes.pause(["w1"])
    assert docker_nodes.unpause(["w1"]) == ["w1"]
    (bin_folder / "broken").touch()
    docker_nodes.pause(["w1"])
    with pytest.raises(Problem, match="unpause w1"):
        docker_nodes.unpause(["w1"])


def left(on: str, *nodes: str, objects: int = 0) -> str:
    """A ledger's text: nodes that are frozen, budgets that were changed."""
    undos: list[dict[str, Any]] = [{"undo": "unpause-node", "node": node} for node in nodes]
    meta = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
    for number in range(objects):
        manifest = meta | {"metadata": {"name": f"app-{number}", "namespace": "shop"}}
        undos.append({"undo": "restore-object", "manifest": manifest})
    entries = [
        {"op": "intend", "id": str(index), "fault": f"fault {index}", "undo": each, "on": on}
        for index, each in enumerate(undos)
    ]
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def a_home(folder: Path, decoy: Decoy, persona: str, ledger: str) -> dict[str, str]:
    env = home(folder, decoy, Setup(persona, (), {"RESILIENCE_OWN_RIGHTS": "1"}), left=False)
    fake(folder / "bin", "docker", DOCKER)
    state = folder / ".local/state/resilience-suite/decoy"
    (state / "ledger.ndjson").write_text(ledger)
    return env


def heal(folder: Path, *envs: dict[str, str]) -> list[dict[str, Any]]:
    """Heals in every environment at the same time; returns what came of each."""
    folder.mkdir()
    jobs = [{"name": str(index), "env": env, "argv": ["heal"]} for index, env in enumerate(envs)]
    return list(do(folder, jobs).values())


def test_a_second_heal_changes_nothing(tmp_path: Path) -> None:
    with a_decoy() as decoy:
        env = a_home(tmp_path / "home", decoy, "ours", left(f"{decoy.url('ours')}|u1", "w1", objects=2))
        (first,) = heal(tmp_path / "1", env)
        changes = decoy.changes("ours")
        asked = len(decoy.requests)
        (second,) = heal(tmp_path / "2", env)
        assert (first["code"], second["code"]) == (0, 0), first["said"] + second["said"]
        assert [change.split()[0] for change in changes] == ["PUT", "PUT"]
        assert len(decoy.requests) == asked
        assert "nothing to undo" in second["said"]


def test_two_heals_at_once_undo_everything_once(tmp_path: Path) -> None:
    with a_decoy() as decoy:
        env = a_home(tmp_path / "home", decoy, "ours", left(f"{decoy.url('ours')}|u1", objects=3))
        both = heal(tmp_path / "1", env, env)
        assert [each["code"] for each in both] == [0, 0], both
        assert len(decoy.changes("ours")) == 3


def test_nodes_are_thawed_without_a_word_to_the_api_server(tmp_path: Path) -> None:
    with a_decoy() as decoy:
        env = a_home(tmp_path / "home", decoy, "silent", left("anything", "w1"))
        (tmp_path / "home/bin/frozen-w1").touch()
        (told,) = heal(tmp_path / "1", env)
        assert (told["code"], decoy.requests) == (0, [])
        assert not (tmp_path / "home/bin/frozen-w1").exists()


def test_an_api_server_that_hangs_keeps_no_node_frozen_and_heal_not_for_ever(tmp_path: Path) -> None:
    with a_decoy() as decoy:
        env = a_home(tmp_path / "home", decoy, "silent", left("anything", "w1", "w2", objects=20))
        for node in ("w1", "w2"):
            (tmp_path / "home/bin" / f"frozen-{node}").touch()
        (told,) = heal(tmp_path / "1", env)
        assert told["code"] == 69
        assert "20 fault(s) could not be undone" in told["said"]
        assert not list((tmp_path / "home/bin").glob("frozen-*"))
        assert calls(tmp_path / "home/bin", "docker")[-1].startswith(("unpause", "inspect"))
        assert len(decoy.requests) <= 3, "every entry waited for its own time-out"


class Switch:
    """A fault switch that notes which replicas are healed."""

    healed: list[str] = []  # noqa: RUF012 - reset by each test

    def __init__(self, *_: Any) -> None: ...

    def clear(self, replicas: Any) -> None:
        Switch.healed = [f"{replica.name}@{replica.ip}" for replica in replicas]


def test_replicas_that_were_replaced_are_left_alone_and_moved_ones_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [
        SimpleNamespace(name="a", uid="1", ip="10.0.0.9", running=True),  # its node was restarted: another address
        SimpleNamespace(name="b", uid="new", ip="10.0.0.2", running=True),
        SimpleNamespace(name="c", uid="3", ip="10.0.0.3", running=False),
    ]
    monkeypatch.setattr(pods, "find", lambda *_: there)
    monkeypatch.setattr(undo, "Switch", Switch)
    named = [{"name": name, "uid": uid, "ip": "10.0.0.1"} for name, uid in (("a", "1"), ("b", "2"), ("c", "3"))]
    told = undo.clear_fault(SimpleNamespace(), {"namespace": "shop", "app": "app", "pods": named})  # type: ignore[arg-type]
    assert (Switch.healed, told) == (["a@10.0.0.9"], "1 replica(s) of shop/app healed")


def test_a_node_that_is_gone_needs_no_thawing(bin_folder: Path) -> None:
    assert undo.unpause_node({"node": "w9"}) == "node w9 is gone"


def test_a_line_of_another_version_is_told_and_keeps_nothing_else_from_being_undone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.ndjson")
    undone: list[str] = []
    ledger.intend("known", {"undo": "unpause-node", "node": "w1"})
    append_line(ledger.path, {"op": "extend", "id": "9", "until": 1})
    append_line(ledger.path, {"op": "intend", "fault": "no id and no undo"})
    append_line(ledger.path, {"op": "done", "id": "unheard of"})
    with pytest.raises(Problem, match="2 fault") as problem:
        ledger.heal({"unpause-node": lambda entry: undone.append(entry.fault) or "thawed"})  # type: ignore[func-returns-value]
    assert undone == ["known"]
    assert "another version" in problem.value.why
    assert "'extend'" in problem.value.why


def fill(path: Path, room: int) -> None:
    """Lets this process write no more than `room` bytes into a file, as a disk that becomes full does."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, resource.RLIM_INFINITY))


@pytest.mark.parametrize("room", [0, 1, 60], ids=["no room", "a byte", "half a line"])
def test_on_a_full_disk_nothing_is_injected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    from experiments.actions import fault

    ledger, injected = Ledger(tmp_path / "ledger.ndjson"), []
    ledger.intend("earlier", {"undo": "unpause-node", "node": "w1"})
    session: Any = SimpleNamespace(cluster=None, ledger=ledger, recorder=SimpleNamespace(event=lambda *_, **__: None))
    monkeypatch.setattr(guard, "permit", lambda _: None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill(ledger.path, room)
    try:
        with pytest.raises(Problem, match="nothing was injected"):
            fault.inject(session, "f", [{"undo": "unpause-node", "node": "w2"}], lambda: injected.append(1), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert injected == []
    ledger.intend("later", {"undo": "unpause-node", "node": "w3"})
    assert [entry.fault for entry in ledger.open()] == ["earlier", "later"]


def test_a_ledger_that_cannot_be_written_injects_nothing(tmp_path: Path) -> None:
    (tmp_path / "ledger.ndjson").symlink_to("/dev/full")
    with pytest.raises(Problem, match="could not be written down"):
        Ledger(tmp_path / "ledger.ndjson").intend("f", {"undo": "unpause-node", "node": "w1"})


ARMER = """
import os, signal, sys
from pathlib import Path
from experiments.drivers import deadman, docker_nodes
from experiments.ledger import Ledger
deadman.ARMING_S = 120  # a busy machine is slow to start it
ledger = Ledger(Path(sys.argv[1]) / "ledger.ndjson")
entry = ledger.intend("zone is frozen", {"undo": "unpause-node", "node": "w1"})
docker_nodes.pause(["w1"])  # before the timer, which is short here: it must not find the node still thawed
print(deadman.start(ledger, [entry.id], 0.3), flush=True)
os.killpg(0, signal.SIGKILL)
"""


def test_the_timer_thaws_after_the_whole_group_was_killed(tmp_path: Path, bin_folder: Path) -> None:
    (bin_folder / "broken").touch()
    argv = [sys.executable, "-c", ARMER, str(tmp_path)]
    ended = subprocess.run(argv, cwd=ROOT, check=False, stdout=subprocess.PIPE, start_new_session=True)
    assert ended.returncode == -signal.SIGKILL
    ledger = Ledger(tmp_path / "ledger.ndjson")
    assert (bin_folder / "frozen-w1").exists()
    (bin_folder / "broken").unlink()  # only now can the timer thaw
    eventually(ledger.open, lambda left: not left, within_s=120, what="the timer to thaw and to say so")
    assert not (bin_folder / "frozen-w1").exists()


def test_the_timer_tries_again_and_one_node_does_not_keep_another_frozen(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadman, "RETRY_EVERY_S", 0.01)
    monkeypatch.setattr(deadman, "pause", lambda _: None)
    ledger = Ledger(tmp_path / "ledger.ndjson")
    docker_nodes.pause(["w2"])
    ids = [ledger.intend("zone is frozen", {"undo": "unpause-node", "node": node}).id for node in ("w1", "w2")]
    tried: list[str] = []

    def unpause(nodes: list[str]) -> list[str]:
        tried.extend(nodes)
        if tried.count("w1") < 3 and nodes == ["w1"]:
            raise Problem("docker is busy")
        return nodes

    monkeypatch.setattr(docker_nodes, "unpause", unpause)
    deadman.wait_and_thaw(ledger.path, 1, ids)
    assert tried == ["w1", "w2", "w1", "w1"]
    assert ledger.open() == []


def test_without_a_timer_nothing_is_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Problem, match="nothing was injected"):
        deadman.start(Ledger(tmp_path / "ledger.ndjson"), ["1"], 5)
