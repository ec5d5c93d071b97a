"""The suite acts with no more rights than it uses, and everything that it changes is in the API server's audit log.

Method: the rights are read from the cluster's own roles and bindings, the use from its audit log since it was made; the
two must be the same. A failure means that a token which gets into wrong hands can do more than an experiment does, or
that somebody changed the platform and nobody could tell who.
"""

from __future__ import annotations

import pytest
from kubernetes.client import ApiException

from deploy.cluster import Cluster
from deploy.suite_access import accounts
from experiments import access, account, cases
from experiments.drivers import velero
from tests.security.rights import TRIAL, Rights, a_right_too_many

pytestmark = [pytest.mark.live, pytest.mark.security, pytest.mark.nightly, pytest.mark.last]

BACKUP_S = 300


@pytest.fixture
def rights(kind_cluster: Cluster) -> Rights:
    return Rights(kind_cluster)


@pytest.mark.smoke
def test_no_account_has_a_right_that_none_may_have(rights: Rights) -> None:
    granted = rights.granted()
    assert {grant.account for grant in granted} == accounts()
    assert [f"{grant}: {grant.excess()}" for grant in sorted(granted) if grant.excess()] == []


@pytest.mark.smoke
def test_nothing_that_an_account_needed_was_refused(rights: Rights) -> None:
    assert [str(asked) for asked in rights.compared().refused] == []


def test_an_account_is_refused_what_is_not_its_business_and_that_is_noticed(rights: Rights) -> None:
    with (
        account.acting_as(rights.cluster, account.OBSERVE, TRIAL) as stranger,
        pytest.raises(ApiException, match="Forbidden"),
    ):
        stranger.core.list_namespaced_secret("data")
    assert "observe: list secrets in data" in [str(asked) for asked in rights.compared(trials=True).refused]


def test_no_request_was_allowed_by_a_right_from_elsewhere(rights: Rights) -> None:
    assert [str(asked) for asked in rights.compared().unexplained] == []


def test_every_right_is_used(rights: Rights) -> None:
    missing = sorted({case.name for case in cases.everything()} - rights.cases())
    if missing:
        pytest.fail(f"INCONCLUSIVE: not run since this cluster was made: {', '.join(missing)}", pytrace=False)
    if any(grant.resource == "schedules" for grant in rights.compared().unused):
        # Only a platform too young for a scheduled backup needs one made (destruction.have_objects_backed_up).
        with account.acting_as(rights.cluster, account.DATA, "a backup of a young platform") as young:
            velero.back_up(young, "incremental-hourly", BACKUP_S)
    assert [str(grant) for grant in rights.compared().unused] == []


def test_a_right_that_nobody_uses_is_noticed(rights: Rights) -> None:
    with a_right_too_many(rights.cluster) as made:
        assert made in rights.compared().unused
    assert made not in rights.compared().unused


def test_the_log_has_every_change_that_an_account_made(rights: Rights) -> None:
    if not any("change" in deed for deed in rights.deeds()):
        pytest.fail("INCONCLUSIVE: no experiment has changed anything since this cluster was made", pytrace=False)
    assert access.unlogged(rights.deeds(), rights.requests()) == []


@pytest.mark.smoke
def test_the_log_has_every_object_that_was_deployed(rights: Rights) -> None:
    deployed = rights.deployed()
    assert len(deployed) > 100
    assert sorted(deployed - rights.changed()) == []
