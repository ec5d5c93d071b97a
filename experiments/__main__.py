"""python -m experiments list|validate|plan|run|gate|heal: experiments by name, all, and what they left behind."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.errors import Problem, Usage
from experiments import catalogue, documents

USAGE, MISSING, INTERRUPTED = 64, 69, 130


def main(argv: list[str] | None = None) -> int:
    """Runs a command; 0 all is well, 1 failed, 2 not proven, 64 usage, 69 something is missing, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="experiments, their targets and negative controls")
    check = commands.add_parser("validate", help="checks documents and negative controls")
    check.add_argument("names", nargs="*", metavar="E", help="for example mesh/ejection; all when left out")
    ahead = commands.add_parser("plan", help="what the live settings allow for each target; disturbs nothing")
    ahead.add_argument("names", nargs="*", metavar="E", help="for example mesh/ejection; all when left out")
    start = commands.add_parser("run", help="runs one experiment on the standing platform and judges it")
    start.add_argument("name", metavar="E")
    start.add_argument("--control", help="a negative control: the same with a protection taken away")
    start.add_argument("--run-dir", type=Path, help="folder of the run; default reports/runs/<now>")
    start.add_argument("--allow-disruption", metavar="CONTEXT", help="a cluster not ours that may be broken")
    start.add_argument("--again", default="", metavar="WHY", help="recorded once more: why; the run keeps both records")
    start.add_argument("--no-judge", action="store_true", help="record only")
    gate = commands.add_parser("gate", help="all experiments and negative controls, with the gate's exit code")
    gate.add_argument("--images", default="auto", choices=("auto", "pull", "build"), help="where images come from")
    gate.add_argument("--run-dir", type=Path, help="folder of the run; default reports/runs/<now>")
    gate.add_argument("--at-once", type=int, default=2, choices=range(1, 5), help="how many may share time; default 2")
    gate.add_argument("--plan", action="store_true", help="prints what would run when, and runs nothing")
    heal = commands.add_parser("heal", help="undoes everything that an experiment left behind; may be repeated")
    heal.add_argument("--cluster", help="default: RESILIENCE_CLUSTER, or resilience")
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return USAGE if leave.code else 0
    try:
        return {
            "list": _list,
            "validate": _validate,
            "plan": _plan,
            "run": _run,
            "gate": _gate,
            "heal": _heal,
        }[options.command](options)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return USAGE if isinstance(problem, Usage) else MISSING
    except KeyboardInterrupt:
        print("\ninterrupted: rollbacks were played; `make heal` undoes what may be left")
        return INTERRUPTED


def _list(_: argparse.Namespace) -> int:
    for name in catalogue.names():
        experiment = catalogue.find(name)
        targets, controls = ", ".join(experiment.targets) or "-", ", ".join(experiment.controls) or "-"
        print(f"{name:38} targets: {targets:45} controls: {controls}")
    return 0


def _validate(options: argparse.Namespace) -> int:
    from experiments import weaken

    for name in options.names or catalogue.names():
        experiment = catalogue.find(name)
        documents.load(experiment.path, experiment.name)
        for control in experiment.controls:
            weaken.load(experiment.control_file(control))
        print(f"{name}: ok")
    return 0


def _plan(options: argparse.Namespace) -> int:
    from deploy.cluster import Cluster
    from experiments import plan

    return plan.show(Cluster.connect(), options.names or catalogue.names())


def _run(options: argparse.Namespace) -> int:
    from deploy.cluster import Cluster
    from experiments import gate, guard
    from experiments.record import new_run_folder
    from experiments.runner import run

    if options.allow_disruption:
        os.environ[guard.ALLOW] = options.allow_disruption
    run_dir = options.run_dir or new_run_folder()
    folder = run(options.name, run_dir, options.control, Cluster.connect(), again=options.again)
    if options.no_judge:
        return 0
    return gate.judge(folder.parent)


def _gate(options: argparse.Namespace) -> int:
    from experiments import gate
    from experiments.record import new_run_folder

    if options.plan:
        return gate.show_plan(options.at_once)
    return gate.run(options.run_dir or new_run_folder(), options.images, options.at_once)


def _heal(options: argparse.Namespace) -> int:
    from deploy.cluster import DEFAULT_NAME
    from experiments import running, undo
    from experiments.runner import ROLLBACKS_S

    name = options.cluster or os.environ.get("RESILIENCE_CLUSTER") or DEFAULT_NAME
    running.await_end(name, ROLLBACKS_S)
    lines = undo.heal(name)
    print("\n".join(lines) or "nothing to undo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
