"""The suite as pytest sees it: options, markers, fixtures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deploy.cluster import Cluster
    from tests.judged import Judged

sys.path.insert(0, str(Path(__file__).parent))  # `pytest` alone, unlike `python -m pytest`, does not look here

# Folders whose tests need a cluster.
LIVE = {"baseline", "kill_matrix", "mesh", "high_availability", "disaster_recovery", "tracing", "alerts"}
MARKERS = {
    "baseline": "what the suite measures while nothing is broken",
    "kill_matrix": "experiments that are killed leave nothing behind",
    "mesh": "promises of the service mesh",
    "high_availability": "promises of the multi-zone platform",
    "disaster_recovery": "promises of backups and restores",
    "tracing": "promises of distributed tracing",
    "alerts": "promises of alerting",
    "images": "promises of the image sources; needs Docker, no cluster",
    "security": "promises of isolation",
    "live": "needs a cluster; deselected unless its path, a marker or --live asks for it",
    "smoke": "the short selection: one experiment of each area",
    "nightly": "what the nightly gate runs",
    "certification": "what a release is certified with, negative controls included",
    "disruptive": "breaks something on purpose",
    "slow": "takes more than three minutes",
    "last": "looks back on what the other tests did, so it runs after them",
    "control": "a negative control: with the protection removed the promise must be seen to break",
    "judged": "asks an experiment's record; every test that uses the fixture `experiment`",
    "verifies(target, ...)": "ids of tests/targets.toml that this test proves",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the suite's own options; --cluster-name, --keep-cluster, --kind-bin … are pytest-kind's."""
    group = parser.getgroup("resilience", "resilience verification")
    group.addoption("--live", action="store_true", help="select tests that need a cluster, whatever else selects them")
    group.addoption("--run-dir", type=Path, help="folder of this run's record; default: reports/runs/<now>")
    group.addoption("--recorded", action="store_true", help="judge what --run-dir holds, run no experiment")
    group.addoption("--no-deploy", action="store_true", help="use the cluster as it stands, deploy nothing")
    group.addoption("--image-source", default="auto", choices=("auto", "pull", "build"), help="where images come from")
    allow = {"action": "append", "default": [], "metavar": "CONTEXT"}
    group.addoption("--allow-disruption", **allow, help="a cluster not ours that may be broken")
    group.addoption("--seed", default="1", help="which replicas are chosen; the same seed chooses the same places")


def pytest_configure(config: pytest.Config) -> None:
    """Registers markers and hands options on to child processes."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    os.environ["RESILIENCE_SEED"] = config.getoption("--seed")
    if config.getoption("--allow-disruption"):
        os.environ["RESILIENCE_ALLOW_DISRUPTION"] = ",".join(config.getoption("--allow-disruption"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by their folder, puts the last ones last, and leaves live ones out of a bare `pytest`."""
    for item in items:
        if (area := item.path.parent.name) in LIVE:
            item.add_marker(area)
            item.add_marker("live")
        if "experiment" in getattr(item, "fixturenames", ()):
            item.add_marker("judged")
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    named = any(Path(argument.split("::")[0]).resolve() != config.rootpath / "tests" for argument in config.args)
    if named or config.getoption("--live") or config.getoption("markexpr"):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    items[:] = [item for item in items if item not in live]
    config.hook.pytest_deselected(items=live)


@dataclass
class Run:
    """This session's record, and what it was judged to say."""

    folder: Path
    cases: dict[tuple[str, str | None], Path] = field(default_factory=dict)


RUN = pytest.StashKey[Run]()


@pytest.fixture(scope="session")
def resilience_run(pytestconfig: pytest.Config) -> Run:
    """The folder that this session records into."""
    from experiments.record import new_run_folder, private_folder

    run = Run(private_folder(pytestconfig.getoption("--run-dir") or new_run_folder()))
    pytestconfig.stash[RUN] = run
    return run


@pytest.fixture(scope="session")
def kind_cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster with the whole stack; in place of pytest-kind's, which would make one without zones."""
    from deploy import stack
    from deploy.cluster import DEFAULT_NAME, Cluster
    from deploy.kind import lifecycle

    asked = pytestconfig.getoption("cluster_name")
    name = os.environ.get("RESILIENCE_CLUSTER", DEFAULT_NAME) if asked == "pytest-kind" else asked
    if pytestconfig.getoption("--no-deploy"):
        yield Cluster.connect(name)
        return
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():  # minutes: show them
        cluster = stack.up(name, source=pytestconfig.getoption("--image-source"))
    yield cluster
    if not pytestconfig.getoption("keep_cluster") and "CI" in os.environ:
        lifecycle.remove(name)


@pytest.fixture
def experiment(request: pytest.FixtureRequest, kind_cluster: Cluster, resilience_run: Run) -> Callable[..., Judged]:
    """Runs an experiment, with a negative control if one is named; once a session, however many targets it proves."""
    from experiments.baseline import NotAsBefore
    from tests.judged import Judged, record, recorded

    take = recorded if request.config.getoption("--recorded") else record

    def run(name: str, control: str | None = None) -> Judged:
        cases = resilience_run.cases
        if (name, control) not in cases:
            try:
                cases[name, control] = take(name, control, resilience_run.folder, kind_cluster)
            except NotAsBefore as left:
                request.session.shouldstop = left.what  # nothing measured on it could be believed
                raise
        return Judged.of(resilience_run.cases[name, control], rerun=request.node.nodeid)

    return run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Writes the reports of a run that recorded something and prints its table."""
    run = config.stash.get(RUN, None)
    if run is None or not any(run.folder.glob("*/case.json")):
        return
    from reports.table import print_table
    from reports.targets import load_targets
    from reports.write import report

    terminalreporter.section("promises")
    print_table(report(run.folder, load_targets()))
    terminalreporter.write_line(f"report: {run.folder / 'report.html'}")
