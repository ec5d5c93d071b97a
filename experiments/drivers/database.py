"""PostgreSQL under Patroni as a thing that can lose everything: its members, volumes and what Patroni knows of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import pods
from experiments.pods import Pod

if TYPE_CHECKING:
    from deploy.cluster import Cluster

CONTAINER = "postgres"
# Patroni's memory: who leads, the settings, which standby has every write. With it the cluster counts as born, and
# members without data wait for ever for the one who has it.
MEMORY = ("", "-config", "-sync", "-failover")
# Everything stops where it is, or it would write files while they are removed; the files go, as when the disk is gone;
# then everything is killed at once: nothing is flushed, nothing more is archived. In the background, because the
# container, and our shell in it, ends with them.
WIPE = "kill -STOP -1; rm -rf /data/pgdata || { kill -CONT -1; exit 1; }; (sleep 0.1; kill -9 -1) >/dev/null 2>&1 &"
KILL_S = 1  # not 0: the API would forget a pod whose Patroni still writes its memory anew


@dataclass(frozen=True, slots=True)
class Volume:
    """A member's volume: the claim, the volume behind it, and the directory on a node where its bytes are."""

    claim: str
    name: str
    uid: str
    node: str
    path: str


@dataclass(frozen=True)
class Database:
    """One Patroni cluster: StatefulSet, claims and Endpoints share its name."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def members(self) -> list[Pod]:
        """Its pods."""
        return pods.find(self.cluster, self.namespace, f"app={self.name}")

    def primary(self) -> Pod:
        """Returns the member that leads; Problem when none does."""
        return pods.one_running(self.cluster, self.namespace, f"app={self.name},role=primary")

    def sql(self, query: str, *, database: str = "postgres", timeout_s: float = 30) -> str:
        """Asks the primary; rows are lines, columns are separated by a tab."""
        argv = ["psql", "-XAqtU", "postgres", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", query]
        return self.run(self.primary(), argv, timeout_s=timeout_s).strip()

    def run(self, member: Pod, argv: list[str], *, timeout_s: float = 30) -> str:
        """Runs a program in a member."""
        return self.cluster.exec(self.namespace, member.name, argv, container=CONTAINER, timeout_s=timeout_s)

    def identifier(self) -> str:
        """Returns what tells this database from any other; only one that takes writes has it here.

        Raises:
            Problem: nobody leads, does not answer or is still being restored.
        """
        number, restoring = self.sql("SELECT system_identifier, pg_is_in_recovery() FROM pg_control_system()").split()
        if restoring != "f":
            raise Problem(f"{self.namespace}/{self.name} is still being restored")
        return number

    def behind(self) -> list[str]:
        """Returns the names of the members that neither lead nor stream from the one that leads, absent ones too."""
        wanted = {f"{self.name}-{number}" for number in range(self.manifest()["spec"]["replicas"])}
        streaming = self.sql("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'").split()
        return sorted(wanted - {self.primary().name, *streaming})

    def rows(self, table: str) -> dict[str, float]:
        """Returns the id of every row of `database.table` and when it was made, on our monotonic clock."""
        asked = time.monotonic()
        database, name = table.split(".")
        query = f"COPY (SELECT id, extract(epoch FROM now() - created_at) FROM {name}) TO STDOUT"  # noqa: S608 - ours
        lines = self.sql(query, database=database, timeout_s=120).splitlines()
        return {row: asked - float(age_s) for row, age_s in (line.split("\t") for line in lines)}

    def manifest(self) -> dict[str, Any]:
        """Returns the StatefulSet as the API has it."""
        resource = self.cluster.dynamic.resources.get(api_version="apps/v1", kind="StatefulSet")
        return dict(resource.get(name=self.name, namespace=self.namespace).to_dict())

    def rolled_out(self) -> datetime:
        """Returns when the version that runs was first rolled out; a StatefulSet that was made again adopts it."""
        apps: Any = self.cluster.apps
        revision = self.manifest()["status"]["updateRevision"]
        found = apps.read_namespaced_controller_revision(revision, self.namespace, _request_timeout=20)
        return datetime.fromisoformat(str(found.metadata.creation_timestamp))

    def volumes(self) -> list[Volume]:
        """Returns the volumes behind its claims."""
        core: Any = self.cluster.core
        bound = {claim.metadata.uid for claim in self._claims()}
        found = core.list_persistent_volume(_request_timeout=20).items
        return [_volume(item) for item in found if item.spec.claim_ref and item.spec.claim_ref.uid in bound]

    def volumes_left(self, volumes: list[Volume]) -> list[str]:
        """Returns the names of those of the volumes that the API still knows."""
        core: Any = self.cluster.core
        there = {volume.metadata.uid for volume in core.list_persistent_volume(_request_timeout=20).items}
        return [volume.name for volume in volumes if volume.uid in there]

    def wipe(self) -> None:
        """Removes every member's data and kills its processes, all at the same time.

        Raises:
            Problem: somewhere it could not be done.
        """
        members = [member for member in self.members if member.running]
        with ThreadPoolExecutor(len(members) or 1) as pool:
            for done in [pool.submit(self.run, member, ["sh", "-c", WIPE]) for member in members]:
                done.result()

    def orphan(self) -> bool:
        """Deletes the StatefulSet and leaves its pods alone: nobody shuts them down in good order.

        Returns:
            Whether it was there.
        """
        apps: Any = self.cluster.apps
        return self._delete(apps.delete_namespaced_stateful_set, self.name, propagation_policy="Orphan")

    def discard(self, within_s: float) -> None:
        """Deletes StatefulSet, pods, claims, volumes and Patroni's memory; returns when nothing is left.

        Patroni's memory goes last: whoever still runs would write it anew.
        """
        volumes = self.volumes()
        eventually(
            lambda: [*self._delete_all(), *self.volumes_left(volumes)],
            lambda left: not left,
            within_s=within_s,
            every_s=0.5,
            what=f"StatefulSet, pods, claims and volumes of {self.namespace}/{self.name} to be gone",
        )
        for suffix in MEMORY:
            self._delete(self.cluster.core.delete_namespaced_endpoints, self.name + suffix)

    def renew(self, name: str) -> None:
        """Takes a member's pod and volume away: it comes back empty and copies everything from who leads."""
        core: Any = self.cluster.core
        (template,) = self.manifest()["spec"]["volumeClaimTemplates"]
        self._delete(core.delete_namespaced_persistent_volume_claim, f"{template['metadata']['name']}-{name}")
        self._delete(core.delete_namespaced_pod, name, grace_period_seconds=KILL_S)

    def _delete_all(self) -> list[str]:
        """Deletes what is there, also what a restore that is still under way has brought back; returns the names."""
        core: Any = self.cluster.core
        left = [self.name] if self.orphan() else []
        for member in self.members:
            self._delete(core.delete_namespaced_pod, member.name, grace_period_seconds=KILL_S)
            left.append(member.name)
        for claim in self._claims():
            self._delete(core.delete_namespaced_persistent_volume_claim, claim.metadata.name)
            left.append(claim.metadata.name)
        return left

    def _claims(self) -> list[Any]:
        core: Any = self.cluster.core
        options = {"label_selector": f"app={self.name}", "_request_timeout": 20}
        return list(core.list_namespaced_persistent_volume_claim(self.namespace, **options).items)

    def said(self, words: tuple[str, ...], lines: int = 60) -> str:
        """Returns the last line with one of some words in it that a member has logged, "" when none has."""
        core: Any = self.cluster.core
        for member in self.members:
            options = {"container": CONTAINER, "tail_lines": lines, "_request_timeout": 20}
            text = core.read_namespaced_pod_log(member.name, self.namespace, **options) if member.running else ""
            for line in reversed(text.splitlines()):
                if any(word in line for word in words):
                    return f"{member.name}: {line.strip()}"
        return ""

    def _delete(self, call: Any, name: str, **how: Any) -> bool:
        """Deletes an object; says whether it was there."""
        from kubernetes.client import ApiException

        try:
            call(name, self.namespace, _request_timeout=20, **how)
        except ApiException as error:
            if error.status != 404:
                raise
            return False
        return True


def _volume(volume: Any) -> Volume:
    terms = volume.spec.node_affinity.required.node_selector_terms if volume.spec.node_affinity else []
    nodes = [value for term in terms for rule in term.match_expressions or [] for value in rule.values]
    path = getattr(volume.spec.local or volume.spec.host_path, "path", "")
    meta = volume.metadata
    return Volume(volume.spec.claim_ref.name, meta.name, meta.uid, nodes[0] if nodes else "", path)
