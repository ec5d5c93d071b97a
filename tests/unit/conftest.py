"""Properties are tried with the same examples each time, however long an example takes on this machine."""

import gc

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
if not settings().derandomize:  # tests.mutation brings a profile of its own
    settings.load_profile("same")


def pytest_collection_finish() -> None:
    """What is there for good is not looked through again and again: thousands of tests, and all that they import."""
    gc.collect()
    gc.freeze()
