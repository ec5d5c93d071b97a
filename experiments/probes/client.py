"""What a client is answered that asks one request after the other, so that it meets exactly so many errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments import pods, session
from experiments.pods import CALLERS

SCRIPT = Path(__file__).parent.parent / "inside" / "ask.py"
PORT = 8080
TIMEOUT_S = 3


def ask(namespace: str, app: str, zone: str, count: int, within_s: float, errors: int = 0) -> dict[str, Any]:
    """Sends requests to a tier from a zone's caller, `count` at most, and records who answered how.

    Args:
        namespace: of the tier.
        app: the tier, and its Service.
        zone: of the caller. Nobody else may call through its proxy meanwhile: the proxy counts everybody's errors.
        count: requests.
        within_s: is given up after that time.
        errors: as many are enough; 0 for all that come.
    """
    running = session.current()
    pod = pods.one_running(running.cluster, CALLERS, f"app=caller-{zone}").name
    host = f"{app}.{namespace}.svc.cluster.local"
    asked = {"host": host, "port": PORT, "path": "/", "count": count, "errors": errors, "timeout_s": TIMEOUT_S}
    argv = ["python3", "-c", SCRIPT.read_text(), json.dumps(asked)]
    answered = json.loads(running.cluster.exec(CALLERS, pod, argv, container="caller", timeout_s=within_s))
    running.recorder.event("asked", client=f"{CALLERS}/{pod}", **answered)
    return {"client": pod, **answered}
