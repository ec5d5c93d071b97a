"""Twenty canary secrets, in every writing, through every writer: none of them is in a byte of the run's folder."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from deploy import credentials, paths
from experiments import collect, record
from experiments.collect.scene import Scene
from experiments.journal import Journal
from experiments.record import Recorder
from experiments.redact import Redactor
from reports.targets import load_targets
from reports.write import report
from tests.unit.canaries import CANARIES
from tests.unit.test_experiments_redact import WRITINGS

PIECE = 8


def pieces(secret: str) -> list[bytes]:
    """Returns the beginning, the middle and the end of a secret without what might be quoted or escaped."""
    words = sorted(re.findall(rb"[A-Za-z0-9]+", secret.encode()), key=len)
    return [words[-1][:PIECE], words[-1][-PIECE:]]


def readings(data: bytes) -> Iterator[bytes]:
    """Yields what somebody who looks for secrets would make of a file, without anything of the redactor's."""
    joined = re.sub(rb'(\\+[nrt]|[\s"\',+\\])+', b"", data)
    texts = [data, joined, unquote_to_bytes(data.replace(b"+", b" ")), unquote_to_bytes(joined)]
    yield from texts
    for text in dict.fromkeys(texts):
        found = {*re.findall(rb"[A-Za-z0-9+/_-]{12,}", text)}
        words = [word.translate(bytes.maketrans(b"-_", b"+/")) for word in found]
        for first in range(4):
            yield b"|".join(base64.b64decode(word[first:][: len(word[first:]) // 4 * 4]) for word in words)


def leaked(folder: Path) -> set[str]:
    """Returns the canaries of which a piece stands somewhere in a folder."""
    wanted = {secret: pieces(secret) for secret in CANARIES}
    found: set[str] = set()
    for file in (path for path in folder.rglob("*") if path.is_file()):
        for text in readings(file.read_bytes()):
            found |= {secret for secret, some in wanted.items() if any(piece in text for piece in some)}
    return found


def write_everything(run: Path) -> None:
    """Lets every writer write every canary in every writing."""
    written = {f"{name} {number}": write(secret) for name, write in WRITINGS.items() for number, secret in seen()}
    recorder = Recorder(run / "mesh.ejection", "canaries")
    recorder.describe(case="mesh.ejection", experiment="mesh/ejection", targets=["mesh.ejection"], description=text())
    recorder.event("fault.started", fault="f", lo=1, hi=2, target=written)
    recorder.note(text())
    recorder.write("before.rows", text())
    journal = Journal(recorder, {"title": text(), "configuration": written})
    journal.phase("run")
    journal.activity({"activity": {"name": "a", "type": "action"}, "status": "failed", "exception": [text()]})
    journal.whole({**journal.content, "status": "failed"})
    scene = Scene(SimpleNamespace(), recorder, "mesh", {}, [], 0.0)  # type: ignore[arg-type]
    questions: dict[str, collect.Question] = {"answered": lambda: written, "failed": lambda: written[text()]}
    collect.collect(scene, "after", {"anything": lambda _: questions})
    Recorder(run, "canaries").write("environment.json", {"images": written})
    for log in ("chaos.log", "locust.log", "samples-gateway.ndjson"):
        (recorder.folder / log).write_text(text())
    recorder.close()
    report(run, load_targets())


def seen() -> Iterator[tuple[int, str]]:
    yield from enumerate(CANARIES)


def text() -> str:
    return "\n\n".join(write(secret) for write in WRITINGS.values() for secret in CANARIES)


def test_no_canary_gets_into_a_runs_folder_and_all_of_it_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "known", lambda name: list(CANARIES) if name == "canaries" else [])
    run = tmp_path / "run"
    write_everything(run)
    names = {path.name for path in run.rglob("*")}
    assert {"events.ndjson", "journal.json", "anything-after.json", "environment.json", "report.html"} <= names
    assert leaked(run) == set()
    modes = {path.relative_to(run): path.stat().st_mode & 0o777 for path in [run, *run.rglob("*")]}
    assert len(modes) > 10
    assert {name: mode for name, mode in modes.items() if mode != (0o700 if (run / name).is_dir() else 0o600)} == {}


def test_without_the_redactor_the_same_test_finds_all_twenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "redactor", lambda _: Redactor([]))
    write_everything(tmp_path / "run")
    assert leaked(tmp_path / "run") == set(CANARIES)
    assert len(CANARIES) == 20


def test_every_secret_that_the_suite_keeps_is_known_to_the_redactor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "state", lambda _: tmp_path)
    monkeypatch.delenv("RESILIENCE_KUBECONFIG", raising=False)
    assert credentials.known("c") == []
    (tmp_path / "credentials.json").write_text(json.dumps({"redis-password": CANARIES[0]}))
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "authority.key").write_text(CANARIES[-1])
    key = base64.b64encode(CANARIES[-1].encode()).decode()
    users = [{"name": "a", "user": {"client-key-data": key}}, {"name": "b", "user": {"token": CANARIES[13]}}]
    (tmp_path / "kubeconfig").write_text(json.dumps({"users": users}))
    (tmp_path / "kubeconfig-of-mine").write_text("not: [a kubeconfig")
    assert set(credentials.known("c")) == {CANARIES[0], CANARIES[-1], CANARIES[13]}


def test_a_token_that_came_after_the_case_began_and_has_ended_is_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "state", lambda _: tmp_path / "state")
    monkeypatch.setattr(record, "_secrets", {})
    (tmp_path / "state" / "accounts").mkdir(parents=True)
    recorder = Recorder(tmp_path / "case", "with-accounts")
    recorder.note("begun")
    file = tmp_path / "state" / "accounts" / "observe-1"
    file.write_text(json.dumps({"users": [{"name": "observe", "user": {"token": CANARIES[13]}}]}))
    recorder.note(f"acting by {CANARIES[13]}")
    (recorder.folder / "chaos.log").write_text(f"token: {CANARIES[13]}")
    file.unlink()
    recorder.close()
    assert (recorder.folder / "chaos.log").read_text() == "token: [secret]"
    assert CANARIES[13] not in (recorder.folder / "events.ndjson").read_text()


def test_a_whole_object_is_the_ledgers_business_and_not_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments import guard
    from experiments.actions import fault
    from experiments.ledger import Ledger

    monkeypatch.setattr(guard, "permit", lambda _: None)
    session: Any = SimpleNamespace(
        cluster=None, recorder=Recorder(tmp_path / "case"), ledger=Ledger(tmp_path / "ledger.ndjson")
    )
    manifest = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": "bm90LWtub3duLXRvLWFueWJvZHk="}}
    fault.inject(session, "f", [{"undo": "restore-object", "manifest": manifest}], lambda: None, {})
    assert b"bm90LWtub3du" not in (tmp_path / "case" / "events.ndjson").read_bytes()
    assert session.ledger.open()[0].undo["manifest"] == manifest


def test_no_piece_of_a_canary_stands_anywhere_by_chance() -> None:
    """Four digits do, in the fraction of a second."""
    assert [each for secret in CANARIES for each in pieces(secret) if len(each) < PIECE - 1 or each.isdigit()] == []


def test_the_detector_of_this_test_sees_base64_at_any_alignment() -> None:
    for before in range(3):
        text = base64.b64encode(b"x" * before + CANARIES[1].encode() + b"yy")
        assert any(piece in reading for reading in readings(text) for piece in pieces(CANARIES[1]))
    with pytest.raises(binascii.Error):
        base64.b64decode(b"abc")
