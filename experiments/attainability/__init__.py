"""Whether a target can be kept at all with the settings as they are, before anything is disturbed.

Pure functions from live objects to the best figure that they allow. In doubt a target counts as attainable: the
experiment will tell, while a check that cries wolf would keep it from being run.

Importing this package registers every check.
"""

from experiments.attainability import (
    agreement,
    alerting,
    authorization,
    backups,
    balancing,
    capacity,
    disruption,
    egress,
    ejection,
    encryption,
    failover,
    latency,
    pool,
    rate_limit,
    retries,
    routing,
    sampling,
    scaling,
    trace_meters,
    trace_protocols,
    trace_store,
)
from experiments.attainability.registry import plan

__all__ = [
    "agreement",
    "alerting",
    "authorization",
    "backups",
    "balancing",
    "capacity",
    "disruption",
    "egress",
    "ejection",
    "encryption",
    "failover",
    "latency",
    "plan",
    "pool",
    "rate_limit",
    "retries",
    "routing",
    "sampling",
    "scaling",
    "trace_meters",
    "trace_protocols",
    "trace_store",
]
