"""Disruption budgets: a drain may take a third of a tier and not one pod more.

Method: ready pods are evicted one after the other; of nine the fourth is refused with 429, of six the third, and a
watch sees 66 % ready all the time. If it fails, a budget is missing, too loose, or tighter than agreed.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.smoke
@pytest.mark.verifies("ha.pdb")
def test_evictions_stop_at_the_budget(experiment: Any) -> None:
    experiment("high_availability/disruption_budget").kept("ha.pdb")


@pytest.mark.smoke
@pytest.mark.control
def test_without_budgets_the_fourth_eviction_is_granted(experiment: Any) -> None:
    experiment("high_availability/disruption_budget", control="no-budget").broke("ha.pdb")
