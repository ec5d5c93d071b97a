"""When a workload has rolled out, and in which order components are deployed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import component, paths
from deploy.component import Component
from deploy.errors import Usage
from deploy.rollout import progress_of, summary


def workload(wanted: int = 3, /, *, seen: Any = 2, **status: Any) -> Any:
    names = "replicas ready_replicas updated_replicas desired_number_scheduled number_ready updated_number_scheduled"
    numbers = dict.fromkeys([*names.split(), "update_revision", "current_revision"])
    return SimpleNamespace(
        metadata=SimpleNamespace(generation=2),
        spec=SimpleNamespace(replicas=wanted),
        status=SimpleNamespace(**{**numbers, "observed_generation": seen, **status}),
    )


FULL = {"replicas": 3, "ready_replicas": 3, "updated_replicas": 3}
DAEMON = {"desired_number_scheduled": 4, "number_ready": 4, "updated_number_scheduled": 4}


@pytest.mark.parametrize(
    ("kind", "given", "counted"),
    [
        ("Deployment", workload(**FULL), (3, 3)),
        ("Deployment", workload(seen=1, **FULL), (0, 3)),  # what is counted is still the old version
        ("Deployment", workload(0, seen=1), (0, 1)),
        ("Deployment", workload(0, replicas=0), (0, 0)),
        ("Deployment", workload(), (0, 3)),
        ("Deployment", workload(**{**FULL, "ready_replicas": 2}), (2, 3)),
        ("Deployment", workload(**{**FULL, "updated_replicas": 1}), (1, 3)),
        ("Deployment", workload(**{**FULL, "replicas": 4}), (2, 3)),  # an old pod still serves
        ("StatefulSet", workload(**FULL, update_revision="b", current_revision="b"), (3, 3)),
        (
            "StatefulSet",  # finished: the controller leaves `updated` out once both revisions are the same
            workload(**{**FULL, "updated_replicas": None}, update_revision="b", current_revision="b"),
            (3, 3),
        ),
        (
            "StatefulSet",
            workload(**{**FULL, "updated_replicas": 1}, update_revision="b", current_revision="a"),
            (1, 3),
        ),
        ("DaemonSet", workload(**DAEMON), (4, 4)),
        ("DaemonSet", workload(**{**DAEMON, "updated_number_scheduled": 1}), (1, 4)),
        ("DaemonSet", workload(**{**DAEMON, "number_ready": 3}), (3, 4)),
        ("DaemonSet", workload(desired_number_scheduled=0), (0, 1)),  # not counted yet, never "ready"
    ],
)
def test_progress(kind: str, given: Any, counted: tuple[int, int]) -> None:
    assert progress_of(kind, given) == counted


def test_the_summary_names_what_is_not_ready() -> None:
    assert summary({"Deployment/a": (1, 3), "Deployment/b": (2, 2)}) == "waiting for a 1/3"
    assert summary({"Deployment/b": (2, 2)}) == "ready"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Component]:
    wanted = {"a": ("b", "c"), "b": ("c",), "c": (), "d": ()}
    found = {name: Component(name, Path("/"), requires) for name, requires in wanted.items()}
    monkeypatch.setattr(component, "discover", lambda: found)
    return found


def order(*names: str) -> list[str]:
    return [found.name for found in component.with_requirements(names or None)]


def test_what_is_required_comes_first_and_once(known: dict[str, Component]) -> None:
    assert order("a") == ["c", "b", "a"]
    assert order() == ["c", "b", "a", "d"]
    assert order("d", "c") == ["d", "c"]


def test_components_that_require_each_other_are_told(known: dict[str, Component]) -> None:
    known["c"] = Component("c", Path("/"), ("a",))
    with pytest.raises(Usage, match="a -> b -> c -> a"):
        order("a")


def test_an_unknown_component_names_the_known_ones(known: dict[str, Component]) -> None:
    with pytest.raises(Usage, match="'x'") as caught:
        order("x")
    assert "a, b, c, d" in caught.value.fix


def test_every_component_of_the_checkout_is_found_and_can_be_ordered() -> None:
    files = [file for file in paths.DEPLOY.glob("**/component.py") if file.parent != paths.DEPLOY]
    found = component.discover()
    assert len(found) == len(files)  # also: no two have the same name
    done: set[str] = set()
    for each in component.with_requirements():
        assert set(each.requires) <= done
        done.add(each.name)
    assert done == found.keys()
