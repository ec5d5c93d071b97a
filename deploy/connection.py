"""How an API server is reached: by one kubeconfig and one context, directly, and never for ever.

The Kubernetes client takes more from its surroundings than a suite that breaks things may: proxies from the
environment, programs that a kubeconfig names, redirects, and no time-out at all where none is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from deploy.errors import Problem

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

CONNECT_S, READ_S = 5.0, 30.0
# Ways to get credentials that run a program or call somebody else.
PROGRAMS = ("exec", "auth-provider")


def client(kubeconfig: Path, context: str) -> ApiClient:
    """Returns a client of one context whose every request has an end.

    Raises:
        Problem: the file cannot be used, or names a program that would have to be run.
    """
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration
    from urllib3 import Retry

    require_no_program(kubeconfig, context)
    # "" and not None, which means "as the environment says"; a proxy-url in the kubeconfig is the user's word.
    configuration: Any = Configuration(proxy="", no_proxy="")
    try:
        config.load_kube_config(str(kubeconfig), context, configuration, persist_config=False)
    except (config.ConfigException, yaml.YAMLError, TypeError, KeyError, ValueError, OSError) as error:
        raise _unusable(kubeconfig, str(error)) from error
    configuration.retries = Retry(total=1, redirect=False)
    api = ApiClient(configuration)
    request = api.rest_client.request

    def bounded(*what: Any, **how: Any) -> Any:
        how["_request_timeout"] = how.get("_request_timeout") or (CONNECT_S, READ_S)
        return request(*what, **how)

    api.rest_client.request = bounded
    return api


def require_no_program(kubeconfig: Path, context: str) -> None:
    """Refuses a context whose credentials come from a program: reading a file must not run anything.

    Raises:
        Problem: they do, or the file cannot be read.
    """
    try:
        content = yaml.safe_load(kubeconfig.read_text())
        users = {each["name"]: each.get("user") or {} for each in content.get("users") or []}
        contexts = {each["name"]: each["context"] for each in content["contexts"]}
    except (yaml.YAMLError, AttributeError, TypeError, KeyError, ValueError, OSError) as error:
        raise _unusable(kubeconfig, str(error)) from error
    if context not in contexts:
        raise _unusable(kubeconfig, f"it has no context {context!r}, only {', '.join(map(repr, contexts)) or 'none'}")
    user = contexts[context].get("user", "")
    found = [key for key in PROGRAMS if key in users.get(user, {})]
    if found:
        raise Problem(
            f"the credentials of context {context!r} come from a program, and the suite runs none",
            why=f"{kubeconfig}: user {user!r} has {found[0]}",
            fix="give it a kubeconfig with a token (kubectl create token …) or a client certificate",
        )


def _unusable(kubeconfig: Path, why: str) -> Problem:
    return Problem(
        "the kubeconfig cannot be used",
        why=f"{kubeconfig}: {why}",
        fix="make up, which writes the suite's own anew; mend it if it is yours",
    )
