"""Whom a part of the suite acts as: a short-lived token of one account, in a kubeconfig of its own.

Whoever starts an experiment holds the kubeconfig of the cluster. What breaks something gets another one, which can do
what its kind of fault needs (deploy/suite_access) and ends with the run. What each account did is kept beside the
ledger, so that the cluster's own audit log can be held against it (experiments/access.py).
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from deploy import paths
from deploy.errors import Problem
from deploy.files import replace_text
from deploy.suite_access import NAMESPACE
from experiments.record import append_line, now

if TYPE_CHECKING:
    from deploy.cluster import Cluster

OBSERVE, WORKLOAD, DATA, WEAKEN = "observe", "workload-faults", "data-faults", "weaken"
USER = ""  # no account: whoever started us, by the kubeconfig that they hold
# An experiment, its rollbacks, and the roll-outs of a negative control before and after it.
LIFETIME_S = 3600
OWN_RIGHTS = "RESILIENCE_OWN_RIGHTS"
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@contextmanager
def acting_as(cluster: Cluster, account: str, case: str) -> Iterator[Cluster]:
    """Gives the cluster as an account may use it; the file with its token is gone afterwards.

    Args:
        cluster: by a kubeconfig that may ask for tokens in the suite's namespace.
        account: one of deploy.suite_access.accounts(), or USER.
        case: what for, as the deeds tell it.

    Raises:
        Problem: the account is not there, or this kubeconfig may not ask for its token.
    """
    if account == USER or os.environ.get(OWN_RIGHTS):
        yield cluster
        return
    folder = paths.state(cluster.name) / "accounts"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(folder)
    token = _token(cluster, account)
    file = folder / f"{account}-{uuid.uuid4().hex[:12]}"
    try:
        replace_text(file, kubeconfig(cluster, account, token), mode=0o600)
        append_line(deeds(cluster), {"account": account, "case": case, "credential": credential(token), **now()})
        acting = replace(cluster, kubeconfig=file)
        keep_changes(acting, case)
        yield acting
    finally:
        file.unlink(missing_ok=True)


def deeds(cluster: Cluster) -> Path:
    """Returns the file that says who acted for which case and what was to be changed; it goes with the cluster."""
    return paths.state(cluster.name) / "deeds.ndjson"


def keep_changes(cluster: Cluster, case: str) -> None:
    """Keeps the API server's own number of each change that this handle asks for, answered or refused."""
    rest: Any = cluster.api.rest_client
    rest.request = _kept(rest.request, deeds(cluster), case)


def _kept(send: Callable[..., Any], file: Path, case: str) -> Callable[..., Any]:
    def request(method: str, url: str, *args: Any, **options: Any) -> Any:
        answer = send(method, url, *args, **options)
        if method.upper() in CHANGING and (number := answer.headers.get("Audit-Id")):
            told = {"change": number, "method": method, "path": urlsplit(url).path, "status": answer.status}
            append_line(file, {**told, "case": case, **now()})
        return answer

    return request


def kubeconfig(cluster: Cluster, account: str, token: str) -> str:
    """Returns a kubeconfig with the cluster of the handle's context, this token and nothing else.

    The context keeps its name: it is what the user names in --allow-disruption.
    """
    try:
        known = yaml.safe_load(cluster.kubeconfig.read_text())
        context = next(each["context"] for each in known["contexts"] if each["name"] == cluster.context)
        server = next(dict(each["cluster"]) for each in known["clusters"] if each["name"] == context["cluster"])
    except (OSError, yaml.YAMLError, TypeError, KeyError, StopIteration) as error:
        raise Problem(
            f"the kubeconfig of {cluster.name!r} has no cluster for the context {cluster.context!r}",
            why=f"{cluster.kubeconfig}: {error!r}",
            fix="name a context that is in it",
        ) from error
    if "certificate-authority" in server:  # a relative path is one from the file that says it
        server["certificate-authority"] = str(cluster.kubeconfig.parent / server["certificate-authority"])
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster.context,
            "clusters": [{"name": "cluster", "cluster": server}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": cluster.context, "context": {"cluster": "cluster", "user": account}}],
        }
    )


def credential(token: str) -> str:
    """Returns a token's own id, by which the audit log knows its requests; "" for a token that says none."""
    try:
        body = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("jti", ""))
    except (IndexError, ValueError):
        return ""


def _token(cluster: Cluster, account: str) -> str:
    from kubernetes.client import ApiException, AuthenticationV1TokenRequest, V1TokenRequestSpec

    spec = V1TokenRequestSpec(audiences=[], expiration_seconds=LIFETIME_S)
    core: Any = cluster.core
    try:
        answer = core.create_namespaced_service_account_token(
            account, NAMESPACE, AuthenticationV1TokenRequest(spec=spec), _request_timeout=20
        )
    except ApiException as error:
        raise Problem(
            f"this cluster gives no token of the account {NAMESPACE}/{account}",
            why=f"{error.status} {error.reason}",
            fix="python -m deploy up suite-access\n"
            f"or on a cluster of yours: kubectl --context={cluster.context} apply -k deploy/suite_access\n"
            f"or, to act with all the rights of your own kubeconfig: {OWN_RIGHTS}=1",
        ) from error
    return str(answer.status.token)


def _sweep(folder: Path) -> None:
    """Removes what runs that were killed left behind; their tokens are over."""
    for file in folder.iterdir():
        if time.time() - file.stat().st_mtime > LIFETIME_S:
            file.unlink(missing_ok=True)
