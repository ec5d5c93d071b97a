"""Which nodes are made, stamped, trusted and removed. Docker is a script here."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy import files, paths
from deploy.cluster import Cluster
from deploy.errors import Problem, Usage
from deploy.images import sources
from deploy.kind import lifecycle, owner
from deploy.waiting import eventually
from tests.component.fake_tools import calls, fake

OURS, PUBLIC = "resilience.local/node:abc", "kindest/node:v1.36.3"
# Nodes are files that hold their image, address and start; names are all that `ps` gives.
DOCKER = """
nodes=$(dirname "$0")/nodes
case "$1 $*" in
  "ps "*Image*) cd "$nodes"; for n in *; do test -e "$n" && echo "$n $(sed -n 1p "$n")"; done; true ;;
  "ps "*) ls "$nodes" ;;
  "inspect "*) shift 3; for n; do echo "$n=$(sed -n 2p "$nodes/$n")"; done ;;
  "unpause "*) ;;
  "rm "*) shift 3; for n; do rm "$nodes/$n"; done ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the fake Docker, alone in front of PATH; state and cache are empty."""
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    tools = tmp_path / "tools"
    (tools / "nodes").mkdir(parents=True)
    fake(tools, "docker", DOCKER)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(lifecycle, "FIND_PATIENCE_S", 0)
    monkeypatch.setattr(lifecycle, "_require_free_ports", lambda: None)
    return tools


def node(docker: Path, name: str = "x-worker", image: str = OURS, address: str = "172.18.0.2@1") -> Path:
    file = docker / "nodes" / name
    file.write_text(f"{image}\n{address}\n")
    return file


def state(kubeconfig: str | None = "a: 1") -> Path:
    folder = paths.state("x")
    folder.mkdir(parents=True)
    if kubeconfig is not None:
        (folder / "kubeconfig").write_text(kubeconfig)
    return folder


def made(**changed: str) -> None:
    """Writes what the cluster was made from, as its creation does."""
    facts = {"node_image": OURS, "definition": lifecycle.definition(), "incarnation": "x-worker=172.18.0.2@1"}
    (state() / "made.json").write_text(json.dumps(facts | changed))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Cluster]:
    """The clusters whose API server was asked; each answers, and is ours."""
    asked: list[Cluster] = []
    monkeypatch.setattr(owner, "facts", lambda cluster, **_: asked.append(cluster))
    monkeypatch.setattr(owner, "assert_ours", lambda cluster: cluster)
    return asked


def test_a_standing_cluster_of_ours_is_found(
    docker: Path, asked: list[Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    node(docker)
    made()
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", "/a/foreign/one")  # must not lead to another cluster
    monkeypatch.setenv("RESILIENCE_CONTEXT", "foreign")
    found = lifecycle.find("x", OURS)
    assert found == Cluster("x", paths.kubeconfig("x"), "kind-x")
    assert asked == [found]


@pytest.mark.parametrize("fact", ["node_image", "definition", "incarnation"])
def test_a_cluster_that_came_back_otherwise_is_not_trusted_and_its_server_not_waited_for(
    docker: Path, asked: list[Cluster], fact: str
) -> None:
    node(docker)
    made(**{fact: "changed"})
    assert lifecycle.find("x", OURS) is None
    assert not asked


def test_a_cluster_whose_server_is_silent_or_that_is_not_ours_is_not_trusted(
    docker: Path, asked: list[Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: Any, **__: Any) -> None:
        raise Problem("no", fix="none")

    node(docker)
    made()
    for answer in ("assert_ours", "facts"):
        monkeypatch.setattr(owner, answer, raises)
        assert lifecycle.find("x", OURS) is None


@pytest.mark.parametrize("kubeconfig", [None, "", "}{", "hello", "a: 1"])
def test_no_kubeconfig_or_a_broken_one_is_no_cluster(docker: Path, kubeconfig: str | None) -> None:
    node(docker)
    made()
    paths.kubeconfig("x").unlink()
    if kubeconfig is not None:
        paths.kubeconfig("x").write_text(kubeconfig)
    assert lifecycle.find("x", OURS) is None


def test_no_nodes_is_no_cluster(docker: Path, asked: list[Cluster]) -> None:
    made()
    assert lifecycle.find("x", OURS) is None


def test_a_cluster_that_was_left_half_made_is_none(docker: Path, asked: list[Cluster]) -> None:
    node(docker)
    state()
    assert lifecycle.find("x", OURS) is None


def test_a_dead_engine_with_an_old_kubeconfig_is_no_cluster(docker: Path, asked: list[Cluster]) -> None:
    made()
    fake(docker, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert lifecycle.find("x", OURS) is None
    (docker / "docker").unlink()
    os.environ["PATH"] = str(docker)  # monkeypatched by the fixture, so put back
    assert lifecycle.find("x", OURS) is None


def test_a_removal_takes_nodes_and_state_and_says_whether_there_was_any(docker: Path) -> None:
    node(docker, "x-worker")
    node(docker, "x-worker2")
    folder = state()
    assert lifecycle.remove("x")
    assert not folder.exists()
    assert not list((docker / "nodes").iterdir())
    assert not lifecycle.remove("x")


def test_a_state_without_nodes_is_removed(docker: Path) -> None:
    folder = state()
    assert lifecycle.remove("x")
    assert not folder.exists()


def test_a_half_made_cluster_of_ours_is_removed(docker: Path) -> None:
    node(docker)
    state(None)
    assert lifecycle.remove("x")
    assert not list((docker / "nodes").iterdir())


@pytest.mark.parametrize("act", [lifecycle.remove, lambda name: lifecycle.create(name, OURS)])
@pytest.mark.parametrize(("image", "with_state"), [(PUBLIC, True), (PUBLIC, False), (OURS, False)])
def test_somebody_elses_cluster_of_that_name_is_never_touched(
    docker: Path, act: Any, image: str, with_state: object
) -> None:
    file = node(docker, image=image)
    folder = state() if with_state else paths.state("x")
    with pytest.raises(Problem, match="'x' stands that this suite did not make") as caught:
        act("x")
    assert "--cluster NAME" in caught.value.fix
    assert "docker rm --force --volumes x-worker" in caught.value.fix
    assert file.exists()
    assert folder.exists() == with_state
    assert not [call for call in calls(docker, "docker") if call.startswith(("rm", "unpause"))]


def kind(docker: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    made = fake(docker, "kind", f'nodes="{docker}/nodes"\n{script}')
    monkeypatch.setattr(sources, "tool", lambda *_: made)


MAKES = f'printf "{OURS}\\n172.18.0.2@1\\n" >"$nodes/x-worker"'


def test_a_cluster_is_made_and_stamped(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps: list[Cluster] = []
    monkeypatch.setattr(owner, "stamp", stamps.append)
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", "/a/foreign/one")
    kind(docker, monkeypatch, MAKES)
    new = lifecycle.create("x", OURS)
    assert stamps == [new]
    assert new.kubeconfig == paths.kubeconfig("x")
    monkeypatch.setattr(owner, "facts", lambda *_, **__: {})
    monkeypatch.setattr(owner, "assert_ours", lambda cluster: cluster)
    assert lifecycle.find("x", OURS) == new
    assert paths.state("x").stat().st_mode & 0o777 == 0o700


def test_a_failed_creation_leaves_nothing_and_shows_what_kind_said(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind(docker, monkeypatch, f"{MAKES}; echo starting; echo 'ERROR: no space left' >&2; exit 1")
    with pytest.raises(Problem, match="could not make the cluster x") as caught:
        lifecycle.create("x", OURS)
    assert caught.value.why == "ERROR: no space left"
    assert not list((docker / "nodes").iterdir())
    assert not paths.state("x").exists()


def test_ctrl_c_ends_kind_with_all_it_started_and_leaves_nothing(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = f"(/bin/sleep 600; {MAKES}) &"
    said = 'echo $! >"$nodes/../late"; : >"$nodes/../begun"'
    kind(docker, monkeypatch, f"{MAKES}; {late} {said}; exec /bin/sleep 600")
    real = subprocess.Popen.wait

    def interrupted(child: Any, timeout: float | None = None) -> int:
        if timeout == 600:
            eventually((docker / "begun").exists, bool, within_s=120, what="kind to have begun")
            raise KeyboardInterrupt
        return real(child, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lifecycle.create("x", OURS)
    assert not list((docker / "nodes").iterdir())
    assert not paths.state("x").exists()
    left = Path(f"/proc/{(docker / 'late').read_text().strip()}/stat")

    def seen() -> str:
        try:
            return left.read_text().rpartition(")")[2].split()[0]
        except OSError:  # also while it is read
            return "gone"

    eventually(seen, {"Z", "X", "gone"}.__contains__, within_s=60, what="what kind had started to be gone")


def test_two_runs_at_once_make_one_cluster(docker: Path, asked: list[Cluster], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "stamp", lambda *_, **__: paths.kubeconfig("x").touch())
    kind(docker, monkeypatch, f'while [ ! -e "$nodes/../second" ]; do /bin/sleep 0.05; done; {MAKES}')

    def noted(lock: Path, waiting: Callable[[], None]) -> Any:
        def second() -> None:
            waiting()
            (docker / "second").touch()

        return files.only_one(lock, second)

    monkeypatch.setattr(lifecycle, "only_one", noted)
    made: list[Cluster] = []
    runs = [threading.Thread(target=lambda: made.append(lifecycle.create("x", OURS))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert made[0] == made[1]
    assert len(calls(docker, "kind")) == 1


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../x", "a..b", "A", "-x", "x" * 50])
def test_what_cannot_be_a_clusters_name_never_becomes_a_path(docker: Path, name: str) -> None:
    with pytest.raises(Usage, match="cannot be the name of a cluster"):
        lifecycle.remove(name)
    assert calls(docker, "docker") == []


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep" / "file"
    files.replace_text(file, "first", mode=0o600)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("first", 0o600)

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.replace_text(file, "second")
    assert [path.read_text() for path in file.parent.iterdir()] == ["first"]
