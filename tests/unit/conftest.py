"""Properties are tried with the same examples each time, however long an example takes on this machine."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
if not settings().derandomize:  # tests.mutation brings a profile of its own
    settings.load_profile("same")
