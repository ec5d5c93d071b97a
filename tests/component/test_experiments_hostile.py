"""Never the wrong cluster: in every hostile set-up the suite changes nothing, says why, and does not hang.

A decoy API server plays the clusters; the real commands run against it.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.paths import ROOT
from tests.component.decoy import Decoy
from tests.component.fake_tools import calls
from tests.component.hostile_homes import CONTEXT, OWN_RIGHTS, RUN, Setup, a_decoy, asked, do, home

BOUND_S = 60.0  # an answer of the silent one takes for ever
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


@dataclass
class Seen:
    """What came of all set-ups."""

    decoy: Decoy
    results: dict[str, Any]
    homes: dict[str, Path]


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
