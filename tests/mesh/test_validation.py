"""Istio refuses what it could not obey: a broken mesh object does not get as far as the proxies.

Method: objects with one mistake each are handed to the API server as a dry run, which asks every webhook and keeps
nothing. Their resource definitions let them pass, so the refusal must be Istio's own; the same objects without the
mistake are taken, so it is the mistake that was refused. A failure means that a slip in the mesh's configuration is
applied, and is found out at night.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.cluster import Cluster
from deploy.errors import Problem

pytestmark = [pytest.mark.live, pytest.mark.mesh, pytest.mark.smoke, pytest.mark.nightly]

APP = {"destination": {"host": "app"}}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "VirtualService": ("networking.istio.io/v1", {"hosts": ["app"], "http": [{"route": [APP]}]}),
    "DestinationRule": ("networking.istio.io/v1", {"host": "app"}),
    "AuthorizationPolicy": ("security.istio.io/v1", {"action": "ALLOW", "rules": []}),
}
SHARES = {"loadBalancer": {"localityLbSetting": {"distribute": [{"from": "eu/*", "to": {"eu/*": 80}}]}}}
MISTAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "a route that leads nowhere": ("VirtualService", {"http": [{"route": []}]}),
    "weights that are all 0": ("VirtualService", {"http": [{"route": [{**APP, "weight": 0}] * 2}]}),
    "shares of zones that make 80 %": ("DestinationRule", {"trafficPolicy": SHARES}),
    "a rule for nobody": ("AuthorizationPolicy", {"rules": [{"from": [{"source": {}}]}]}),
}


def handed_in(cluster: Cluster, kind: str, spec: dict[str, Any]) -> None:
    version, _ = KINDS[kind]
    wanted = {"apiVersion": version, "kind": kind, "metadata": {"name": "tried", "namespace": "shop"}, "spec": spec}
    cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(wanted))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_by_istio(kind_cluster: Cluster, mistake: str) -> None:
    kind, wrong = MISTAKES[mistake]
    _, right = KINDS[kind]
    handed_in(kind_cluster, kind, right)
    with pytest.raises(Problem, match=r'webhook "validation\.istio\.io" denied the request'):
        handed_in(kind_cluster, kind, right | wrong)
