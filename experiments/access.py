"""Rights against use: what the suite's accounts may do, and what the API server's audit log says that they did.

Least privilege is a claim about two lists. A right that no request needed is one too many; a request that was refused,
or that some other right allowed, is a right that the manifests do not have. All of it is computed from what the cluster
holds: its roles and bindings, and its log since it was made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from deploy.suite_access import NAMESPACE

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:"
EVERY_ACCOUNT = f"system:serviceaccounts:{NAMESPACE}"
CREDENTIAL = "authentication.kubernetes.io/credential-id"
REFUSED = 403
# Over a web socket these are asked for by get, and are allowed only to who may create them too (Kubernetes 1.35).
UPGRADED = frozenset({"pods/exec", "pods/attach", "pods/portforward"})
HANDING_ON = frozenset({"escalate", "bind", "impersonate"})


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One thing that an account may do; "" as namespace is the whole cluster, "" as name is any."""

    account: str
    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        where = f"in {self.namespace}" if self.namespace else "in the whole cluster"
        return f"{self.account}: {self.verb} {resource} {self.name}".rstrip() + f" {where}"

    def covers(self, asked: Grant) -> bool:
        """Says whether a request, written as the narrowest right that allows it, needs this right."""
        verbs = {asked.verb, "create"} if asked.verb == "get" and asked.resource in UPGRADED else {asked.verb}
        same = (self.account, self.group, self.resource) == (asked.account, asked.group, asked.resource)
        return same and self.verb in verbs and self.namespace in {"", asked.namespace} and self.name in {"", asked.name}

    def excess(self) -> str:
        """Says why no account of the suite may have this right, "" when it may."""
        if any("*" in part for part in (self.verb, self.group, self.resource)):
            return "a wildcard"
        if self.resource == "secrets" and not (self.namespace and self.name):
            return "Secrets that are not named"
        if self.verb in HANDING_ON or self.resource == "serviceaccounts/token":
            return "rights of others"
        return ""


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the audit log.

    Attributes:
        number: the API server's own, which its answer carries too.
        credential: id of the token, "" for other credentials.
        asked: the narrowest right that allows it; who asked is in it, by the account's name or the user's.
        status: of the answer.
    """

    number: str
    credential: str
    asked: Grant
    status: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What rights and use say about each other; all three are empty when every account has what it uses."""

    unused: tuple[Grant, ...]
    refused: tuple[Grant, ...]
    unexplained: tuple[Grant, ...]


def grants(objects: Iterable[Mapping[str, Any]]) -> set[Grant]:
    """Returns every right of the suite's accounts that these roles and bindings give.

    What everybody who is authenticated may do (ask which kinds there are) is not theirs and is left out.
    """
    objects = list(objects)
    rules = {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item.get("rules") or []
        for item in objects
        if item["kind"] in {"Role", "ClusterRole"}
    }
    every = {
        item["metadata"]["name"]
        for item in objects
        if item["kind"] == "ServiceAccount" and item["metadata"].get("namespace") == NAMESPACE
    }
    found: set[Grant] = set()
    for binding in (item for item in objects if item["kind"] in {"RoleBinding", "ClusterRoleBinding"}):
        where, role = binding["metadata"].get("namespace", ""), binding["roleRef"]
        key = (role["kind"], where if role["kind"] == "Role" else "", role["name"])
        for account in _accounts(binding.get("subjects") or [], every):
            for rule in rules.get(key, []):
                found |= set(_expanded(account, where, rule))
    return found


def _accounts(subjects: Iterable[Mapping[str, Any]], every: set[str]) -> set[str]:
    found: set[str] = set()
    for subject in subjects:
        if subject["kind"] == "ServiceAccount" and subject.get("namespace") == NAMESPACE:
            found.add(subject["name"])
        elif subject["kind"] == "User" and subject["name"].startswith(ACCOUNT):
            found.add(subject["name"].removeprefix(ACCOUNT))
        elif subject["kind"] == "Group" and subject["name"] == EVERY_ACCOUNT:
            found |= every
    return found


def _expanded(account: str, namespace: str, rule: Mapping[str, Any]) -> Iterable[Grant]:
    names, verbs = rule.get("resourceNames") or [""], rule["verbs"]
    for group, resource, verb, name in product(rule.get("apiGroups") or [], rule.get("resources") or [], verbs, names):
        yield Grant(account, verb, group, resource, namespace, name)
    for path, verb in product(rule.get("nonResourceURLs") or [], verbs):
        yield Grant(account, verb, "", path)


def requests(lines: Iterable[str]) -> list[Request]:
    """Reads an audit log; what asks for no object (which kinds there are), and a line that was torn, is left out."""
    found = []
    for line in lines:
        try:
            told = json.loads(line)
            thing = told.get("objectRef")
            if not thing or told["stage"] != "ResponseComplete":
                continue
            user = told["user"]
            resource = "/".join(filter(None, (thing.get("resource"), thing.get("subresource"))))
            where, name = thing.get("namespace", ""), thing.get("name", "")
            who = user["username"].removeprefix(ACCOUNT)
            asked = Grant(who, told["verb"], thing.get("apiGroup", ""), resource, where, name)
            ids = (user.get("extra") or {}).get(CREDENTIAL) or [""]
            status = int((told.get("responseStatus") or {}).get("code", 0))
            found.append(Request(told["auditID"], ids[0].removeprefix("JTI="), asked, status))
        except (ValueError, KeyError, AttributeError):
            continue
    return found


def compare(rights: Iterable[Grant], asked: Iterable[Request]) -> Comparison:
    """Holds rights against requests of the accounts that have them.

    Args:
        rights: of the suite's accounts.
        asked: anybody's; those of others are left out.
    """
    rights = set(rights)
    accounts = {grant.account for grant in rights}
    ours = [request for request in asked if request.asked.account in accounts]
    refused = {request.asked for request in ours if request.status == REFUSED}
    allowed = {request.asked for request in ours if request.status != REFUSED}
    needed: set[Grant] = set()
    unexplained = []
    for request in allowed:
        covering = {grant for grant in rights if grant.covers(request)}
        needed |= covering
        if not covering:
            unexplained.append(request)
    return Comparison(tuple(sorted(rights - needed)), tuple(sorted(refused)), tuple(sorted(unexplained)))


def cases(deeds: Iterable[Mapping[str, Any]], asked: Iterable[Request]) -> set[str]:
    """Returns the cases whose tokens were seen by the API server; one whose token was never used has shown nothing."""
    seen = {request.credential for request in asked}
    return {str(deed["case"]) for deed in deeds if deed.get("credential") in seen}


def unlogged(deeds: Iterable[Mapping[str, Any]], asked: Iterable[Request]) -> list[str]:
    """Returns the changes that the suite asked for and that the audit log does not have."""
    known = {request.number for request in asked}
    return [
        f"{deed['method']} {deed['path']} ({deed['case']})"
        for deed in deeds
        if "change" in deed and deed["change"] not in known
    ]
