"""What is tried of who may call whom, and what an answer tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from experiments import pods
from experiments.actions.authorization import Everybody, knocked, logged, outcome
from experiments.drivers import calls
from experiments.drivers.calls import Answer
from experiments.matrix import Matrix

CALLERS = {
    "visitor": {"account": "callers/caller", "pods": "callers/app=caller", "container": "caller"},
    "stranger": {"account": "chaos/fault-injector", "pods": "chaos/app=injector", "container": "injector"},
}
SERVED = {"target": "shop/app=app", "port": 8080, "host": "app", "call": "GET /", "allowed": ["visitor"]}


def test_an_entry_is_named_by_identity_call_and_port() -> None:
    matrix = Matrix.read({"callers": CALLERS, "matrix": [SERVED | {"refused": ["stranger"]}]})
    names = [matrix.name(*entry) for entry in matrix.entries("refused")]
    assert names == ["chaos/fault-injector GET / shop/app:8080"]
    (row,) = matrix.matrix
    assert (row.namespace, row.selector, row.method) == ("shop", "app=app", "GET")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"allowed": ["nobody"]}, "no caller is called nobody"),
        ({"allowed": [], "refused": ["stranger"]}, "a refusal would prove nothing"),
        ({"host": ""}, "a call needs a host"),
        ({"call": "scrape"}, "a call needs a host"),
        ({"call": "GET http://x"}, "pattern"),
        ({"target": "app"}, "pattern"),
        ({"paths": []}, "Extra inputs"),
    ],
)
def test_a_matrix_that_could_prove_nothing_is_refused(row: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Matrix.read({"callers": CALLERS, "matrix": [SERVED | row]})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "{}", "allowed"),
        (405, "the application itself", "allowed"),
        (403, "RBAC: access denied", "refused"),
        (403, '{"error": "the application itself"}', "unanswered"),
        (404, "", "unanswered"),  # the caller's own proxy, which knows no such host
        (503, "upstream connect error", "unanswered"),
        (0, "ConnectionRefusedError", "unanswered"),
    ],
)
def test_only_the_proxys_own_words_are_a_refusal(status: int, body: str, kind: str) -> None:
    told, why = outcome(Answer(status, body))
    assert told == kind
    assert why.startswith(str(status))


@pytest.mark.parametrize(
    ("result", "detail", "peer", "kind"),
    [
        ("accepted", "answered b'HTTP/1.1 200 OK'", "spiffe://x", "allowed"),
        ("accepted", "TLS stood, and an authorization closed it", "spiffe://x", "refused"),
        ("accepted", "TLS stood, and an authorization closed it", None, "unanswered"),
        ("accepted", "held open without an answer", "spiffe://x", "unanswered"),
        ("refused", "closed without a byte", "spiffe://x", "unanswered"),
        ("unreachable", "ConnectionRefusedError", None, "unanswered"),
    ],
)
def test_a_close_tells_something_only_after_tls_stood(result: str, detail: str, peer: str | None, kind: str) -> None:
    assert knocked({"outcome": result, "detail": detail, "peer_identity": peer}) == (kind, detail)


def test_the_words_are_those_of_the_script() -> None:
    from experiments.actions import authorization, handshakes

    script = handshakes.SCRIPT.read_text()
    assert f'f"{authorization.ANSWERED}' in script
    assert authorization.CLOSED in script


def test_what_came_in_is_counted_and_what_the_caller_sent_is_not() -> None:
    text = """
[x] "GET / HTTP/1.1" 200 - via_upstream - "-" "m1" "app:8080" "127.0.0.6" inbound|8080|| 127.0.0.6:1 10.0.0.1:8080
[x] "GET / HTTP/1.1" 403 - rbac_access_denied_matched_policy[none] - "-" "m1" "app:8080" "-" inbound|8080|| -
[x] "GET / HTTP/1.1" 403 - via_upstream - "-" "m1" "api:8080" "10.0.0.2:8080" outbound|8080||api.shop.svc.cluster.local
[x] "GET / HTTP/1.1" 200 - via_upstream - "-" "other" "app:8080" "127.0.0.6" inbound|8080|| 127.0.0.6:1 10.0.0.1:8080
"""
    assert logged(text, "m1") == {"came": 2, "denied": 1}


def test_what_the_callers_own_proxy_says_came_from_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen live: two replicas could not be reached, and the targets' logs were waited for to have these calls too."""
    replica = SimpleNamespace(running=True, ready=True, ip="10.0.0.1", namespace="callers", account="caller", name="x")
    answers = [Answer(200, "{}"), Answer(503, "upstream connect error"), Answer(403, "RBAC: access denied")]
    monkeypatch.setattr(pods, "find", lambda *_: [replica] * 3)
    monkeypatch.setattr(pods, "one_running", lambda *_: replica)
    monkeypatch.setattr(calls, "make", lambda *_: answers)
    visitor = {name: caller for name, caller in CALLERS.items() if name == "visitor"}
    everybody = Everybody(SimpleNamespace(), Matrix.read({"callers": visitor, "matrix": [SERVED]}), 1)  # type: ignore[arg-type]
    (event,) = everybody.tries("allowed")
    assert {kind: event[kind] for kind in ("allowed", "refused", "unanswered")} == {
        "allowed": 1,
        "refused": 1,
        "unanswered": 1,
    }
    assert everybody.answered == 2
