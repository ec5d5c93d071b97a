"""Network policies do what the platform claims of itself in ConfigMap kube-system/resilience-capabilities.

Method: a server and a stranger on one node, a friend on another, in a namespace of their own outside the mesh; policies
come and go, and both callers try to connect. A failure means that experiments and reports believe something wrong about
the network: a policy that is thought to isolate and does not, or that cuts off those it should admit.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes.client import ApiException

from deploy.cluster import Cluster
from deploy.waiting import NotSo, consistently, eventually
from tests.security.namespace_of_pods import Stage, stage

pytestmark = [pytest.mark.live, pytest.mark.security, pytest.mark.smoke, pytest.mark.nightly]

PATIENCE_S = 5
OPEN = {"friend": "open", "stranger": "open"}
CLOSED = {"friend": "closed", "stranger": "closed"}
FRIEND_ONLY = {"friend": "open", "stranger": "closed"}


@pytest.fixture(scope="module")
def pods(kind_cluster: Cluster) -> Iterator[Stage]:
    with stage(kind_cluster) as made:
        yield made


@pytest.fixture
def enforcing(pods: Stage) -> Stage:
    if claim(pods.cluster) != "enforced":
        pytest.skip("this platform says that it enforces no network policies")
    return pods


def claim(cluster: Cluster) -> str:
    try:
        capabilities = cluster.core.read_namespaced_config_map("resilience-capabilities", "kube-system")
        return str(capabilities.data["network-policy"])
    except (ApiException, KeyError) as error:
        pytest.fail(f"the platform claims nothing of network policies: {error}", pytrace=False)


def test_without_a_policy_everybody_connects(pods: Stage) -> None:
    becomes(pods, OPEN)


def test_the_platform_claims_what_is_observed(pods: Stage) -> None:
    becomes(pods, OPEN)
    with pods.policy("admit-nobody"):
        try:
            becomes(pods, CLOSED)
            observed = "enforced"
        except NotSo as miss:
            observed = "not-enforced" if miss.last == OPEN else f"half enforced: {miss.last}"
    assert observed == claim(pods.cluster)


def test_a_policy_that_admits_nobody_closes_every_door_and_keeps_it_closed(enforcing: Stage) -> None:
    with enforcing.policy("admit-nobody"):
        becomes(enforcing, CLOSED)
        consistently(enforcing.doors, CLOSED.__eq__, for_s=3, what="a closed door")


def test_a_rule_admits_whom_it_names_and_nobody_else(enforcing: Stage) -> None:
    with enforcing.policy("admit-nobody"):
        becomes(enforcing, CLOSED)
        with enforcing.policy("admit-friend"):
            becomes(enforcing, FRIEND_ONLY)
            consistently(enforcing.doors, FRIEND_ONLY.__eq__, for_s=3, what="a door open to the friend only")


def test_the_door_opens_again_when_the_policy_is_gone(enforcing: Stage) -> None:
    with enforcing.policy("admit-nobody"):
        becomes(enforcing, CLOSED)
    becomes(enforcing, OPEN)


def test_the_node_still_reaches_its_own_pods(enforcing: Stage) -> None:
    with enforcing.policy("admit-nobody"):
        becomes(enforcing, CLOSED)
        consistently(lambda: ready(enforcing), bool, for_s=5, what="a server that its kubelet finds ready")


def becomes(pods: Stage, doors: dict[str, str]) -> None:
    eventually(pods.doors, doors.__eq__, within_s=PATIENCE_S, what=f"the doors to be {doors}")


def ready(pods: Stage) -> bool:
    conditions = pods.cluster.core.read_namespaced_pod("server", pods.namespace).status.conditions
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
