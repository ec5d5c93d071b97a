"""Homes in which the suite must not break anything: whose kubeconfig leads where, and a decoy that plays clusters."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.paths import ROOT
from experiments import catalogue
from tests.component.decoy import Decoy, Persona
from tests.component.fake_tools import fake

NAME, CONTEXT = "decoy", "kind-decoy"
RUN = ["run", "high_availability/disruption_budget", "--control", "no-budget"]
CONTROL = catalogue.find("high_availability/disruption_budget").control_file("no-budget")
OWN_RIGHTS = {"RESILIENCE_OWN_RIGHTS": "1"}
HTML = (200, "text/html", "<html>please log in</html>")


def identity(address: str, uid: str) -> str:
    return json.dumps({"api_address": address, "kube_system_uid": uid})


def personas(decoy: Decoy) -> dict[str, Persona]:
    """The clusters; "ours" is the one that may be broken, "ambient" the one that nobody may ever speak to."""
    ours = identity(decoy.url("ours"), "u1")
    return {
        "ours": Persona("u1", stamp=ours),
        "ambient": Persona("u-ambient", stamp=identity(decoy.url("ambient"), "u-ambient")),
        "foreign": Persona(),
        "recreated": Persona("u2", stamp=identity(decoy.url("recreated"), "u1")),
        "restored": Persona("u1", stamp=ours),
        "forged": Persona("u3", stamp=identity(decoy.url("forged"), "u1")),
        "scribbled": Persona("u3", stamp="ours, believe me"),
        "expired": Persona(answer=(401, "application/json", '{"kind": "Status", "reason": "Unauthorized"}')),
        "forbidden": Persona(answer=(403, "application/json", '{"kind": "Status", "reason": "Forbidden"}')),
        "read-only": Persona("u1", stamp=identity(decoy.url("read-only"), "u1"), read_only=True),
        "login-page": Persona(answer=HTML),
        "ill": Persona(answer=(500, "text/plain", "etcdserver: request timed out")),
        "silent": Persona(silent=True),
        "elsewhere": Persona(answer=(307, "text/plain", "")),
        "changing": Persona("u-other", uids=("u1",), stamp=identity(decoy.url("changing"), "u1")),
    }


@dataclass(frozen=True)
class Setup:
    """One hostile set-up.

    Attributes:
        persona: that our kubeconfig's context leads to.
        says: what the message must hold, the fix included.
        env: on top of a clean environment; {decoy} is the server's address, {home} the home folder.
        user: of the kubeconfig.
        current: the kubeconfig's current-context.
        host: how the kubeconfig names the server.
        commands: which are tried: a whole run, a negative control, and heal with an open entry of "ours".
    """

    persona: str
    says: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=lambda: {"token": "t"})
    current: str = CONTEXT
    host: str = "127.0.0.1"
    commands: tuple[str, ...] = ("run", "weaken", "heal")


def kubeconfig(server: str, user: dict[str, Any], current: str, ambient: str) -> str:
    clusters = [{"name": name, "cluster": {"server": url}} for name, url in (("decoy", server), ("ambient", ambient))]
    users = [{"name": "decoy", "user": user}, {"name": "ambient", "user": {"token": "t"}}]
    contexts = [
        {"name": context, "context": {"cluster": name, "user": name}}
        for context, name in ((CONTEXT, "decoy"), ("ambient", "ambient"))
    ]
    return json.dumps({"clusters": clusters, "users": users, "contexts": contexts, "current-context": current})


def home(folder: Path, decoy: Decoy, setup: Setup, *, left: bool) -> dict[str, str]:
    """Makes a home folder with our kubeconfig, an ambient one, and a ledger; returns its environment."""
    state = folder / ".local" / "state" / "resilience-suite" / NAME
    state.mkdir(parents=True)
    ours = kubeconfig(decoy.url(setup.persona, setup.host), setup.user, setup.current, decoy.url("ambient"))
    (state / "kubeconfig").write_text(ours)
    (folder / ".kube").mkdir()
    for name in (".kube/config", "ambient", "second"):
        (folder / name).write_text(kubeconfig(decoy.url("ambient"), {"token": "t"}, CONTEXT, decoy.url("ambient")))
    if left:
        manifest: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
        manifest |= {"metadata": {"name": "app", "namespace": "shop"}}
        entry: dict[str, Any] = {"op": "intend", "id": "1", "fault": "left behind", "on": f"{decoy.url('ours')}|u1"}
        entry |= {"undo": {"undo": "restore-object", "manifest": manifest}}
        (state / "ledger.ndjson").write_text(json.dumps(entry) + "\n")
    fake(folder / "bin", "docker", "exit 1")
    words = {"decoy": decoy.url(), "home": str(folder)}
    env = {"HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "RESILIENCE_CLUSTER": NAME}
    return env | {key: value.format(**words) for key, value in setup.env.items()}


@contextmanager
def a_decoy() -> Iterator[Decoy]:
    with Decoy({}) as decoy:
        decoy.personas = personas(decoy)
        yield decoy


def do(folder: Path, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    (folder / "said").mkdir()
    argv = [sys.executable, "-m", "tests.component.hostile_commands", str(folder / "said")]
    ended = subprocess.run(
        argv, input=json.dumps(jobs), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    return dict(json.loads(ended.stdout))


def asked(command: str, folder: Path) -> dict[str, Any]:
    """Returns what a job is to do."""
    if command == "weaken":
        return {"control": str(CONTROL)}
    return {"argv": [*RUN, "--run-dir", str(folder / "run")] if command == "run" else ["heal"]}
