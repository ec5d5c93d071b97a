"""python -m tests.corpus keep RUN/CASE [--as NAME]: keeps a recorded case as a base, and says its verdict.

RUN/CASE is a folder, or its end below reports/runs. Then add entries to tests/corpus/entries/<NAME>.yaml.
`python -m tests.corpus verdicts` writes anew what the judge says in full; look at the difference.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.errors import Problem
from reports.judge import judge_case
from reports.reader import read_case
from reports.runs import RUNS
from reports.targets import load_targets
from tests.corpus import verdicts
from tests.corpus.bases import keep


def main(argv: list[str] | None = None) -> int:
    """Returns 0, or 64 when the case cannot be kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("keep", help="pack a recorded case")
    one.add_argument("case", type=Path, metavar="RUN/CASE")
    one.add_argument("--as", dest="name", help="name of the base (default: the case's)")
    commands.add_parser("verdicts", help="write verdicts.yaml anew")
    options = parser.parse_args(argv)
    if options.command == "verdicts":
        verdicts.write()
        return 0
    folder = options.case if options.case.is_dir() else RUNS / options.case
    try:
        kept = keep(folder, options.name or folder.name)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 64
    print(f"{kept.name}: {kept.stat().st_size / 1024:.0f} KiB. The judge says now:")
    for verdict in judge_case(read_case(folder), load_targets()):
        print(f"  {verdict.target}: {verdict.outcome}: {verdict.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
