"""python -m reports RUN: judges a recorded run again, without a cluster, and rewrites its reports.

python -m reports history [--last N]: every target's figure over the last runs, and whether it moved beyond its noise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports.problem import ReportProblem
from reports.runs import RUNS, find_run
from reports.targets import DEFAULT_TARGETS, load_targets

USAGE = 64
HISTORY = "history"


def main(argv: list[str] | None = None) -> int:
    """Returns the gate's exit code: 0 all passed, 1 something failed, 2 something not proven, 64 usage."""
    words = sys.argv[1:] if argv is None else argv
    act = _history if words[:1] == [HISTORY] else _judge
    try:
        return act(words)
    except SystemExit as leave:  # argparse says 2, which here means "not proven"
        return USAGE if leave.code else 0
    except ReportProblem as problem:
        print(problem, file=sys.stderr)
        return USAGE


def _judge(words: list[str]) -> int:
    from reports.table import print_table
    from reports.write import report

    parser = argparse.ArgumentParser(
        prog="python -m reports", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="name of a run, a path to its folder, or latest")
    parser.add_argument("--targets", type=Path, default=DEFAULT_TARGETS, help="default: tests/targets.toml")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    options = parser.parse_args(words)
    folder = find_run(options.run, options.runs)
    results = report(folder, load_targets(options.targets))
    print_table(results)
    print(f"{folder / 'report.html'}")
    return results.exit_code


def _history(words: list[str]) -> int:
    """Drift never changes an exit code: 0 whatever moved."""
    from reports.history import LAST, print_history
    from reports.table import screen

    parser = argparse.ArgumentParser(prog=f"python -m reports {HISTORY}")
    parser.add_argument("--last", type=int, default=LAST, metavar="N", help=f"look at the last N runs; default {LAST}")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    options = parser.parse_args(words[1:])
    print_history(options.runs, max(1, options.last), screen())
    return 0


if __name__ == "__main__":
    sys.exit(main())
