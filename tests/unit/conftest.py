"""Nothing here depends on the machine's pace: no wait takes time, and properties are tried with the same examples."""

import gc

import pytest
from hypothesis import settings

from deploy import waiting
from tests.unit.clock import Clock

settings.register_profile("same", derandomize=True, database=None, deadline=None)
if not settings().derandomize:  # tests.mutation brings a profile of its own
    settings.load_profile("same")


def pytest_collection_finish() -> None:
    """What is there for good is not looked through again and again: thousands of tests, and all that they import."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which everything waits."""
    stands_in = Clock()
    monkeypatch.setattr(waiting, "time", stands_in)
    return stands_in
