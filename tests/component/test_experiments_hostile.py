"""Never the wrong cluster: in every hostile set-up the suite changes nothing, says why, and does not hang.

A decoy API server plays the clusters; the real commands run against it. The last test takes the guard away: then the
decoy must see changes, or its silence would mean nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.paths import ROOT
from experiments import catalogue, documents
from tests.component.decoy import Decoy, Persona
from tests.component.fake_tools import calls, fake

NAME, CONTEXT = "decoy", "kind-decoy"
RUN = ["run", "high_availability/disruption_budget", "--control", "no-budget"]
CONTROL = catalogue.find("high_availability/disruption_budget").control_file("no-budget")
OWN_RIGHTS = {"RESILIENCE_OWN_RIGHTS": "1"}
BOUND_S = 60.0  # an answer of the silent one takes for ever
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


NOT_OURS = ("was not made by this suite", f"--allow-disruption={CONTEXT}")
ANOTHER = ("belongs to another cluster", f"--allow-disruption={CONTEXT}")
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", "touch $HOME/executed"]}
SETUPS = {
    "KUBECONFIG is a list": Setup("foreign", NOT_OURS, {"KUBECONFIG": "{home}/ambient:{home}/second"}),
    "KUBECONFIG set after import": Setup("foreign", NOT_OURS, {"KUBECONFIG": "{home}/ambient"}),
    "our own variable is a list": Setup(
        "foreign", ("is not a file", "name one file"), {"RESILIENCE_KUBECONFIG": "{home}/ambient:{home}/second"}
    ),
    "current context changed": Setup("foreign", NOT_OURS, current="ambient"),
    "context renamed to ours": Setup("foreign", NOT_OURS),
    "same name, other uid": Setup("recreated", ANOTHER),
    "restored from etcd elsewhere": Setup("restored", ANOTHER, commands=("run", "weaken")),
    "stamp forged with another uid": Setup("forged", ANOTHER),
    "stamp is no stamp": Setup("scribbled", ANOTHER),
    "proxy variables": Setup(
        "foreign",
        NOT_OURS,
        dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "{decoy}")
        | {"NO_PROXY": "example.com"},
    ),
    "expired token": Setup("expired", ("401", "make up")),
    "account that may read nothing": Setup("forbidden", ("403", "use others")),
    "read-only account": Setup(
        "read-only", ("do not let us", "poddisruptionbudgets", "use credentials"), OWN_RIGHTS, commands=("weaken",)
    ),
    "login page": Setup("login-page", ("does not speak like", "kubeconfig")),
    "answers 500": Setup("ill", ("etcdserver", "make up")),
    "hangs": Setup("silent", ("timed out", "make up")),
    "redirects": Setup("elsewhere", ("307", "kubeconfig")),
    "DNS name instead of address": Setup("ours", ANOTHER, host="localhost", commands=("run", "weaken")),
    "exec plugin": Setup("foreign", ("come from a program", "create token"), user={"exec": PLUGIN}),
    "auth provider": Setup(
        "foreign",
        ("come from a program", "create token"),
        user={"auth-provider": {"name": "gcp", "config": {"cmd-path": "sh", "cmd-args": "-c 'touch $HOME/executed'"}}},
    ),
    "disruption of another context allowed": Setup("foreign", NOT_OURS, {"RESILIENCE_ALLOW_DISRUPTION": "kind-x"}),
    "pinned to another cluster before": Setup(
        "ours", ("another cluster answers",), {"RESILIENCE_IDENTITY": "x|y"}, commands=("run", "weaken")
    ),
    "identity changes after it was pinned": Setup(
        "changing", ("another cluster answers", "nothing was injected"), OWN_RIGHTS, commands=("weaken",)
    ),
}


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
    with ExitStack() as stack:
        decoy = stack.enter_context(Decoy({}))
        decoy.personas = personas(decoy)
        yield decoy


def do(folder: Path, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    (folder / "said").mkdir()
    argv = [sys.executable, "-m", "tests.component.hostile_commands", str(folder / "said")]
    ended = subprocess.run(
        argv, input=json.dumps(jobs), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    return dict(json.loads(ended.stdout))


@dataclass
class Seen:
    """What came of all set-ups."""

    decoy: Decoy
    results: dict[str, Any]
    homes: dict[str, Path]


def asked(command: str, folder: Path) -> dict[str, Any]:
    """Returns what a job is to do."""
    if command == "weaken":
        return {"control": str(CONTROL)}
    return {"argv": [*RUN, "--run-dir", str(folder / "run")] if command == "run" else ["heal"]}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: Any) -> Iterator[Seen]:
    """Every set-up with every command."""
    folder = tmp_path_factory.mktemp("hostile")
    with a_decoy() as decoy:
        jobs: list[Any] = []
        homes: dict[str, Any] = {}
        for name, setup in SETUPS.items():
            for command in setup.commands:
                job = f"{name}: {command}"
                homes[job] = folder / str(len(homes))
                env = home(homes[job], decoy, setup, left=command == "heal")
                patient = setup.persona not in {"silent", "ill"}  # they are asked until patience ends
                jobs.append({"name": job, "env": env, "patient": patient} | asked(command, homes[job]))
        yield Seen(decoy, do(folder, jobs), homes)


JOBS = [f"{name}: {command}" for name, setup in SETUPS.items() for command in setup.commands]


@pytest.mark.parametrize("job", JOBS)
def test_it_is_refused_with_a_reason_and_a_fix(seen: Seen, job: str) -> None:
    result, setup = seen.results[job], SETUPS[job.rpartition(": ")[0]]
    assert result["code"] == 69, result["said"]
    assert "Traceback" not in result["said"]
    expected = setup.says
    if job.endswith("heal") and setup.says in {NOT_OURS, ANOTHER}:
        expected = ("another cluster answers than the one the fault was injected into", "heal with the kubeconfig")
    assert [words for words in expected if words not in result["said"]] == [], result["said"]


@pytest.mark.parametrize("job", JOBS)
def test_it_is_over_soon(seen: Seen, job: str) -> None:
    assert seen.results[job]["took_s"] < BOUND_S


def test_no_cluster_was_changed(seen: Seen) -> None:
    assert {name: changes for name in seen.decoy.personas if (changes := seen.decoy.changes(name))} == {}
    assert {name: programs for name in seen.decoy.personas if (programs := seen.decoy.programs(name))} == {}
    asked = seen.decoy.asked()
    assert [name for name in seen.decoy.personas if name != "ambient" and not asked[name]] == []


def test_nobody_but_the_named_server_was_asked_anything(seen: Seen) -> None:
    asked = seen.decoy.asked()
    assert (asked["ambient"], asked["proxy"], asked[""]) == (0, 0, 0)


def test_no_program_of_a_kubeconfig_was_run(seen: Seen) -> None:
    assert [job for job, folder in seen.homes.items() if (folder / "executed").exists()] == []
    assert [job for job, folder in seen.homes.items() if calls(folder / "bin", "docker")] == []


def test_the_command_itself_refuses_too(tmp_path: Any) -> None:
    with a_decoy() as decoy:
        env = home(tmp_path / "home", decoy, SETUPS["context renamed to ours"], left=False)
        argv = [sys.executable, "-m", "experiments", *RUN, "--run-dir", str(tmp_path / "run")]
        ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, decoy.changes("foreign")) == (69, [])
        assert all(words in ended.stderr for words in NOT_OURS)


def actions() -> list[tuple[str, str, dict[str, Any]]]:
    """Every action of every document, with arguments that do not make it wait."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in catalogue.names():
        for activity in documents.load(catalogue.find(name).path, name).activities():
            if activity.type == "action" and not activity.provider.func.startswith(
                "watch_"
            ):  # they only watch, and wait
                bounds = [key for key in activity.provider.arguments if documents.BOUNDS.fullmatch(key)]
                short = {key: 10 if key == "settle_s" else 1 for key in bounds}  # it settles by itself
                arguments = activity.provider.arguments | short
                if "zone" in arguments:
                    arguments["zone"] = "us-east-1b"
                found.setdefault((activity.provider.module, activity.provider.func), arguments)
    return [(module, func, arguments) for (module, func), arguments in found.items()]


def act(folder: Path, decoy: Decoy, *, unguarded: bool) -> dict[str, Any]:
    jobs = []
    for number, (module, func, arguments) in enumerate(actions()):
        env = home(folder / str(number), decoy, Setup("foreign", (), OWN_RIGHTS), left=False)
        action = {"name": f"{module}.{func}", "env": env, "action": (module, func, arguments), "unguarded": unguarded}
        jobs.append(action)
    return do(folder, jobs)


def test_no_action_changes_a_cluster_that_is_not_ours(tmp_path: Any) -> None:
    with a_decoy() as decoy:
        results = act(tmp_path, decoy, unguarded=False)
        assert decoy.changes("foreign") == []
        refused = {
            name.rpartition(".")[2]
            for name, result in results.items()
            if "was not made by this suite" in result["said"]
        }
    frozen = [call for folder in tmp_path.glob("*/bin") for call in calls(folder, "docker") if call.startswith("pause")]
    assert frozen == []
    injecting = {
        "break_replicas",
        "hang_replicas",
        "slow_replicas",
        "refuse_connections",
        "make_unready",
        "evict_until_refused",
        "pause",
        "destroy_volumes",
        "replace_pods",
        "delete_replicas",
        "kill_containers",
        "hand_in_by_every_protocol",
    }
    assert refused >= injecting | {"have_objects_backed_up", "restore_objects", "call_from_outside"}, results


def test_without_the_guard_the_decoy_is_changed(tmp_path: Any) -> None:
    with a_decoy() as decoy:
        act(tmp_path, decoy, unguarded=True)
        by_actions = decoy.changes("foreign")
        decoy.requests.clear()
        jobs = []
        for command in ("weaken", "heal"):
            env = home(tmp_path / command, decoy, Setup("foreign", (), OWN_RIGHTS), left=command == "heal")
            jobs.append({"name": command, "env": env, "unguarded": True} | asked(command, tmp_path))
        (tmp_path / "again").mkdir()
        do(tmp_path / "again", jobs)
        by_commands = decoy.changes("foreign")
    verbs = {change.split("?")[0] for change in by_actions}
    assert verbs >= {
        "POST /api/v1/namespaces/shop/pods/app/eviction",
        "POST /apis/velero.io/v1/namespaces/velero/backups",
        "POST /apis/velero.io/v1/namespaces/velero/restores",
        "DELETE /apis/apps/v1/namespaces/data/statefulsets/app",
        "GET /api/v1/namespaces/chaos/pods/app/exec",
    }
    assert [folder for folder in tmp_path.glob("*/bin") if "pause app" in calls(folder, "docker")]
    assert {change.split(" ")[0] for change in by_commands} >= {"DELETE", "PUT"}, by_commands
