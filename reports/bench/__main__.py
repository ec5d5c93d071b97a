"""python -m reports.bench judge|page: what judging 1,000 cases and a report of 60 promises cost."""

from __future__ import annotations

import argparse
import sys

from reports.bench.judging import CASES, judge
from reports.bench.page import page


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when every figure is within its bound, 1 when one is not."""
    parser = argparse.ArgumentParser(prog="python -m reports.bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("judge", help="1,000 cases in 5 s and 200 MiB")
    one.add_argument("--cases", type=int, default=CASES)
    one.set_defaults(run=lambda options: judge(options.cases))
    commands.add_parser("page", help="all reports of 60 promises in 2 s and 2 MB").set_defaults(run=lambda _: page())
    options = parser.parse_args(argv)
    return 0 if options.run(options) else 1


if __name__ == "__main__":
    sys.exit(main())
