"""`python -m deploy …`: puts the platform on this machine, shows it, and takes it away again."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from deploy.cluster import DEFAULT_NAME
from deploy.errors import Problem, Usage

EXIT_USAGE, EXIT_MISSING, EXIT_INTERRUPTED = 64, 69, 130


def parser() -> argparse.ArgumentParser:
    """Describes the commands."""
    top = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    top.add_argument(
        "--cluster", default=os.environ.get("RESILIENCE_CLUSTER") or DEFAULT_NAME, help="name of the kind cluster"
    )
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "up", help="engine, images, cluster and components; keeps what stands, applies what changed"
    )
    up.add_argument("components", nargs="*", help="only these, and what they require (default: all)")
    for command in (up, commands.add_parser("images", help="makes every image ready, no cluster")):
        command.add_argument(
            "--images", default="auto", choices=("auto", "pull", "build"), dest="source", help="where images come from"
        )
        command.add_argument("--mirror", help="host[:port] to pull from instead of the public registries")
    commands.add_parser("down", help="removes the cluster and its state, and nothing else; images and caches stay")
    commands.add_parser("status", help="each component: what is ready")
    commands.add_parser("prune", help="removes images of earlier versions, which nothing uses any longer")
    commands.add_parser("preflight", help="what this machine lacks, with the fix for each")
    commands.add_parser(
        "bench", help="prints how long each phase of the last `up` took, and what `up` takes on a standing cluster"
    )
    commands.add_parser("kubectl", help="kubectl with the suite's kubeconfig", prefix_chars="\0").add_argument(
        "words", nargs=argparse.REMAINDER
    )
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code: 0, 64 (usage), 69 (something is missing), 130 (interrupted)."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        options = parser().parse_args(words)
        from deploy import commands

        return commands.run(options)
    except SystemExit as ended:  # argparse has said why; it uses 2, which here means "not proven"
        return EXIT_USAGE if ended.code else 0
    except Usage as problem:
        print(problem, file=sys.stderr)
        return EXIT_USAGE
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return EXIT_MISSING
    except KeyboardInterrupt:
        print(
            "\ninterrupted: what was finished is kept, nothing is half-made; run the same command again",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"kubernetes", "urllib3"}:
            raise
        fix = "look at the cluster with `make status`, or run again"
        print(f"\n{Problem('the API server did not answer as expected', why=str(error), fix=fix)}", file=sys.stderr)
        return EXIT_MISSING


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
