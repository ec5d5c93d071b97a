"""A database that is destroyed on purpose: refused without a way back, undone from any half-way, measured honestly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import patches, undo
from experiments.actions import destruction, restoration
from experiments.cron import spacing_s
from experiments.drivers import repository, velero
from experiments.drivers.database import Database
from experiments.drivers.repository import Archiver
from experiments.record import Recorder, read_lines


@pytest.mark.parametrize(
    ("line", "expected_s"),
    [
        ("0 2 * * *", 86400),
        ("20 * * * *", 3600),
        ("*/30 * * * *", 1800),
        ("5,35 * * * *", 1800),
        ("0 8-18/2 * * *", 14 * 3600),
        ("0 0 * * 0", 7 * 86400),
        ("0 0 * * 7", 7 * 86400),
        ("0 0 1 * *", 31 * 86400),
        ("0 0 15 * 1", 7 * 86400),
        ("@hourly", 3600),
    ],
)
def test_the_longest_time_between_two_moments_of_a_schedule(line: str, expected_s: float) -> None:
    assert spacing_s(line) == expected_s


@pytest.mark.parametrize("line", ["", "* * * *", "61 * * * *", "a * * * *", "0 0 30 2 *", "*/0 * * * *"])
def test_a_schedule_that_cannot_be_read_is_told(line: str) -> None:
    with pytest.raises(Problem):
        spacing_s(line)


class Answers(Database):
    """A database whose primary answers as told, by a word of the question."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(None, "data", "postgres")  # type: ignore[arg-type]
        object.__setattr__(self, "answers", answers)

    def primary(self) -> Any:
        return None

    def run(self, member: Any, argv: list[str], *, timeout_s: float = 30) -> str:  # noqa: ARG002 - as its parent's
        answer = next(value for word, value in self.answers.items() if word in " ".join(argv))  # type: ignore[attr-defined]
        return str(answer if isinstance(answer, str) else json.dumps(answer))


def archive(**changes: Any) -> Archiver:
    good = {"mode": "on", "command": "pgbackrest archive-push", "timeout_s": 60.0, "archived": 7, "failed": 2}
    return Archiver(**{**good, "last": "0001", "push_s": 1.5, **changes})


def test_an_archive_that_grew_is_as_far_apart_as_its_time_out_and_its_push() -> None:
    assert archive(archived=8).gaps_s(archive())[:2] == (True, 61.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"archived": 7},
        {"failed": 3},
        {"mode": "off"},
        {"command": "true"},
        {"timeout_s": 0.0},
        {"push_s": None},
    ],
    ids=["nothing new", "failures", "off", "a command that lies", "no time-out", "never pushed"],
)
def test_an_archive_that_was_not_seen_to_work_does_not_count(changes: Any) -> None:
    assert archive(**{"archived": 8, **changes}).gaps_s(archive())[0] is False


def test_the_newest_sound_backup_is_the_one_that_is_restored() -> None:
    def backup(label: str, stop: int, **more: Any) -> dict[str, Any]:
        return {
            "label": label,
            "type": "full",
            "timestamp": {"start": stop - 9, "stop": stop},
            "lsn": {"stop": "1/A0"},
            **more,
        }

    told = {"status": {"code": 0}, "backup": [backup("b", 30), backup("a", 20), backup("c", 40, error=True)]}
    found = repository.newest(Answers(info=[told]), "shop")
    assert (found.label, found.took_s, found.stop) == ("b", 9.0, (1 << 32) + 0xA0)
    for empty in ({"status": {"code": 2, "message": "no valid backups"}, "backup": []}, {**told, "backup": []}):
        with pytest.raises(Problem):
            repository.newest(Answers(info=[empty]), "shop")


def test_where_a_recovery_ended() -> None:
    assert repository.branched(Answers(history="16/B374D848\n")) == (0x16 << 32) + 0xB374D848
    assert repository.branched(Answers(history="\n")) == 0


def test_rows_are_told_on_our_clock() -> None:
    before = time.monotonic()
    rows = Answers(COPY="id-1\t10.5\nid-2\t0\n").rows("shop.orders")
    assert rows["id-2"] - rows["id-1"] == pytest.approx(10.5)
    assert before <= rows["id-2"] <= time.monotonic()


def test_a_database_that_is_still_being_restored_has_no_identity_yet() -> None:
    assert Answers(system_identifier="77\tf\n").identifier() == "77"
    with pytest.raises(Problem, match="still being restored"):
        Answers(system_identifier="77\tt\n").identifier()


class Objects:
    """The custom objects of one kind."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def get(self, **_: Any) -> Objects:
        return self

    def to_dict(self) -> dict[str, Any]:
        return {"items": self.items}


def backup(name: str, phase: str, at: str, **spec: Any) -> dict[str, Any]:
    labels = {} if name == "by hand" else {"velero.io/schedule-name": "hourly"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"phase": phase, "startTimestamp": at},
    }


def test_velero_restores_from_the_newest_complete_backup_of_the_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        backup("old", "Completed", "2026-11-23T10:00:00Z", includedNamespaces=["data"]),
        backup("new", "Completed", "2026-11-23T12:00:00Z"),
        backup("by hand", "Completed", "2026-11-23T13:00:00Z"),
        backup("broken", "PartiallyFailed", "2026-11-23T13:00:00Z"),
        backup("elsewhere", "Completed", "2026-11-23T13:00:00Z", includedNamespaces=["shop"]),
        backup("without", "Completed", "2026-11-23T13:00:00Z", excludedNamespaces=["data"]),
    ]
    monkeypatch.setattr(velero, "_of", lambda _cluster, _kind: Objects(items))
    assert velero.newest(None, "data").name == "new"  # type: ignore[arg-type]
    monkeypatch.setattr(velero, "_of", lambda _cluster, _kind: Objects(items[2:]))
    with pytest.raises(Problem, match="no complete backup"):
        velero.newest(None, "data")  # type: ignore[arg-type]


class Fallen:
    """A database that heal finds in some state; notes what was done with it."""

    def __init__(self, *found: str | None) -> None:
        self.found, self.done = list(found), []  # type: ignore[var-annotated]

    def identifier(self) -> str:
        answer = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if answer is None:
            raise Problem("nobody leads")
        return answer

    def discard(self, _within_s: float) -> None:
        self.done.append("discarded")
        self.found = ["7"]

    def behind(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (["7"], ["restored"]),
        ([None, None, "7"], ["restored"]),
        ([None], ["discarded", "restored"]),
        (["8"], ["discarded", "restored"]),
    ],
    ids=["untouched", "an election", "half destroyed", "another database in its place"],
)
def test_heal_rebuilds_a_database_that_does_not_stand_and_no_other(
    monkeypatch: pytest.MonkeyPatch, found: list[str | None], done: list[str]
) -> None:
    database = Fallen(*found)
    monkeypatch.setattr(undo, "Database", lambda *_: database)
    monkeypatch.setattr(undo, "restore_object", lambda *_: database.done.append("restored"))
    monkeypatch.setattr(undo, "ELECTION_S", 0.1)
    asked = {"undo": "rebuild-database", "namespace": "data", "name": "postgres", "identifier": "7", "manifest": {}}
    if found[0] is None and len(found) > 1:
        monkeypatch.setattr(undo, "ELECTION_S", 60)
    undo.rebuild_database(None, asked)  # type: ignore[arg-type]
    assert database.done == done


def test_a_patch_of_json_inside_a_field_changes_only_what_it_names() -> None:
    item = {"metadata": {"annotations": {"config": '{"ttl":20,"p":{"a":"x","b":"y","c":1}}'}}}
    patch = patches.inside(item, ["metadata", "annotations", "config"], {"p": {"a": "false", "b": None}})
    assert json.loads(patch["metadata"]["annotations"]["config"]) == {"ttl": 20, "p": {"a": "false", "c": 1}}


class Back(Fallen):
    """A database that comes back, or does not, and what its members say."""

    def __init__(self, *found: str | None, words: str = "") -> None:
        super().__init__(*found)
        self.words = words
        self.namespace, self.name = "data", "postgres"

    def said(self, _words: tuple[str, ...]) -> str:
        return self.words

    def sql(self, _query: str) -> str:
        return "0/B0"


@pytest.mark.parametrize(
    ("database", "outcome", "points"),
    [
        (Back("7"), "completed", 2),
        (Back("8"), "failed", 0),
        (Back(None, words="postgres-0: ERROR: [039]: 403"), "failed", 0),
        (Back(None), "unfinished", 0),
    ],
    ids=["back", "another database", "the repository refuses", "nobody says why"],
)
def test_how_the_bytes_came_back_is_told_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Any, outcome: str, points: int
) -> None:
    running = SimpleNamespace(recorder=Recorder(tmp_path))
    monkeypatch.setattr("experiments.session.current", lambda: running)
    base = repository.Backup("a", "full", 3.0, 0xA0)
    lost = destruction.Loss(database, "7", None, base, (True, 61.0, "on"), (3600.0, "hourly"))  # type: ignore[arg-type]
    monkeypatch.setattr(destruction, "_lost", [lost])
    with pytest.raises(Problem, match="not so: volumes of data/postgres are destroyed"):
        restoration.await_bytes(within_s=60, refused_s=60)
    lost.destroyed = 1.0
    told = restoration.await_bytes(within_s=0.1 if outcome == "unfinished" else 60, refused_s=0)
    events = read_lines(tmp_path / "events.ndjson")
    assert (told["outcome"], lost.bytes_back) == (outcome, outcome == "completed")
    assert [event["kind"] for event in events].count("recovery_point") == points
    if points:
        assert [(event["interval_s"], event["used"]) for event in events[:2]] == [(61.0, True), (3603.0, True)]


def test_a_restore_that_was_refused_at_first_is_given_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    database: Any = Back(None, None, "7", words="postgres-0: ERROR: [103]: not yet")
    monkeypatch.setattr("experiments.session.current", lambda: SimpleNamespace(recorder=Recorder(tmp_path)))
    base = repository.Backup("a", "full", 3.0, 0xA0)
    lost = destruction.Loss(database, "7", None, base, (True, 61.0, "on"), (3600.0, "hourly"))  # type: ignore[arg-type]
    lost.destroyed = 1.0
    monkeypatch.setattr(destruction, "_lost", [lost])
    assert restoration.await_bytes(within_s=60, refused_s=60)["outcome"] == "completed"


def test_nothing_is_destroyed_before_the_way_back_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destruction, "_lost", [])
    monkeypatch.setattr("experiments.session.current", lambda: None)
    with pytest.raises(Problem, match="can come back"):
        destruction.destroy_volumes(within_s=1)
