"""The judge gives the known verdict for every record of the corpus, and the corpus leaves nothing of it out."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from reports.judge import judge_case, preconditions
from reports.judge.registry import STATISTICS
from reports.model import Outcome, Verdict
from reports.results import assemble
from reports.targets import load_targets
from tests.corpus import entries
from tests.corpus import verdicts as in_full
from tests.corpus.bases import BUILT, base, keep, unpack
from tests.corpus.entries import Entry
from tests.unit.views import assert_views_agree, assert_views_are_well_formed

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import CaseRecord

CORPUS = entries.load()
RECORDS: dict[str, CaseRecord] = {}  # each is written and read once
# The last good one and the last bad one of each base: to parse all their views takes as long as all the rest.
SHOWN = frozenset({(entry.base, entry.kind): entry.id for entry in CORPUS}.values())


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.id)
def test_a_known_record_has_its_known_verdict(entry: Entry, tmp_path: Path) -> None:
    record = RECORDS.setdefault(entry.id, entry.record(tmp_path))
    targets = entry.targets()
    verdicts = {verdict.target: verdict for verdict in judge_case(record, targets)}
    wanted = entry.wanted()
    outcomes = {target: verdict.outcome for target, verdict in verdicts.items()}
    assert outcomes == {target: outcome for target, (outcome, _) in wanted.items()}, list(verdicts.values())
    for target, (_, pattern) in wanted.items():
        assert re.search(pattern, verdicts[target].reason), verdicts[target].reason
        _explains_itself(verdicts[target], record)
    results = assemble("corpus", list(verdicts.values()), [record], targets)
    assert_views_agree(results)
    if entry.id in SHOWN:
        assert_views_are_well_formed(results)


def _explains_itself(verdict: Verdict, record: CaseRecord) -> None:
    """Reason, figure, allowed, margin, evidence; and whatever is not green says what to do."""
    assert verdict.reason
    assert bool(verdict.fix) is (verdict.outcome is not Outcome.PASSED), verdict.reason
    if verdict.outcome in {Outcome.PASSED, Outcome.FAILED}:
        assert verdict.measured is not None
        assert (verdict.margin is not None) is verdict.measured.ended
        assert {f"{record.name}/journal.json", f"{record.name}/events.ndjson"} <= {*verdict.evidence}
    if verdict.promise:
        assert (verdict.allowed is not None, bool(verdict.relation), bool(verdict.unit)) == (True, True, True)
        assert all(name.startswith(f"{record.name}/") for name in verdict.evidence)
        assert verdict.evidence


def _outcomes(kind: str) -> list[tuple[str, Outcome]]:
    return [(t, outcome) for entry in CORPUS if entry.kind == kind for t, (outcome, _) in entry.wanted().items()]


def test_there_are_enough_of_both_kinds_and_none_twice() -> None:
    kinds = Counter(entry.kind for entry in CORPUS)
    assert kinds["good"] >= 50
    assert kinds["bad"] >= 50
    assert max(Counter(f"{entry.base}{entry.edits}{entry.target}" for entry in CORPUS).values()) == 1


def test_a_good_record_decides_and_a_bad_one_never_only_passes() -> None:
    for entry in CORPUS:
        outcomes = {outcome for outcome, _ in entry.wanted().values()}
        if entry.kind == "good":
            assert outcomes == {Outcome.PASSED} or Outcome.FAILED in outcomes, entry.id
        else:
            assert outcomes & {Outcome.INCONCLUSIVE, Outcome.ERROR}, entry.id


def test_every_target_is_kept_broken_and_unproven_somewhere() -> None:
    good, bad = _outcomes("good"), _outcomes("bad")
    for target in load_targets():
        assert (target.id, Outcome.PASSED) in good
        assert (target.id, Outcome.FAILED) in good
        assert (target.id, Outcome.INCONCLUSIVE) in bad
    assert Outcome.ERROR in {outcome for _, outcome in bad}


def test_every_precondition_and_every_statistic_stops_a_bad_record(tmp_path: Path) -> None:
    stopped: Counter[str] = Counter()
    for number, entry in enumerate(entry for entry in CORPUS if entry.kind == "bad"):
        record = RECORDS.get(entry.id) or entry.record(tmp_path / str(number))
        for target in entry.targets().of_experiment(record.case.experiment):
            statistic = STATISTICS[target.statistic]
            hit = [c.__name__ for c in preconditions.CHECKS if list(c(record, target, statistic))]
            if not hit and entry.wanted().get(target.id, (Outcome.PASSED, ""))[0] is Outcome.INCONCLUSIVE:
                hit = ["aftermath"] if preconditions.aftermath(record) else [statistic.name]
            stopped.update(hit)
    assert {*(check.__name__ for check in preconditions.CHECKS), *STATISTICS, "aftermath"} - stopped.keys() == set()


def test_every_record_to_begin_with_is_used() -> None:
    assert set(BUILT) <= {entry.base for entry in CORPUS}


def test_a_kept_case_is_judged_like_the_one_that_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded case takes the builder's place: same files, same bytes each time, and logs stay behind."""
    from tests.corpus import __main__, bases

    monkeypatch.setattr(bases, "KEPT", tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    folder = BUILT["mesh.mtls"](tmp_path / "run")
    (folder / "chaos.log").write_text("password=hunter2")
    assert __main__.main(["keep", str(folder), "--as", "real.mtls"]) == 0
    first = (tmp_path / "kept" / "real.mtls.tar.xz").read_bytes()
    assert keep(folder, "real.mtls").read_bytes() == first
    assert unpack(first) == base("mesh.mtls")
    assert bases.base.__wrapped__("real.mtls") == base("mesh.mtls")
    assert "real.mtls" in bases.names()
    assert __main__.main(["keep", str(tmp_path)]) == 64


FULL = in_full.load()


@pytest.mark.parametrize("name", FULL)
def test_what_is_said_in_full(name: str) -> None:
    assert yaml.safe_load(yaml.safe_dump(in_full.told(in_full.chosen()[name]))) == FULL[name]


def test_everything_that_is_made_or_broken_is_told_in_full() -> None:
    assert FULL.keys() == in_full.chosen().keys()
