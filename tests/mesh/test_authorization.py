"""Authorization: who is named by a policy is served, and nobody else is, nor by another method.

Method: each identity of the mesh calls the ports of the shop from its own pod; a refusal counts only if the target's
own proxy said so while the same port served whom it may. A failure names who was let through, or wrongly refused.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.authorization")
def test_each_identity_may_call_what_its_policy_names_and_nothing_else(experiment: Any) -> None:
    experiment("mesh/authorization").kept("mesh.authorization")


@pytest.mark.control
def test_without_policies_everybody_is_let_through(experiment: Any) -> None:
    experiment("mesh/authorization", control="no-policies").broke("mesh.authorization")
