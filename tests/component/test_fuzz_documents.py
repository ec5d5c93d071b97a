"""Mutated documents, read and checked in a process of their own that tells whatever unlisted would have run."""

import json
import subprocess
import sys
from typing import Any

from deploy.paths import ROOT


def fuzz(*arguments: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.component.fuzz_documents", *arguments]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=900)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_ten_thousand_mutated_documents_run_nothing_that_is_not_listed() -> None:
    told = fuzz("10000", "1")
    print(told)
    assert told["violations"] == []
    assert told["slowest_s"] < 1
    assert told["accepted"] > 100, "a fuzzer whose documents are all refused at once looks at nothing"
    assert told["refused"] > 1000


def test_the_fuzzer_notices_when_there_is_no_allow_list() -> None:
    assert fuzz("3000", "1", "--open")["violations"]
