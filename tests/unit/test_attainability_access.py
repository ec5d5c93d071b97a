"""What the settings allow of who is let in and who is let out: both sides of each boundary."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.attainability.authorization import Request, decide
from tests.unit.settings import changed, item, planned, recorded, without

APP = "cluster.local/ns/shop/sa/app"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def policy(name: str = "more", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return item("AuthorizationPolicy", namespace, name, spec=spec)


def rule(source: dict[str, Any] | None = None, **operation: Any) -> dict[str, Any]:
    said = {"from": [{"source": source}]} if source else {}
    return said | ({"to": [{"operation": operation}]} if operation else {})


ASKED = Request("shop", APP, "8080", "GET")


@pytest.mark.parametrize(
    ("policies", "is_let"),
    [
        ([], True),
        ([policy()], False),
        ([policy(rules=[{}])], True),
        ([policy(rules=[rule({"principals": [APP]})])], True),
        ([policy(rules=[rule({"principals": [f"{APP}x"]})])], False),
        ([policy(rules=[rule({"principals": ["cluster.local/ns/shop/*"]})])], True),
        ([policy(rules=[rule({"principals": ["*/sa/app"]})])], True),
        ([policy(rules=[rule({"principals": ["*/sa/ap"]})])], False),
        ([policy(rules=[rule({"namespaces": ["callers", "shop"]})])], True),
        ([policy(rules=[rule({"namespaces": ["shop"], "principals": ["x"]})])], False),
        ([policy(rules=[rule(ports=["8080"], methods=["GET"])])], True),
        ([policy(rules=[rule(ports=["8080"], methods=["POST"])])], False),
        ([policy(rules=[rule(ports=["9090"])])], False),
        ([policy(), policy(rules=[{}])], True),
        ([policy(rules=[{}]), policy(action="DENY", rules=[rule({"namespaces": ["shop"]})])], False),
        ([policy(action="DENY", rules=[rule({"namespaces": ["data"]})])], True),
        ([policy(action="AUDIT", rules=[{}])], True),
    ],
)
def test_a_proxy_denies_first_then_allows_what_is_named_and_everything_where_nobody_says_anything(
    policies: Any, is_let: Any
) -> None:
    assert decide(policies, ASKED)[0] is is_let


def test_bytes_have_no_method() -> None:
    asked = Request("observability", APP, "9102", "")
    assert decide([policy(rules=[rule(ports=["9102"])])], asked)[0]
    assert not decide([policy(rules=[rule(ports=["9102"], methods=["*"])])], asked)[0]


@pytest.mark.parametrize(
    "spec",
    [
        {"action": "CUSTOM", "rules": [{}]},
        {"rules": [{"when": [{"key": "x", "values": ["y"]}]}]},
        {"rules": [rule({"notNamespaces": ["x"]})]},
        {"rules": [rule(paths=["/x"])]},
    ],
)
def test_what_is_not_understood_is_unknown_and_never_out_of_reach(objects: Any, spec: Any) -> None:
    answer = planned([*objects, policy(**spec)], "mesh.authorization")
    assert answer.attainable is None


@pytest.mark.parametrize(
    ("added", "floor"),
    [
        (policy(selector={"matchLabels": {"app": "worker"}}, rules=[rule(ports=["9090"])]), 2),  # visitor and app
        (policy(namespace="istio-system", rules=[rule({"namespaces": ["callers"]}, methods=["DELETE"])]), 3),
        (policy(action="DENY", rules=[rule({"namespaces": ["callers"]}, methods=["GET"])]), 3),
        (policy(selector={"matchLabels": {"app": "other"}}, rules=[{}]), 0),
        (policy(namespace="data", rules=[{}]), 0),
    ],
)
def test_each_entry_that_is_answered_otherwise_is_a_violation(objects: Any, added: Any, floor: int) -> None:
    answer = planned([*objects, added], "mesh.authorization")
    assert (answer.floor, answer.attainable) == (floor, floor == 0), answer
    assert bool(answer.fix) is bool(floor)


def test_without_the_rule_of_the_api_its_own_callers_are_refused(objects: Any) -> None:
    answer = planned(without(objects, "AuthorizationPolicy", "api"), "mesh.authorization")
    assert answer.floor == 2
    assert "none of AuthorizationPolicy shop/deny-all" in answer.bound_by


def test_without_any_policy_everybody_is_served(objects: Any) -> None:
    answer = planned(without(objects, "AuthorizationPolicy"), "mesh.authorization")
    refused = sum(len(row["refused"]) for row in _document("mesh/authorization")["matrix"])
    assert answer.floor == refused > 15
    assert "everybody is served" in answer.bound_by


def _document(name: str) -> dict[str, Any]:
    from experiments import catalogue, documents

    return documents.load(catalogue.find(name).path, name).method[0].provider.arguments


# ---- egress


def entry(name: str = "more", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return item("ServiceEntry", namespace, name, spec={"hosts": ["payments.example.com"], "ports": ports} | spec)


@pytest.mark.parametrize(
    ("entries", "floor"),
    [
        ([entry(exportTo=["."])], 0),
        ([entry(exportTo=["shop"])], 0),
        ([entry(namespace="data", exportTo=["shop", "data"])], 0),
        ([], 21),
        ([entry(namespace="data", exportTo=["."])], 21),
        ([entry(exportTo=["."], hosts=["elsewhere.example.com"])], 42),
        ([entry(exportTo=["."], hosts=["*.example.com"])], 21),
        ([entry(exportTo=["."], hosts=["*.example.org"])], 21),
        ([entry(exportTo=["."], ports=[{"number": 444, "name": "tls", "protocol": "TLS"}])], 21),
        ([entry(exportTo=["."], ports=[{"number": 443, "name": "web", "protocol": "HTTP"}])], 21),
        ([entry(exportTo=["*"])], 1),
        ([entry()], 1),
        ([entry(exportTo=["."]), entry("x", "callers", exportTo=["."])], 1),
    ],
)
def test_who_is_let_out_is_what_the_entries_say(objects: Any, entries: Any, floor: int) -> None:
    answer = planned([*without(objects, "ServiceEntry"), *entries], "mesh.egress")
    assert (answer.floor, answer.attainable) == (floor, floor == 0), answer
    assert bool(answer.fix) is bool(floor)


@pytest.mark.parametrize(
    ("mesh", "floor"),
    [
        ("outboundTrafficPolicy: {mode: REGISTRY_ONLY}", 0),
        ("outboundTrafficPolicy: {mode: ALLOW_ANY}", 22),
        ("outboundTrafficPolicy: {}", 22),
        ("", 22),
    ],
)
def test_a_mesh_that_lets_everybody_out_is_out_of_reach(objects: Any, mesh: str, floor: int) -> None:
    patched = changed(objects, "ConfigMap", "istio", {"data": {"mesh": mesh}})
    answer = planned(patched, "mesh.egress")
    assert (answer.floor, answer.attainable) == (floor, floor == 0)
    assert ("REGISTRY_ONLY" in answer.fix) is bool(floor)
