"""From a recorded case to a test's answer: kept, broken, or not proven, each with what to read next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experiments import runner
from experiments.record import case_name
from reports.baseline import Calm, baseline
from reports.judge import judge_case
from reports.model import Outcome, Verdict, figure
from reports.reader import read_case
from reports.results import starved
from reports.targets import load_targets

if TYPE_CHECKING:
    from deploy.cluster import Cluster


def record(name: str, control: str | None, run_dir: Path, cluster: Cluster) -> Path:
    """Runs an experiment and returns the case's folder; once again if nothing but a starved machine was in its way."""
    folder = runner.run(name, run_dir, control, cluster)
    why = starved(judge_case(read_case(folder), load_targets())).get(folder.name)
    return runner.run(name, run_dir, control, cluster, again=why) if why else folder


def recorded(name: str, control: str | None, run_dir: Path, _: Cluster) -> Path:
    """Returns the folder of a case that is in the run already; a test of one that is not fails."""
    folder = run_dir.resolve() / case_name(name, control)
    if not (folder / "case.json").exists():
        pytest.fail(f"{folder.name} was not recorded: see {folder}.log", pytrace=False)
    return folder


@dataclass(frozen=True)
class Judged:
    """What a case says about its targets.

    Attributes:
        folder: of the case.
        verdicts: by target.
        rerun: the test to run again to get just this.
    """

    folder: Path
    verdicts: dict[str, Verdict]
    rerun: str

    @classmethod
    def of(cls, folder: Path, rerun: str) -> Judged:
        """Judges a recorded case."""
        verdicts = judge_case(read_case(folder), load_targets())
        return cls(folder, {verdict.target: verdict for verdict in verdicts}, rerun)

    def kept(self, target: str) -> None:
        """Passes if the promise was kept with proof; fails with the figure, or with why there is none."""
        verdict = self.verdicts[target]
        print(self._figure(verdict))
        if verdict.outcome is not Outcome.PASSED:
            pytest.fail(self._told(verdict), pytrace=False)

    def broke(self, target: str) -> None:
        """Passes if the missing protection was noticed: a check that cannot fail proves nothing."""
        verdict = self.verdicts[target]
        print(self._figure(verdict))
        if verdict.outcome is Outcome.PASSED:
            pytest.fail(
                f"SURVIVED: without its protection the promise still held\n{self._told(verdict)}", pytrace=False
            )
        if verdict.outcome is not Outcome.FAILED:
            pytest.fail(self._told(verdict), pytrace=False)

    def quiet(self) -> None:
        """Passes if nothing fired while nothing was broken; a suite that fires then cannot be believed otherwise."""
        found = baseline(read_case(self.folder))
        print(found.reason)
        if found.calm is not Calm.QUIET:
            pytest.fail(f"{found.reason}\nsee: {self.folder}", pytrace=False)

    @staticmethod
    def _figure(verdict: Verdict) -> str:
        unit = verdict.unit
        allowed = f"{verdict.relation} {verdict.allowed:g} {unit}"
        return f"measured {figure(verdict.measured, unit)}, allowed {allowed} ({verdict.target})"

    def _told(self, verdict: Verdict) -> str:
        lines = [
            f"{verdict.outcome.upper()}: {verdict.reason}",
            self._figure(verdict),
            f"promise: {verdict.promise}",
            f"see: {', '.join(str(self.folder.parent / name) for name in verdict.evidence) or self.folder}",
        ]
        if verdict.fix:
            lines.append(f"fix: {verdict.fix}")
        return "\n".join([*lines, f"rerun just this: pytest '{self.rerun}' --no-deploy --keep-cluster"])
