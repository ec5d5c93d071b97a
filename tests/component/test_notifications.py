"""The receiver of notifications speaks what Slack, PagerDuty and a mail server speak, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.images.notifications.receiver.messages import Refused, mail, pagerduty, slack
from deploy.images.notifications.receiver.serving import BYTES_MAX, Inbox, Mailbox, serve

FIRING = "[FIRING:1] PodAvailabilityLow shop (app warning)"
RESOLVED = "[RESOLVED] PodAvailabilityLow shop (app warning)"
EVENT: dict[str, Any] = {
    "routing_key": "k" * 32,
    "dedup_key": "d1",
    "event_action": "trigger",
    "payload": {"summary": FIRING, "source": "Alertmanager", "severity": "error"},
}


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(kept=3, clock=iter(range(10, 99)).__next__)


@pytest.fixture
def ask(inbox: Inbox) -> Iterator[Any]:
    server = serve(inbox, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    host, port = str(server.server_address[0]), server.server_address[1]

    def call(method: str, path: str, body: Any = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request(method, path, body if isinstance(body, str | None) else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    yield call
    server.shutdown()
    server.server_close()


def slack_of(title: str) -> dict[str, Any]:
    return {"channel": "#alerts", "attachments": [{"title": title, "fallback": title, "text": ""}]}


def mail_of(subject: str, text: str = "", charset: str = "utf-8") -> bytes:
    head = f"To: ops@example.test\nSubject: {subject}\nContent-Type: text/html; charset={charset}\n\n"
    return (head + text).encode()


@pytest.mark.parametrize(("subject", "status"), [(FIRING, "firing"), (RESOLVED, "resolved")])
def test_one_wording_is_read_alike_from_slack_and_mail(subject: str, status: str) -> None:
    for message in (slack(slack_of(subject)), mail(mail_of(subject))):
        assert (message.status, message.alerts) == (status, ("PodAvailabilityLow",))


@pytest.mark.parametrize(
    ("action", "status"), [("trigger", "firing"), ("acknowledge", "firing"), ("resolve", "resolved")]
)
def test_pagerduty_says_by_its_action_what_goes_on(action: str, status: str) -> None:
    message = pagerduty(EVENT | {"event_action": action})
    assert (message.status, message.alerts) == (status, ("PodAvailabilityLow",))
    assert "routing_key" not in message.body


def test_every_alert_of_a_group_is_named() -> None:
    text = "Labels:<br>alertname = HpaAtMaximum<br>alertname = BackupFailed<br>"
    assert mail(mail_of("[FIRING:2] shop", text)).alerts == ("BackupFailed", "HpaAtMaximum")


def test_a_notification_of_another_kind_is_about_no_alert() -> None:
    message = slack({"text": "zone us-east-1a failed over"})
    assert (message.status, message.alerts) == ("firing", ())


@pytest.mark.parametrize("body", [None, [], 7, {}, {"text": ""}, {"attachments": "x"}, {"attachments": [1]}])
def test_slack_refuses_what_slack_refuses(ask: Any, body: Any) -> None:
    status, text = ask("POST", "/services/T0/B0/x", body)
    assert (status, text.strip()) in [(400, "invalid_payload"), (400, "no_text"), (400, "invalid_attachments")]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"routing_key": " "},
        {"routing_key": None},
        {"event_action": "explode"},
        {"event_action": None},
        {"payload": None},
        {"payload": {"summary": "", "source": "s", "severity": "error"}},
        {"payload": {"summary": "s", "source": "s", "severity": "awful"}},
        {"event_action": "resolve", "dedup_key": None},
    ],
)
def test_pagerduty_refuses_what_pagerduty_refuses(ask: Any, spoilt: dict[str, Any]) -> None:
    status, text = ask("POST", "/v2/enqueue", EVENT | spoilt)
    assert status == 400
    assert json.loads(text)["status"] == "invalid event"
    assert json.loads(text)["errors"]


@pytest.mark.parametrize("path", ["/services/T0/B0/x", "/v2/enqueue"])
@pytest.mark.parametrize("body", ["{", "", "[" * 100_000, "\x00"])
def test_what_is_no_json_is_refused_and_not_kept(ask: Any, inbox: Inbox, path: str, body: str) -> None:
    assert ask("POST", path, body)[0] == 400
    assert inbox.since(0) == []


def test_a_body_that_is_too_large_is_not_read(ask: Any) -> None:
    assert ask("POST", "/v2/enqueue", "x" * (BYTES_MAX + 1))[0] == 413


def test_other_paths_are_nowhere(ask: Any) -> None:
    assert [ask(*each)[0] for each in [("GET", "/"), ("POST", "/"), ("POST", "/received"), ("GET", "/v2/enqueue")]] == [
        404
    ] * 4


def test_what_was_received_is_told_after_a_moment_and_the_oldest_makes_room(ask: Any) -> None:
    for _ in range(2):
        assert ask("POST", "/slack", slack_of(FIRING)) == (200, "ok\n")
    status, text = ask("POST", "/pagerduty/v2/enqueue", EVENT)
    assert (status, json.loads(text)["status"]) == (202, "success")
    assert ask("POST", "/services/T0/B0/x", slack_of(RESOLVED))[0] == 200
    told = json.loads(ask("GET", "/received")[1])
    assert [(each["at"], each["channel"], each["status"]) for each in told] == [
        (11, "slack", "firing"),
        (12, "pagerduty", "firing"),
        (13, "slack", "resolved"),
    ]
    assert [each["at"] for each in json.loads(ask("GET", "/received?after=12")[1])] == [13]
    assert ask("GET", "/received?after=yesterday")[0] == 400
    assert ask("GET", "/healthz")[0] == 200


def test_mails_are_kept_or_refused_with_the_answer_of_smtp(inbox: Inbox) -> None:
    def send(content: bytes) -> str:
        return asyncio.run(Mailbox(inbox).handle_DATA(None, None, SimpleNamespace(content=content)))

    assert send(mail_of(FIRING)) == "250 OK"
    assert inbox.since(0)[0]["channel"] == "email"
    assert inbox.since(0)[0]["body"]["to"] == "ops@example.test"
    for bad in (b"", b"Subject:\n\n", mail_of("s", "t", charset="klingon")):
        assert send(bad).startswith("550 ")
    assert len(inbox.since(0)) == 1


def test_what_is_refused_raises() -> None:
    with pytest.raises(Refused):
        slack({"attachments": [{}]})
