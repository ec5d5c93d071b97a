"""Good records of the loss of a database's volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.records import T0, Case, fault, ready, samples

if TYPE_CHECKING:
    from pathlib import Path

HELD_S, RATE_HZ = 90.0, 40


def orders(back_s: float = 40.0, **more: Any) -> list[dict[str, Any]]:
    """An order every 25 ms from 10 s before the destruction; none is acknowledged from then until `back_s`."""
    rows = samples([(0.05, back_s)], rate_hz=RATE_HZ, **more)
    return [{**row, "answer": f"order-{row['i']}" if row["status"] == 200 else None} for row in rows]


def phase(name: str, lo: float, hi: float, **more: Any) -> dict[str, Any]:
    return {"t": T0 + hi, "kind": "phase", "name": name, "lo": T0 + lo, "hi": T0 + hi, **more}


def point(source: str, interval_s: float, **more: Any) -> dict[str, Any]:
    good = {"works": True, "used": True, "detail": "as it is set"}
    return {"t": T0 + 41, "kind": "recovery_point", "source": source, "interval_s": interval_s, **good, **more}


def events(*more: dict[str, Any], archive: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    read = {"kind": "rows_read", "rows": "restored", "count": 1}
    return [
        *fault("volumes are destroyed", HELD_S, volumes=[{"name": "pvc-1"}]),
        ready(-5, "app", 9),
        archive or point("log archive", 62.0),
        point("base backup", 3610.0),
        phase("restore objects", 5, 15),
        {"t": T0 + 70, **read, "lo": T0 + 69, "hi": T0 + 70},
        *(more or [phase("verify", 69, 70)]),
    ]


def write(
    run: Path,
    targets: list[str],
    *,
    lost: frozenset[str] = frozenset(),
    stood: dict[str, float] | None = None,
    back_s: float = 40.0,
    rows: bool = True,
    **changes: Any,
) -> Path:
    """Writes a record in which the rows named in `lost` did not come back."""
    stood = {"old-1": T0 - 500, "old-2": T0 - 100} if stood is None else stood
    told = changes.pop("callers", {"orders": orders(back_s)})
    whole = {"experiment": "disaster_recovery/volume_loss", "targets": targets, "events": events()} | changes
    ids = [row["answer"] for row in told["orders"] if row.get("answer")]
    restored = {row: T0 for row in (*stood, *ids) if row not in lost}
    whole["events"] = [e | {"count": len(restored)} if e["kind"] == "rows_read" else e for e in whole["events"]]
    folder = Case(**whole, callers=told).write(run)
    if rows:
        for name, table in (("before", stood), ("restored", restored)):
            (folder / f"{name}.rows").write_text("".join(f"{row} {at:.3f}\n" for row, at in table.items()))
    return folder
