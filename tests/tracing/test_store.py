"""The store forgets nothing when every pod of tracing is replaced.

Method: traces are handed in and read; every pod of OpenSearch, collectors, query service and agents is deleted; the
same traces are read again. A failure names the first traces that are gone, or have lost spans.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("trace.storage")
def test_what_is_stored_outlives_every_pod_of_tracing(experiment: Any) -> None:
    experiment("tracing/restart").kept("trace.storage")


@pytest.mark.control
def test_a_store_without_a_volume_forgets_and_is_noticed(experiment: Any) -> None:
    experiment("tracing/restart", control="no-volume").broke("trace.storage")
