"""What Slack, PagerDuty and a mail server are sent, read as one kind of thing: what, about which alerts, firing or not.

Alertmanager words all three alike by default: "[FIRING:1] PodAvailabilityLow shop (…)" is the title of the Slack
attachment, the summary of the PagerDuty event and the subject of the mail. What is refused, and how, is what the real
services refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

SUBJECT = re.compile(r"\[(FIRING|RESOLVED)[^]]*\]\s+([A-Z]\w+)?")
ALERT_NAME = re.compile(r"\balertname\s*=\s*\"?(\w+)")
ACTIONS = {"trigger": "firing", "acknowledge": "firing", "resolve": "resolved"}
SEVERITIES = ("critical", "error", "warning", "info")


class Refused(ValueError):  # noqa: N818 - it says what is wrong
    """What was sent is not what the service takes; the arguments say why."""


@dataclass(frozen=True)
class Message:
    """One notification.

    Attributes:
        channel: slack, email or pagerduty.
        status: firing or resolved; a text that does not say is about something that goes on.
        alerts: names of the alerts it is about.
        body: what was sent, without its keys.
    """

    channel: str
    status: str
    alerts: tuple[str, ...]
    body: Any


def slack(body: Any) -> Message:
    """Reads what an incoming webhook of Slack takes; Refused carries Slack's own word."""
    if not isinstance(body, dict):
        raise Refused("invalid_payload")
    attachments = body.get("attachments") or []
    if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
        raise Refused("invalid_attachments")
    texts = [body.get("text")]
    texts += [each.get(field) for each in attachments for field in ("title", "fallback", "pretext", "text")]
    said = [text for text in texts if isinstance(text, str) and text]
    if not said and not body.get("blocks"):
        raise Refused("no_text")
    return _told("slack", "\n".join(said), body)


def pagerduty(body: Any) -> Message:
    """Reads what the Events API v2 of PagerDuty takes; Refused carries every error."""
    if not isinstance(body, dict):
        raise Refused("the event is not a JSON object")
    given = body.get("payload")
    payload: dict[str, Any] = given if isinstance(given, dict) else {}
    if errors := _errors(body, payload):
        raise Refused(*errors)
    told = _told("pagerduty", f"{payload.get('summary', '')}\n{payload.get('custom_details', '')}", body)
    shown = {key: value for key, value in body.items() if key != "routing_key"}
    return Message("pagerduty", ACTIONS[body["event_action"]], told.alerts, shown)


def _errors(body: dict[str, Any], payload: dict[str, Any]) -> list[str]:
    key, action = body.get("routing_key"), body.get("event_action")
    errors = []
    if not isinstance(key, str) or not key.strip():
        errors.append("'routing_key' is missing or blank")
    if action not in ACTIONS:
        errors.append(f"'event_action' must be one of {', '.join(ACTIONS)}")
    if action == "trigger":
        errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
        if payload.get("severity") not in SEVERITIES:
            errors.append(f"'payload.severity' must be one of {', '.join(SEVERITIES)}")
    elif not body.get("dedup_key"):
        errors.append(f"'dedup_key' is missing or blank, and {action} needs it")
    return errors


def mail(content: bytes) -> Message:
    """Reads a mail; one without a subject or any text says nothing and is refused."""
    parsed = message_from_bytes(content, policy=policy.default)
    part = parsed.get_body(preferencelist=("plain", "html"))
    try:
        text = part.get_content() if part is not None else ""
    except LookupError as error:  # a charset or a kind of content that nobody knows
        raise Refused(f"the mail cannot be read: {error}") from error
    subject = str(parsed.get("subject", ""))
    if not subject and not text.strip():
        raise Refused("the mail has neither a subject nor a text")
    body = {"to": str(parsed.get("to", "")), "subject": subject, "text": text}
    return _told("email", f"{subject}\n{text}", body)


def _told(channel: str, text: str, body: Any) -> Message:
    found = SUBJECT.search(text)
    names = {*([found[2]] if found and found[2] else []), *ALERT_NAME.findall(text)}
    status = "resolved" if found and found[1] == "RESOLVED" else "firing"
    return Message(channel, status, tuple(sorted(names)), body)
