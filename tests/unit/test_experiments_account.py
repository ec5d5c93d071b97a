"""Accounts: a token in a file of its own that is gone afterwards, and nothing of the kubeconfig that asked for it."""

import base64
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from chaoslib.exceptions import InterruptExecution
from kubernetes.client import ApiException

from deploy import paths
from deploy.cluster import Cluster
from deploy.errors import Problem
from experiments import account, guard, pushes, runner, running, session, weaken
from experiments.controls import recording
from experiments.record import CASE_DIR, read_lines

CLAIMS = base64.urlsafe_b64encode(json.dumps({"jti": "id-of-the-token"}).encode()).decode().rstrip("=")
TOKEN = f"header.{CLAIMS}.signature"
ADMIN = {
    "clusters": [{"name": "kind-x", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"}}],
    "contexts": [{"name": "kind-x", "context": {"cluster": "kind-x", "user": "admin"}}],
    "users": [{"name": "admin", "user": {"client-key-data": "THE-ADMINS-KEY"}}],
}


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster, as its admin has it, that gives tokens and changes nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(account.OWN_RIGHTS, raising=False)
    file = tmp_path / "admin-kubeconfig"
    file.write_text(yaml.safe_dump(ADMIN))
    asked: list[Any] = []

    def give(name: str, namespace: str, body: Any, **_: Any) -> Any:
        asked.append((name, namespace, body.spec.expiration_seconds))
        return SimpleNamespace(status=SimpleNamespace(token=TOKEN))

    def answer(method: str, url: str, **_: Any) -> Any:
        return SimpleNamespace(status=429 if "eviction" in url else 200, headers={"Audit-Id": f"number of {method}"})

    core = SimpleNamespace(create_namespaced_service_account_token=give, asked=asked)
    api = property(lambda _: SimpleNamespace(rest_client=rest))
    rest = SimpleNamespace(request=answer)
    monkeypatch.setattr(Cluster, "core", property(lambda _: core))
    monkeypatch.setattr(Cluster, "api", api)
    return Cluster("x", file, "kind-x")


def test_the_accounts_kubeconfig_holds_its_token_and_nothing_of_the_admins(admin: Cluster) -> None:
    with account.acting_as(admin, "observe", "mesh.ejection") as acting:
        text = acting.kubeconfig.read_text()
        assert acting.kubeconfig.stat().st_mode & 0o777 == 0o600
        assert acting.kubeconfig.parent.stat().st_mode & 0o777 == 0o700
        assert acting.kubeconfig.is_relative_to(paths.state("x"))
        assert (acting.name, acting.context) == ("x", "kind-x")
    assert "THE-ADMINS-KEY" not in text
    assert str(admin.kubeconfig) not in text
    known = yaml.safe_load(text)
    assert known["users"] == [{"name": "observe", "user": {"token": TOKEN}}]
    (server,) = (each["cluster"] for each in known["clusters"])
    assert server["certificate-authority"] == str(admin.kubeconfig.parent / "ca.crt")
    assert admin.core.asked == [("observe", "resilience-suite", account.LIFETIME_S)]


@pytest.mark.parametrize("error", [Problem, KeyboardInterrupt, SystemExit])
def test_the_token_is_gone_afterwards_whatever_happened(admin: Cluster, error: type[BaseException]) -> None:
    with suppress(error), account.acting_as(admin, "observe", "case") as acting:
        assert acting.kubeconfig.exists()
        raise error("x")
    assert list(acting.kubeconfig.parent.iterdir()) == []


def test_a_token_that_a_killed_run_left_is_swept_away_once_it_is_over(admin: Cluster) -> None:
    with account.acting_as(admin, "observe", "case") as acting:
        left = acting.kubeconfig.with_name("left-behind")
        left.touch()
    with account.acting_as(admin, "observe", "case"):
        assert left.exists()  # it may be in use
    over = time.time() - account.LIFETIME_S - 1
    os.utime(left, (over, over))
    with account.acting_as(admin, "observe", "case"):
        assert not left.exists()


def test_the_child_is_given_no_way_to_the_admins_kubeconfig(admin: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "RESILIENCE_KUBECONFIG"):
        monkeypatch.setenv(name, str(admin.kubeconfig))
    monkeypatch.setenv("RESILIENCE_CONTEXT", "the-admins-own")
    monkeypatch.setenv(guard.PINNED, "address|uid")
    with account.acting_as(admin, "observe", "case") as acting:
        seen = runner.environment(acting, Path("case"))
    assert {seen["KUBECONFIG"], seen["RESILIENCE_KUBECONFIG"]} == {str(acting.kubeconfig)}
    assert {seen["KUBERNETES_CONTEXT"], seen["RESILIENCE_CONTEXT"]} == {"kind-x"}
    assert not [value for value in seen.values() if str(admin.kubeconfig) in value]


HAND = ("KUBECONFIG", "RESILIENCE_KUBECONFIG", "KUBERNETES_CONTEXT", "RESILIENCE_CONTEXT", CASE_DIR)
RADIUS = {"disturbs": ["shop/app"], "needs": []}
DOCUMENT = {"experiment": "mesh/ejection", "account": "workload-faults", "blast_radius": RADIUS}


@pytest.fixture
def by_hand(admin: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process in which somebody types `chaos run`; the folder where tokens are."""
    for name in HAND:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setattr(Cluster, "connect", lambda: admin)
    monkeypatch.setattr(recording, "new_run_folder", lambda suffix: tmp_path / suffix)
    return paths.state("x") / "accounts"


def test_by_hand_the_process_acts_as_its_experiments_account_until_it_is_over(
    by_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(session, "begin", begun.append)
    recording.before_experiment_control({}, DOCUMENT)
    (token,) = by_hand.iterdir()
    assert begun[0].cluster.kubeconfig == token
    assert [case.name for case in running.cases("x")] == ["mesh.ejection"]
    assert {os.environ["KUBECONFIG"], os.environ["RESILIENCE_KUBECONFIG"]} == {str(token)}
    recording.after_experiment_control()
    assert not token.exists()
    assert running.cases("x") == []


def test_by_hand_an_experiment_that_does_not_begin_leaves_no_token(
    by_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> None:
        raise Problem("no caller runs")

    monkeypatch.setattr(session, "begin", broken)
    with pytest.raises(InterruptExecution, match="no caller runs"):
        recording.before_experiment_control({}, DOCUMENT)
    assert list(by_hand.iterdir()) == []
    assert running.cases("x") == []


def test_a_token_outlives_the_longest_run() -> None:
    longest = runner.RUN_S_MAX + runner.ROLLBACKS_S + 2 * weaken.ROLLOUT_S + 2 * pushes.WITHIN_S
    assert longest < account.LIFETIME_S


@pytest.mark.parametrize("status", [403, 404])
def test_a_cluster_without_the_accounts_says_how_to_get_them(
    admin: Cluster, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ApiException(status=status, reason="no")

    monkeypatch.setattr(admin.core, "create_namespaced_service_account_token", refuse)
    with pytest.raises(Problem, match="no token of the account resilience-suite/weaken") as caught:
        account.acting_as(admin, "weaken", "case").__enter__()
    assert str(status) in caught.value.why
    for way in ("deploy up suite-access", "kubectl --context=kind-x apply -k deploy/suite_access", "OWN_RIGHTS=1"):
        assert way in caught.value.fix


def test_ones_own_rights_are_used_only_when_the_user_says_so(admin: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(account.OWN_RIGHTS, "1")
    with account.acting_as(admin, "observe", "case") as acting:
        assert acting is admin
    assert admin.core.asked == []


def test_a_context_that_is_not_in_the_kubeconfig_is_told(admin: Cluster) -> None:
    with pytest.raises(Problem, match="no cluster for the context 'other'"):
        account.kubeconfig(Cluster("x", admin.kubeconfig, "other"), "observe", TOKEN)


def test_who_acted_and_every_change_it_asked_for_is_kept(admin: Cluster) -> None:
    with account.acting_as(admin, "disruption", "the case") as acting:
        send: Any = acting.api.rest_client.request
        send("GET", "https://127.0.0.1:1/api/v1/pods")
        send("POST", "https://127.0.0.1:1/api/v1/namespaces/shop/pods/a/eviction?dryRun=All")
        send("PATCH", "https://127.0.0.1:1/apis/apps/v1/namespaces/shop/deployments/app")
    who, *changes = read_lines(account.deeds(admin))
    assert (who["account"], who["case"], who["credential"]) == ("disruption", "the case", "id-of-the-token")
    assert TOKEN not in account.deeds(admin).read_text()
    assert [(line["change"], line["status"], line["path"]) for line in changes] == [
        ("number of POST", 429, "/api/v1/namespaces/shop/pods/a/eviction"),  # a refused one was asked for too
        ("number of PATCH", 200, "/apis/apps/v1/namespaces/shop/deployments/app"),
    ]


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c"])
def test_a_token_that_says_no_id_is_still_a_token(token: str) -> None:
    assert account.credential(token) == ""
