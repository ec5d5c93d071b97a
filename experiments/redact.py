"""Takes secrets out of text, however they were written. Pure: it is told the secrets and reads nothing.

A secret is looked for in a squeezed copy of the text: escapes (URL, JSON, HTML) undone once, and everything left out
that breaks, quotes or joins pieces of text. There a secret reads the same whether it was quoted, escaped, indented or
split over lines, and base64 the same in both of its alphabets, padded or not. What is found is cut out of the text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

MASK = b"[secret]"
# Only every STRIDE-th place of a text is looked at, so each secret is known by the first windows of its own.
WINDOW, STRIDE = 6, 5
# Shorter ones cannot be told from words either: cutting them out would destroy evidence.
BYTES_MIN = WINDOW + STRIDE - 1
LINE_BYTES_MIN = 16  # a line of a secret of several lines (a private key) is a secret by itself

_JOINTS = b" \t\r\n\v\f\"'`\\,+/-_=|>"
_ESCAPES = re.compile(
    rb"(?:%(?P<url>[0-9A-Fa-f]{2})|\\+x(?P<byte>[0-9A-Fa-f]{2})|(?P<wide>(?:\\+u[0-9A-Fa-f]{4})+)"
    rb"|&(?P<html>amp|lt|gt|quot|apos|#34|#39|#x27);|\\+[nrtbf])"
)
# A backslash is no part of a run: the next escape may begin with it.
_TOKENS = re.compile(_ESCAPES.pattern + rb"|\\|[" + re.escape(_JOINTS.replace(b"\\", b"")) + rb"]+")
_HTML = {b"amp": b"&", b"lt": b"<", b"gt": b">"}  # the others are quotes, which are left out


class Redactor:
    """Cuts secrets out of whatever is given to it.

    Args:
        secrets: the values, in plain text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._windows: dict[bytes, set[tuple[bytes, int]]] = {}
        for part in {part for secret in secrets for part in _parts(secret)}:
            for needle in _needles(part):
                for at in range(STRIDE):
                    self._windows.setdefault(needle[at : at + WINDOW], set()).add((needle, at))

    def scrub(self, data: bytes) -> bytes:
        """Returns the bytes with a mask in the place of each secret; the same object when there is none."""
        found = list(self._found(_squeeze(data)))
        if not found:
            return data
        begins, ends = _places(data)
        return _masked(data, sorted((begins[first], ends[last - 1]) for first, last in found))

    def _found(self, squeezed: bytes) -> Iterator[tuple[int, int]]:
        """Yields where secrets begin and end, in a time that does not depend on how many there are."""
        known, places = self._windows, range(0, len(squeezed) - WINDOW + 1, STRIDE)
        for place in [at for at in places if squeezed[at : at + WINDOW] in known]:
            for needle, at in known[squeezed[place : place + WINDOW]]:
                if place >= at and squeezed.startswith(needle, place - at):
                    yield place - at, place - at + len(needle)

    def scrub_text(self, text: str) -> str:
        """Returns the text with a mask in the place of each secret."""
        return self.scrub(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _parts(secret: str) -> Iterator[str]:
    """Yields a secret and, if it has several lines, those that are long enough to be one: logs put words between."""
    yield secret
    lines = secret.split("\n")
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= LINE_BYTES_MIN and not line.startswith("-----"))


def _needles(secret: str) -> Iterator[bytes]:
    """Yields what a secret is in a squeezed text: itself, and itself inside base64 at each of three alignments."""
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = (json.dumps(secret)[1:-1], quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace"))
    # A text that was not escaped is unescaped all the same, so a secret that looks like an escape has two readings.
    needles = {_squeeze(raw), raw.translate(None, _JOINTS)}
    for written in {raw, *(text.encode() for text in escaped)}:
        needles |= {_in_base64(written, before).translate(None, _JOINTS) for before in range(3)}
    yield from (needle for needle in needles if len(needle) >= BYTES_MIN)


def _in_base64(raw: bytes, before: int) -> bytes:
    """Returns the characters that depend on `raw` alone when `before` bytes stand before it in what is encoded."""
    text = base64.b64encode(b"\0" * before + raw)
    return text[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]


def _squeeze(data: bytes) -> bytes:
    unescaped = _ESCAPES.sub(_plain, data) if b"\\" in data or b"%" in data or b"&" in data else data
    return unescaped.translate(None, _JOINTS)


def _plain(escape: re.Match[bytes]) -> bytes:
    """Returns what an escape stands for; nothing for white space, which is left out in any case."""
    if digits := escape["url"] or escape["byte"]:
        return bytes.fromhex(digits.decode())
    if wide := escape["wide"]:
        units = bytes.fromhex(re.sub(rb"\\+u", b"", wide).decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    return _HTML.get(escape["html"] or b"", b"")


def _places(data: bytes) -> tuple[list[int], list[int]]:
    """Returns, for each byte of the squeezed copy, where that which it was read from begins and ends."""
    begins: list[int] = []
    ends: list[int] = []
    last = 0
    for token in _TOKENS.finditer(data):
        begins += range(last, token.start())
        ends += range(last + 1, token.start() + 1)
        last = token.end()
        kept = len(_plain(token).translate(None, _JOINTS))
        begins += [token.start()] * kept
        ends += [last] * kept
    return [*begins, *range(last, len(data))], [*ends, *range(last + 1, len(data) + 1)]


def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Returns the bytes with one mask for each run of spans that touch."""
    merged = [spans[0]]
    for begin, end in spans[1:]:
        if begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    edges = [0, *(edge for span in merged for edge in span), len(data)]
    kept = [data[begin:end] for begin, end in pairwise(edges)][::2]
    return MASK.join(kept)
