"""Volumes on the nodes' disks (local-path), of the type `local`, which Velero can back up."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("storage", Path(__file__).parent, requires=())
