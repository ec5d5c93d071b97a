"""HTTP calls out of a pod, to pods by their address: through its sidecar, so that they carry the pod's identity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SCRIPT = Path(__file__).parent.parent / "inside" / "fault_call.py"
CALL_S = 5.0
CALLS_AN_EXEC = 12  # the words of an exec travel in a URL


@dataclass(frozen=True, slots=True)
class Call:
    """One call; the Host header is what the sidecar goes by."""

    ip: str
    port: int
    method: str
    path: str
    host: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it; status 0 means that no answer came, and the body says why."""

    status: int
    body: str


def make(cluster: Cluster, pod: tuple[str, str], container: str, calls: Sequence[Call]) -> list[Answer]:
    """Makes calls one after the other in a container of `pod` (namespace and name).

    Raises:
        Problem: they could not be made.
    """
    namespace, name = pod
    answers: list[Answer] = []
    for first in range(0, len(calls), CALLS_AN_EXEC):
        some = calls[first : first + CALLS_AN_EXEC]
        asked = json.dumps({"calls": [asdict(call) for call in some], "timeout_s": CALL_S})
        argv = ["python3", "-c", SCRIPT.read_text(), asked]
        text = cluster.exec(namespace, name, argv, container=container, timeout_s=CALL_S * len(some) + 15)
        answers += [Answer(**answer) for answer in json.loads(text)]
    return answers
