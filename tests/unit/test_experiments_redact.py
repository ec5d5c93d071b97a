"""No secret is left in what is written, however it was written; and nothing else is taken out."""

import base64
import json
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.redact import MASK, Redactor, _places, _squeeze
from tests.unit.canaries import CANARIES


def shifted(before: int) -> Callable[[str], str]:
    return lambda secret: enclosed(secret.encode(), before)


def enclosed(text: bytes, before: int) -> str:
    """Returns base64 of a longer text that holds another after some bytes."""
    return base64.b64encode(b"x" * before + b"user=velero;pwd=" + text + b";host=s3").decode()


WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"pwd={secret};",
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 in a URL": lambda secret: quote(base64.b64encode(secret.encode()).decode(), safe=""),
    **{f"in longer base64, shifted by {n}": shifted(n) for n in range(3)},
    "JSON in longer base64": lambda secret: enclosed(json.dumps(secret).encode(), 1),
    "base64 over lines": lambda secret: textwrap.fill(enclosed(secret.encode(), 0), 20, subsequent_indent="    "),
    "base64 over lines in JSON": lambda secret: json.dumps({"data": base64.encodebytes(secret.encode() * 3).decode()}),
    "URL": lambda secret: f"/x?key={quote(secret, safe='')}&a=b",
    "URL, small letters": lambda secret: quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "form": lambda secret: f"key={quote_plus(secret)}&a=b",
    "JSON": lambda secret: json.dumps({"key": secret}),
    "JSON, every character": lambda secret: json.dumps({"key": secret}, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps({"text": json.dumps({"key": secret})}),
    "Go's JSON": lambda secret: json.dumps(secret).replace("&", "\\u0026").replace("<", "\\u003c"),
    "Python": lambda secret: repr({"key": secret}),
    "Python bytes": lambda secret: repr(secret.encode()),
    "HTML": lambda secret: secret.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    "over lines": lambda secret: "\n".join(textwrap.wrap(secret, 7, break_long_words=True)),
    "over indented lines": lambda secret: f"key: >-\n      {secret[:9]}\n      {secret[9:]}\n",
    "over lines in JSON": lambda secret: json.dumps({"text": f"{secret[:11]}\r\n\t{secret[11:]}"}),
    "as a list of pieces": lambda secret: json.dumps([secret[:5], secret[5:10], secret[10:]], indent=2),
    "over quoted lines": lambda secret: f'"{secret[:8]}" + \\\n    "{secret[8:]}"',
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_every_canary_is_taken_out_in_every_writing(writing: str) -> None:
    redactor = Redactor(CANARIES)
    for secret in CANARIES:
        written = WRITINGS[writing](secret)
        scrubbed = redactor.scrub_text(f"before {written} after")
        assert MASK.decode() in scrubbed, written
        assert pieces_left(secret, scrubbed) == [], written
        assert scrubbed.startswith("before ")
        assert scrubbed.endswith(" after")


def pieces_left(secret: str, text: str) -> list[str]:
    """Returns the pieces of a secret, as it is and in base64, that a text still holds."""
    everywhere = [secret, *(base64.b64encode(b"x" * n + secret.encode()).decode()[4:-4] for n in range(3))]
    pieces = [whole[at : at + 8] for whole in everywhere for at in range(len(whole) - 7)]
    return [piece for piece in pieces if piece.strip() and piece in text]


@pytest.mark.parametrize("writing", WRITINGS)
def test_without_the_redactor_the_same_canaries_are_seen(writing: str) -> None:
    seen = [Redactor([secret]).scrub_text(WRITINGS[writing](secret)) for secret in CANARIES]
    unseen = [Redactor([]).scrub_text(WRITINGS[writing](secret)) for secret in CANARIES]
    assert all(MASK.decode() in text for text in seen)
    assert unseen == [WRITINGS[writing](secret) for secret in CANARIES]


def test_a_line_of_a_private_key_is_taken_out_wherever_it_stands() -> None:
    key = next(secret for secret in CANARIES if secret.startswith("-----BEGIN"))
    logged = "\n".join(f"2026-01-01 12:00:00 INFO | {line}" for line in key.splitlines())
    scrubbed = Redactor([key]).scrub_text(logged)
    body = [line for line in key.splitlines() if not line.startswith("-----") and len(line) >= 16]
    assert body
    assert all(line not in scrubbed for line in body)


def test_what_is_no_secret_is_left_as_it_is() -> None:
    text = json.dumps({"namespace": "velero", "key": "s3-admin", "cpu": 0.5, "line": "a\n\tb", "url": "a%2Fb&amp;c"})
    data = text.encode()
    assert Redactor(CANARIES).scrub(data) is data
    assert Redactor(["velero", "admin", "0.5"]).scrub(data) is data  # too short to be told from words


def test_json_stays_json() -> None:
    redactor = Redactor(CANARIES)
    for secret in CANARIES:
        record = {"before": 1, "secret": secret, "list": [secret, "x"], "encoded": enclosed(secret.encode(), 2)}
        scrubbed = json.loads(redactor.scrub_text(json.dumps(record)))
        assert scrubbed["before"] == 1
        assert scrubbed["list"][1] == "x"
        assert MASK.decode() in scrubbed["secret"]


@given(st.binary(max_size=200) | st.text(alphabet="ab%\\u0n4&ltmp;\"' \n2F", max_size=60).map(str.encode))
def test_the_squeezed_copy_and_its_places_agree(data: bytes) -> None:
    begins, ends = _places(data)
    assert len(begins) == len(ends) == len(_squeeze(data))
    assert all(begin < end for begin, end in zip(begins, ends, strict=True))


# Letters and numbers of one to four bytes; to draw from all there are, Hypothesis would first make a table of them.
@given(
    st.text(min_size=16, max_size=40, alphabet="azAZ059éßπЖא٣½Ⅷ漢字かナ한𐍈𐤀𐡘"),
    st.binary(max_size=60),
    st.binary(max_size=60),
)
def test_any_secret_inside_any_base64_is_found(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after)
    assert MASK in Redactor([secret]).scrub(text)
