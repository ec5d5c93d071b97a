"""The suite's accounts and their rights; last, because they are rights in the namespaces of the others."""

from __future__ import annotations

from deploy.component import Component
from deploy.suite_access import FOLDER

REQUIRES = ("workloads", "high-availability", "backup-jobs", "velero", "prometheus", "jaeger")
COMPONENT = Component("suite-access", FOLDER, requires=REQUIRES)
