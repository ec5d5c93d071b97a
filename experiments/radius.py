"""What a case disturbs and what it relies on: two may share time if neither disturbs what the other relies on.

Declared in each document (and, for what a negative control takes away besides, in its file):

```yaml
configuration:
  blast_radius:
    disturbs: [shop/app, mesh/ejections]
    needs: [shop/answers, alerting]
```
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Thing(StrEnum):
    """Everything that a case may disturb or need; the list is closed, so that a misspelt name shares time with nobody.

    A tier means each of its replicas: that it is there, Ready and left alone. `shop/answers` means that callers are
    answered, whichever replica does it.
    """

    EVERYTHING = "everything"  # nodes, zones, the machine's processors: such a case runs alone
    APP, API, WORKER = "shop/app", "shop/api", "shop/worker"
    ANSWERS = "shop/answers"
    POSTGRES, REDIS = "data/postgres", "data/redis"
    EJECTIONS = "mesh/ejections"  # which replicas the clients' proxies keep out
    SECURITY = "mesh/security"  # who is let in
    RELEASES = "mesh/releases"  # which version answers under /release/
    SPANS = "mesh/tracing"  # which requests the proxies trace, and how
    TRACING = "tracing"  # collectors and store
    ALERTING = "alerting"  # Prometheus, its exporters, Alertmanager, the receiver
    BACKUPS = "backups"  # Velero and the S3 servers


class Radius(BaseModel):
    """One blast radius.

    Attributes:
        disturbs: is not what it should be while the case runs.
        needs: must be what it should be while the case runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    disturbs: frozenset[Thing]
    needs: frozenset[Thing]

    def weakened(self, disturbs: Iterable[Thing]) -> Radius:
        """Returns the radius with more that is disturbed."""
        return self.model_copy(update={"disturbs": self.disturbs.union(disturbs)})

    def conflicts(self, other: Radius) -> bool:
        """Says whether the two must not run at the same time; as true of the one as of the other."""
        if Thing.EVERYTHING in self.disturbs | other.disturbs:
            return True
        return bool(self.disturbs & (other.disturbs | other.needs) or other.disturbs & self.needs)
