"""python -m reports RUN: judges a recorded run again, without a cluster, and rewrites its reports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports.problem import ReportProblem
from reports.runs import RUNS, find_run
from reports.table import print_table
from reports.targets import DEFAULT_TARGETS, load_targets
from reports.write import report

USAGE = 64


def main(argv: list[str] | None = None) -> int:
    """Returns the gate's exit code: 0 all passed, 1 something failed, 2 something not proven, 64 usage."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="name of a run, a path to its folder, or latest")
    parser.add_argument("--targets", type=Path, default=DEFAULT_TARGETS, help="default: tests/targets.toml")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:  # argparse says 2, which here means "not proven"
        return USAGE if leave.code else 0
    try:
        folder = find_run(options.run, options.runs)
        results = report(folder, load_targets(options.targets))
    except ReportProblem as problem:
        print(problem, file=sys.stderr)
        return USAGE
    print_table(results)
    print(f"{folder / 'report.html'}")
    return results.exit_code


if __name__ == "__main__":
    sys.exit(main())
