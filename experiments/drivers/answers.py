"""What a service of the platform answers over HTTP on a port of this machine: bounded, and past every proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from deploy.errors import Problem

SILENCE_S = 5.0
BYTES_MAX = 64 * 2**20
SHOWN_BYTES = 500
# Local ports never go through a proxy that the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(
    url: str, fields: Mapping[str, object] | None = None, *, body: object = None, silence_s: float = SILENCE_S
) -> Any:
    """Returns the JSON that is answered.

    Args:
        url: without fields.
        fields: of the query, not yet quoted.
        body: sent as JSON by POST; None for a GET.
        silence_s: how long the service may say nothing, in seconds.

    Raises:
        Problem: no answer, a status of 400 or above, or no JSON; with the address and what was answered.
    """
    text = tell(url, fields, body=body, silence_s=silence_s)
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem(f"{url} did not answer with JSON", why=text[:SHOWN_BYTES], fix="see its logs") from error


def tell(
    url: str, fields: Mapping[str, object] | None = None, *, body: object = None, silence_s: float = SILENCE_S
) -> str:
    """Returns the text that is answered; see `ask`."""
    full = f"{url}?{urllib.parse.urlencode(fields)}" if fields else url
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(full, data, {"Content-Type": "application/json"})  # noqa: S310 - the cluster's own address
    try:
        with _DIRECT.open(request, timeout=silence_s) as answer:
            raw: bytes = answer.read(BYTES_MAX)
            # Asked for a number of bytes, http.client takes a part for the whole.
            left = bool(answer.length or answer.read(1))
    except urllib.error.HTTPError as error:
        why = error.read(SHOWN_BYTES).decode(errors="replace")
        raise Problem(f"{url} was answered {error.code}", why=why, fix="see its logs") from error
    except (OSError, HTTPException) as error:
        fix = "is the component up? python -m deploy status"
        raise Problem(f"{url} does not answer", why=str(error) or type(error).__name__, fix=fix) from error
    if left:
        why = "it is too large" if len(raw) == BYTES_MAX else f"it broke off after {len(raw)} bytes"
        raise Problem(f"{url} did not answer whole", why=why, fix="ask for less at a time, or again")
    return raw.decode(errors="replace")
