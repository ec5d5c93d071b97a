"""The records that entries begin with: kept from a real run, as bases/<name>.tar.xz, or else made by a builder.

A kept record of the same name takes the builder's place, so the corpus becomes real one file at a time.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.errors import Problem
from tests.unit import (
    records,
    records_access,
    records_agreement,
    records_alerting,
    records_ejection,
    records_flood,
    records_latency,
    records_mesh,
    records_pool,
    records_restoration,
    records_retries,
    records_scaling,
    records_trace_meters,
    records_trace_protocols,
    records_trace_store,
    records_tracing,
)

KEPT = Path(__file__).parent / "bases"
# What a judge reads; logs and dumps stay with their run.
READ = ("case.json", "journal.json", "events.ndjson", "locust.json", "samples-*.ndjson", "*.rows")


def _sampling(run: Path) -> Path:
    browsers = dict.fromkeys(("gateway", "us_east_1a", "us_east_1b", "us_east_1c"), 38)
    orders = {name.replace("-", "_"): 60 for name in records_tracing.ORDERERS}
    case = records_tracing.sampling(records_tracing.searched(records_tracing.roots(**browsers, **orders)))
    case.targets = ["trace.sampling_default", "trace.sampling_critical"]
    return case.write(run)


def _zone(run: Path) -> Path:
    return records.zone_case(targets=["ha.failover_traffic", "ha.failover_capacity"]).write(run)


def _long_zone(run: Path) -> Path:
    callers = {zone: records.samples([(0.2, 24)], 330, 2) for zone in ("us-east-1a", "us-east-1c")}
    callers["gateway"] = records.samples([(0.2, 24)], 330)
    case = records.zone_case(callers=callers, events=records.zone_events(held_s=320))
    case.targets.append("ha.failover_capacity")
    return case.write(run)


def _ejection_timeout(run: Path) -> Path:
    fault = "replicas of shop/app hang"
    events = [
        *records.fault(fault, hangs=True, pods=["app-0"]),
        {"t": records.T0 - 5, "kind": "clients", "expected": list(records.CLIENTS), "fault": fault},
        *(records.ejection(client, 2.0 + k) for k, client in enumerate(records.CLIENTS)),
    ]
    callers = {caller: records.samples(rate_hz=2) for caller in records.CALLERS}
    return records.Case("mesh/ejection_timeout", ["mesh.ejection_timeout"], events, callers=callers).write(run)


def _pod_availability(run: Path) -> Path:
    events = records_alerting.availability()
    return records.Case("alerts/pod_availability", ["alert.pod_availability"], events).write(run)


def _ejection_api(run: Path) -> Path:
    callers = {zone: caller for zone, caller in records.quick_callers().items() if zone in records.ZONES}
    about = {"experiment": "mesh/ejection_api", "targets": ["mesh.ejection_api"]}
    return records.ejection_case(("api-0",), **about, callers=callers).write(run)


def _ejection_connections(run: Path) -> Path:
    callers = {zone: records.samples(rate_hz=2) for zone in records.ZONES}
    about = {"experiment": "mesh/ejection_connections", "targets": ["mesh.ejection_connections"]}
    return records.ejection_case(("app-0",), **about, callers=callers).write(run)


def _circuit_breaker(run: Path) -> Path:
    about = {"experiment": "mesh/circuit_breaker", "targets": ["mesh.zone_isolation"]}
    return records.ejection_case(("app-3", "app-4", "app-5"), **about).write(run)


BUILT: dict[str, Callable[[Path], Path]] = {
    "mesh.ejection": lambda run: records.ejection_case().write(run),
    "mesh.ejection_api": _ejection_api,
    "mesh.ejection_connections": _ejection_connections,
    "mesh.circuit_breaker": _circuit_breaker,
    "mesh.ejection_threshold": lambda run: records_ejection.threshold().write(run),
    "mesh.ejection_hold": lambda run: records_ejection.hold().write(run),
    "mesh.mtls": lambda run: records.mtls_case().write(run),
    "mesh.retries": lambda run: records_retries.case().write(run),
    "mesh.connection_pool": lambda run: records_pool.case().write(run),
    "mesh.rate_limit": lambda run: records_flood.case().write(run),
    "mesh.ejection_timeout": _ejection_timeout,
    "mesh.blue_green": lambda run: records_mesh.blue_green().write(run),
    "mesh.load_balancing": lambda run: records_mesh.balancing().write(run),
    "mesh.zones": lambda run: records_mesh.zones().write(run),
    "mesh.routing": lambda run: records_mesh.routing().write(run),
    "mesh.authorization": lambda run: records_access.authorization().write(run),
    "mesh.metrics": lambda run: records_agreement.agreement().write(run),
    "mesh.latency": lambda run: records_latency.latency().write(run),
    "mesh.egress": lambda run: records_access.egress().write(run),
    "high_availability.disruption_budget": lambda run: records.pdb_case().write(run),
    "high_availability.zone_outage": _zone,
    "high_availability.zone_outage_long": _long_zone,
    "tracing.sampling": _sampling,
    "tracing.propagation": lambda run: records_tracing.propagation(records_tracing.ordered()).write(run),
    "tracing.metrics": lambda run: records_trace_meters.case().write(run),
    "tracing.protocols": lambda run: records_trace_protocols.both().write(run),
    "tracing.restart": lambda run: records_trace_store.restart().write(run),
    "tracing.autoscaling": lambda run: records_scaling.autoscaling().write(run),
    "tracing.collectors": lambda run: records_trace_store.handed_in("tracing/collectors").write(run),
    "tracing.collector_crash": lambda run: records_trace_store.handed_in("tracing/collector_crash").write(run),
    "disaster_recovery.volume_loss": lambda run: records_restoration.write(run, ["dr.rpo", "dr.rto_pv"]),
    "alerts.pod_availability": _pod_availability,
    "alerts.circuit_breaker": lambda run: records_alerting.breaker().write(run),
}


@cache
def base(name: str) -> dict[str, bytes]:
    """The files of a record, by name."""
    kept = KEPT / f"{name}.tar.xz"
    if kept.exists():
        return unpack(kept.read_bytes())
    with TemporaryDirectory() as run:
        return files_of(BUILT[name](Path(run)))


def names() -> list[str]:
    """Every record there is to begin with."""
    return sorted({*BUILT, *(path.name.removesuffix(".tar.xz") for path in KEPT.glob("*.tar.xz"))})


def files_of(case: Path) -> dict[str, bytes]:
    """What a judge reads of a case's folder.

    Raises:
        Problem: there is nothing to read.
    """
    found = {path.name: path.read_bytes() for pattern in READ for path in sorted(case.glob(pattern))}
    if "events.ndjson" not in found:
        raise Problem(f"{case} is not a case", fix="name a folder of a run: reports/runs/<run>/<case>")
    return found


def keep(case: Path, name: str) -> Path:
    """Packs a recorded case; the same record gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file, content in files_of(case).items():
            about = tarfile.TarInfo(file)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    target = KEPT / f"{name}.tar.xz"
    target.write_bytes(lzma.compress(packed.getvalue(), preset=9))
    return target


def unpack(packed: bytes) -> dict[str, bytes]:
    """The files of a kept record."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:xz") as tar:
        opened = ((member.name, tar.extractfile(member)) for member in tar)
        return {name: file.read() for name, file in opened if file is not None}
