"""Both sides of each boundary that mutual TLS draws."""

from typing import Any

import pytest

from tests.unit.settings import changed, item, planned, recorded, weakened, without


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def peer(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return item("PeerAuthentication", namespace, name, spec=spec)


@pytest.mark.parametrize(
    ("added", "floor"),
    [
        (peer("shop", "default", mtls={"mode": "PERMISSIVE"}), 1),
        (peer("shop", "default", mtls={"mode": "STRICT"}), 0),
        (peer("shop", "default", mtls={"mode": "UNSET"}), 0),
        (peer("callers", "default", mtls={"mode": "DISABLE"}), 0),
        (peer("data", "redis", selector={"matchLabels": {"app": "redis"}}, mtls={"mode": "DISABLE"}), 1),
        (peer("shop", "port", mtls={"mode": "STRICT"}, portLevelMtls={"9102": {"mode": "PERMISSIVE"}}), 1),
        (peer("shop", "port", portLevelMtls={"9102": {"mode": "STRICT"}}), 0),
    ],
)
def test_each_exception_from_strict_is_a_violation(objects: Any, added: Any, floor: int) -> None:
    answer = planned([*objects, added], "mesh.mtls")
    assert (answer.floor, answer.attainable) == (floor, floor == 0)
    assert bool(answer.fix) is bool(floor)


def test_without_a_word_for_the_mesh_it_is_permissive_unless_each_namespace_has_its_own(objects: Any) -> None:
    bare = without(objects, "PeerAuthentication")
    assert planned(bare, "mesh.mtls").attainable is False
    own = [peer(namespace, "default", mtls={"mode": "STRICT"}) for namespace in ("shop", "data")]
    assert planned([*bare, *own], "mesh.mtls").attainable is True
    assert planned([*bare, own[0]], "mesh.mtls").attainable is False


def test_an_old_version_of_tls_is_agreed_on_unless_forbidden(objects: Any) -> None:
    patched = changed(objects, "ConfigMap", "istio", {"data": {"mesh": "meshMTLS: {minProtocolVersion: TLSV1_2}"}})
    answer = planned(patched, "mesh.mtls")
    assert answer.attainable is False
    assert "TLSV1_3" in answer.fix


def test_weakened_objects_are_copies(objects: Any) -> None:
    from experiments import catalogue, weaken

    control = weaken.load(catalogue.find("mesh/mtls").control_file("permissive"))
    weakened(objects, control)
    assert planned(objects, "mesh.mtls").attainable is True
