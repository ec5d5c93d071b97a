"""Both sides of each boundary that the tracing store draws."""

from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def test_the_store_must_be_there_and_write_to_a_claimed_volume(objects: Any) -> None:
    assert planned(objects, "trace.storage").attainable is True
    other = changed(objects, "StatefulSet", "opensearch", {"spec": {"volumeClaimTemplates": []}})
    answer = planned(other, "trace.storage")
    assert (answer.attainable, answer.bound_by) == (
        False,
        "StatefulSet tracing/opensearch: /data is on no claimed volume",
    )
    assert planned(without(objects, "StatefulSet"), "trace.storage").attainable is False
