"""Running a program inside a container, through the API server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from websocket import WebSocket

from deploy.errors import Problem
from deploy.shell import tail

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SILENT_S = 10.0


class Direct(WebSocket):
    """A connection that ends when nothing comes for SILENT_S where something must, and takes no proxy from outside."""

    def connect(self, url: str, **options: Any) -> None:
        """Connects; a proxy that the kubeconfig names is in the options."""
        if "http_proxy_host" not in options:
            options["http_no_proxy"] = ["*"]
        super().connect(url, timeout=SILENT_S, **options)  # type: ignore[no-untyped-call]


def execute(
    cluster: Cluster,
    namespace: str,
    pod: str,
    argv: Sequence[str],
    *,
    container: str | None,
    stdin: str,
    timeout_s: float,
) -> str:
    """Runs `argv` and returns its standard output; see Cluster.exec."""
    from kubernetes.client import ApiException, CoreV1Api
    from kubernetes.client.api_client import ApiClient
    from kubernetes.stream import stream, ws_client

    ws_client.WebSocket = Direct  # the client gives no way to say it
    # stream() swaps the request function of the client it is given, so it gets one of its own.
    api = CoreV1Api(ApiClient(cluster.api.configuration))
    what = f"{argv[0]} in {namespace}/{pod}"
    options = {"container": container} if container else {}
    try:
        channel = stream(
            api.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(argv),
            stdin=bool(stdin),
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
            _request_timeout=timeout_s,
            **options,
        )
    except ApiException as error:
        if isinstance(error.__context__, KeyboardInterrupt | SystemExit):
            raise error.__context__ from None  # the client makes an error of its own of everything, Ctrl-C too
        raise Problem(f"could not run {what}", why=str(error.reason or error), fix="is the pod running?") from error
    deadline = time.monotonic() + timeout_s
    output, errors = [], []
    try:
        if stdin:
            channel.write_stdin(stdin)
        while channel.is_open() and time.monotonic() < deadline:
            channel.update(timeout=min(1.0, timeout_s))
            output.append(channel.read_stdout(timeout=0) if channel.peek_stdout(timeout=0) else "")
            errors.append(channel.read_stderr(timeout=0) if channel.peek_stderr(timeout=0) else "")
        ended = not channel.is_open()
        code = channel.returncode if ended else None
    except (TypeError, KeyError) as error:
        # The client reads the exit code from a last message, which does not come when the connection is lost.
        raise Problem(f"the connection was lost: {what}", why=tail("".join(errors)), fix="run again") from error
    finally:
        channel.close()
    if not ended:
        raise Problem(f"{what} did not end within {timeout_s:g} s", why=tail("".join(errors)))
    if code:
        raise Problem(f"{what} ended with exit code {code}", why=tail("".join(errors) or "".join(output)))
    return "".join(output)
