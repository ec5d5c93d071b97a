"""The rights of the suite's accounts as a cluster holds them, and what its audit log says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy import stack
from deploy.cluster import Cluster
from deploy.suite_access import NAMESPACE
from experiments import access, account
from experiments.access import Comparison, Grant, Request
from experiments.drivers import audit_log
from experiments.record import read_lines

TRIAL = "a trial of the audit log"  # refused on purpose
ADMIN = "kubernetes-admin"
KINDS = "roles,clusterroles,rolebindings,clusterrolebindings,serviceaccounts"
TOO_MANY = "a-right-too-many"


@dataclass(frozen=True)
class Rights:
    """Reads everything anew each time it is asked."""

    cluster: Cluster

    def granted(self) -> set[Grant]:
        """Returns what the live roles and bindings allow the accounts."""
        return access.grants(json.loads(self.cluster.kubectl("get", KINDS, "-A", "-o", "json"))["items"])

    def requests(self) -> list[Request]:
        """Returns what the audit log has."""
        return access.requests(audit_log.lines(self.cluster))

    def deeds(self) -> list[dict[str, Any]]:
        """Returns what the suite itself knows that it did."""
        return read_lines(account.deeds(self.cluster))

    def cases(self) -> set[str]:
        """Returns the experiments and negative controls that this cluster has seen."""
        return access.cases(self.deeds(), self.requests())

    def compared(self, *, trials: bool = False) -> Comparison:
        """Holds rights against use; what tests let be refused on purpose is left out unless it is asked for."""
        on_purpose = {deed.get("credential") for deed in self.deeds() if deed["case"] == TRIAL and not trials}
        return access.compare(
            self.granted(), [request for request in self.requests() if request.credential not in on_purpose]
        )

    def deployed(self) -> set[tuple[str, str, str]]:
        """Returns (kind, namespace, name) of every object of the components, the kind as the API calls it."""
        rows = [line.split() for line in self.cluster.kubectl("api-resources", "--no-headers").splitlines()]
        resources = {(row[-1], row[-3].rpartition("/")[0]): row[0] for row in rows}  # by kind and group
        found = set()
        for key in (key for keys in stack.applied_objects(self.cluster).values() for key in keys):
            kind, namespace, name = key.split("/")
            kind, _, group = kind.partition(".")
            found.add((f"{resources[kind, group]}.{group}", name if kind == "Namespace" else namespace, name))
        return found

    def changed(self) -> set[tuple[str, str, str]]:
        """Returns, in the same words, every object that whoever deploys changed."""
        asked = (each.asked for each in self.requests() if each.asked.account == ADMIN and each.status < 400)
        return {(f"{grant.resource}.{grant.group}", grant.namespace, grant.name) for grant in asked}


@contextmanager
def a_right_too_many(cluster: Cluster) -> Iterator[Grant]:
    """Gives an account, for a while, a right that nothing uses; returns how it reads."""
    role = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["nobody-asks"], "verbs": ["get"]}
    api, meta = "rbac.authorization.k8s.io", {"name": TOO_MANY, "namespace": NAMESPACE}
    objects = [
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": [role]},
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": TOO_MANY},
            "subjects": [{"kind": "ServiceAccount", "name": account.OBSERVE, "namespace": NAMESPACE}],
        },
    ]
    for item in objects:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(item))
    try:
        yield Grant(account.OBSERVE, "get", "", "configmaps", NAMESPACE, "nobody-asks")
    finally:
        cluster.kubectl("-n", NAMESPACE, "delete", "role,rolebinding", TOO_MANY, "--ignore-not-found")
