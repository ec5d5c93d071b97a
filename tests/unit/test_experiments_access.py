"""Rights against use: each way in which the two can differ is seen; the shipped rights are what they claim to be."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from deploy.suite_access import FOLDER, accounts
from experiments import access, catalogue, documents, weaken
from experiments.access import Grant

EXEC = Grant("observe", "get", "", "pods/exec", "callers", "caller-1")


def role(rules: list[Any], namespace: str = "shop", kind: str = "Role") -> dict[str, Any]:
    meta = {"name": "r", "namespace": namespace} if kind == "Role" else {"name": "r"}
    return {"kind": kind, "metadata": meta, "rules": rules}


def binding(*subjects: dict[str, str], namespace: str = "shop", to: str = "Role") -> dict[str, Any]:
    kind, meta = (
        ("RoleBinding", {"name": "b", "namespace": namespace}) if namespace else ("ClusterRoleBinding", {"name": "b"})
    )
    return {"kind": kind, "metadata": meta, "roleRef": {"kind": to, "name": "r"}, "subjects": list(subjects)}


def subject(name: str = "observe", namespace: str = "resilience-suite") -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def line(asked: Grant, *, status: int = 200, number: str = "1", credential: str = "c", **changes: Any) -> str:
    resource, _, subresource = asked.resource.partition("/")
    thing = {"resource": resource, "namespace": asked.namespace, "name": asked.name, "apiGroup": asked.group}
    told = {
        "auditID": number,
        "stage": "ResponseComplete",
        "verb": asked.verb,
        "user": {"username": access.ACCOUNT + asked.account, "extra": {access.CREDENTIAL: [f"JTI={credential}"]}},
        "objectRef": thing | ({"subresource": subresource} if subresource else {}),
        "responseStatus": {"code": status},
    }
    return json.dumps(told | changes)


PODS = {"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["list"]}


def test_rights_are_read_from_roles_and_bindings() -> None:
    expected = {Grant("observe", "list", "", resource, "shop") for resource in ("pods", "pods/exec")}
    assert access.grants([role([PODS]), binding(subject())]) == expected


def test_a_cluster_role_is_bound_to_one_namespace_or_to_all() -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a", "b"], "verbs": ["get"]}]
    cluster_role = role(rules, kind="ClusterRole")
    one = access.grants([cluster_role, binding(subject(), to="ClusterRole")])
    assert one == {Grant("observe", "get", "apps", "deployments", "shop", name) for name in ("a", "b")}
    everywhere = access.grants([cluster_role, binding(subject(), namespace="", to="ClusterRole")])
    assert everywhere == {replace(grant, namespace="") for grant in one}


@pytest.mark.parametrize(
    "whom",
    [
        {"kind": "User", "name": "system:serviceaccount:resilience-suite:observe"},
        {"kind": "Group", "name": "system:serviceaccounts:resilience-suite"},
    ],
)
def test_no_other_way_of_naming_an_account_hides_a_right(whom: dict[str, str]) -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "observe", "namespace": "resilience-suite"}}
    assert {grant.account for grant in access.grants([account, role([PODS]), binding(whom)])} == {"observe"}


def test_the_rights_of_others_are_not_ours() -> None:
    stranger = [subject(namespace="shop"), {"kind": "User", "name": "observe"}, {"kind": "Group", "name": "x"}]
    assert access.grants([role([PODS]), binding(*stranger)]) == set()
    assert access.grants([binding(subject())]) == set()  # a role that is not there gives nothing


def compare(rights: set[Grant], *lines: str) -> access.Comparison:
    return access.compare(rights, access.requests(lines))


NAMED = Grant("observe", "get", "apps", "deployments", "shop", "app")


def test_a_right_that_was_used_is_not_reported() -> None:
    assert compare({NAMED}, line(NAMED)) == access.Comparison((), (), ())
    assert compare({replace(NAMED, name="")}, line(NAMED)) == access.Comparison((), (), ())
    assert compare({replace(NAMED, namespace="")}, line(NAMED)) == access.Comparison((), (), ())


@pytest.mark.parametrize(
    "change",
    [
        {"account": "weaken"},
        {"verb": "list"},
        {"group": ""},
        {"resource": "deployments/scale"},
        {"namespace": "data"},
        {"name": "api"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_right_that_nothing_used_is_named(change: dict[str, str]) -> None:
    fake = replace(NAMED, **change)
    assert compare({NAMED, fake}, line(NAMED)).unused == (fake,)


def test_a_refused_request_is_named_and_uses_nothing() -> None:
    found = compare({NAMED}, line(NAMED, status=403))
    assert found == access.Comparison((NAMED,), (NAMED,), ())


def test_an_answer_that_is_an_error_still_used_the_right() -> None:
    assert compare({NAMED}, line(NAMED, status=404)).unused == ()


def test_a_request_that_some_other_right_allowed_is_named() -> None:
    other = replace(NAMED, verb="delete")
    assert compare({NAMED}, line(NAMED), line(other)) == access.Comparison((), (), (other,))


def test_an_exec_over_a_web_socket_needs_get_and_create() -> None:
    rights = {replace(EXEC, verb=verb, name="") for verb in ("get", "create")}
    assert compare(rights, line(EXEC)) == access.Comparison((), (), ())
    pod = Grant("observe", "get", "", "pods", "callers", "caller-1")
    assert compare({pod, replace(pod, verb="create")}, line(pod)).unused == (replace(pod, verb="create"),)


def test_requests_of_others_and_for_no_object_do_not_count() -> None:
    nobody = line(NAMED, user={"username": "kubernetes-admin"})
    discovery = json.dumps({"auditID": "1", "stage": "ResponseComplete", "verb": "get", "user": {"username": "x"}})
    begun, torn = line(NAMED, stage="ResponseStarted"), line(NAMED)[:40]
    assert compare({NAMED}, nobody, discovery, begun, torn, "", "[]").unused == (NAMED,)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verb": "*"}, "wildcard"),
        ({"resource": "*"}, "wildcard"),
        ({"resource": "deployments/*"}, "wildcard"),
        ({"group": "*"}, "wildcard"),
        ({"group": "", "resource": "secrets", "namespace": ""}, "Secrets"),
        ({"group": "", "resource": "secrets", "name": ""}, "Secrets"),
        ({"verb": "escalate"}, "rights of others"),
        ({"verb": "bind"}, "rights of others"),
        ({"verb": "impersonate"}, "rights of others"),
        ({"resource": "serviceaccounts/token"}, "rights of others"),
    ],
)
def test_a_right_that_no_account_may_have_is_told(change: dict[str, str], reason: str) -> None:
    assert reason in replace(NAMED, **change).excess()


def test_a_secret_that_is_named_may_be_read() -> None:
    assert Grant("weaken", "get", "", "secrets", "data", "backup-repository").excess() == ""


def test_a_case_has_run_when_the_api_server_saw_its_token() -> None:
    deeds = [
        {"case": "seen", "credential": "c"},
        {"case": "never used", "credential": "d"},
        {"case": "x", "change": "1"},
    ]
    assert access.cases(deeds, access.requests([line(NAMED, credential="c")])) == {"seen"}


def test_a_change_that_the_log_does_not_have_is_named() -> None:
    deeds = [{"change": number, "method": "PATCH", "path": f"/{number}", "case": "c"} for number in ("1", "2")]
    assert access.unlogged(deeds, access.requests([line(NAMED, number="1")])) == ["PATCH /2 (c)"]


# --- the rights that are shipped -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> set[Grant]:
    return access.grants([item for file in FOLDER.glob("*.yaml") for item in yaml.safe_load_all(file.read_text())])


def test_no_shipped_right_is_one_that_no_account_may_have(shipped: set[Grant]) -> None:
    assert [f"{grant}: {grant.excess()}" for grant in sorted(shipped) if grant.excess()] == []


def test_every_account_has_rights_and_every_right_an_account(shipped: set[Grant]) -> None:
    assert {grant.account for grant in shipped} == accounts()


def test_every_account_but_the_weakening_one_is_some_experiments(shipped: set[Grant]) -> None:
    found = {documents.load(catalogue.find(name).path, name).configuration.account for name in catalogue.names()}
    assert found | {"weaken"} == accounts()


def test_who_may_watch_pods_watches_them_in_some_experiment(shipped: set[Grant]) -> None:
    configured = [documents.load(catalogue.find(name).path, name).configuration for name in catalogue.names()]
    watching = {(each.account, namespace) for each in configured for namespace in each.watch}
    granted = {grant for grant in shipped if (grant.verb, grant.resource) == ("watch", "pods")}
    assert {(grant.account, grant.namespace) for grant in granted} == watching


CHANGING = frozenset({"create", "update", "patch", "delete"})
EXECS = {Grant("weaken", "create", "", "pods/exec", namespace) for namespace in ("shop", "callers", "istio-system")}


def plural(kind: str) -> str:
    """How the API calls many of a kind, for the kinds that the controls change."""
    word = kind.lower()
    return word if word.endswith("s") else f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"


def test_weakening_may_change_what_the_controls_say_and_nothing_else(shipped: set[Grant]) -> None:
    needed: set[Grant] = set()
    for file in catalogue.CONTROLS.glob("*.yaml"):
        for change in weaken.load(file).changes:
            group, _, _ = change.apiVersion.rpartition("/")
            common = ("weaken", group, plural(change.kind), change.namespace)
            name = change.name or ""
            verbs = {"delete": name, "create": ""} if change.delete else {"patch": name, "update": name}
            needed |= {Grant(common[0], verb, *common[1:], on) for verb, on in verbs.items()}
    assert {grant for grant in shipped if grant.account == "weaken" and grant.verb in CHANGING} - EXECS == needed
