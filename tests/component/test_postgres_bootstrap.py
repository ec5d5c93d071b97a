"""A new database is made only where the repository says it has no backup; a replay ends only where the archive does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import paths
from tests.component.fake_tools import fake

SCRIPTS = paths.DEPLOY / "data" / "postgres"
UNREACHABLE = 99
DAMAGED = 3
STATUS_CODE = 'import json, sys; print(json.load(sys.stdin)[0]["status"]["code"])'  # what the script asks jq for


def run(tmp_path: Path, script: str, pgbackrest: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of the database's with a pgBackRest that behaves as told, and an initdb that only says its name."""
    tools = tmp_path / "tools"
    fake(tools, "pgbackrest", pgbackrest)
    fake(tools, "initdb", "echo initdb")
    fake(tools, "mkdir", "")
    fake(
        tools, "jq", f'exec {sys.executable} -c \'import json, sys; print(json.load(sys.stdin)[0]["status"]["code"])\''
    )
    argv = ["/bin/sh", str(SCRIPTS / script), *arguments]
    env = {"PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


def answering(code: int) -> str:
    """A pgBackRest whose `info` gives a status code, and which says the name of any other command."""
    answer = json.dumps([{"name": "shop", "status": {"code": code, "message": "as told"}}])
    return f'for word; do :; done\n[ "$word" = info ] && echo \'{answer}\' || echo "$word"\n'


def test_a_backup_is_restored(tmp_path: Path) -> None:
    """Status 0: there is a backup."""
    assert run(tmp_path, "bootstrap", answering(0)).stdout == "restore\n"


@pytest.mark.parametrize("code", [1, 2])
def test_a_repository_without_backup_leads_to_a_new_database(tmp_path: Path, code: int) -> None:
    """Status 1: nothing of this stanza; 2: a stanza without a backup."""
    assert run(tmp_path, "bootstrap", answering(code)).stdout == "initdb\n"


@pytest.mark.parametrize(
    "pgbackrest",
    [answering(UNREACHABLE), answering(DAMAGED), "exit 49\n", "echo nonsense\n", ""],
)
def test_a_repository_that_cannot_be_asked_leads_to_nothing(tmp_path: Path, pgbackrest: str) -> None:
    """Neither restored nor new: the attempt fails, and is made again."""
    done = run(tmp_path, "bootstrap", pgbackrest)
    assert done.returncode != 0
    assert done.stdout == ""


@pytest.mark.parametrize(("code", "told"), [(0, 0), (1, 1), (25, 255), (49, 255), (124, 255)])
def test_only_a_missing_file_ends_the_replay(tmp_path: Path, code: int, told: int) -> None:
    """PostgreSQL takes 1 to 125 for the end of the archive, and gives up above: pgBackRest's errors lie below."""
    assert run(tmp_path, "archive_get", f"exit {code}\n", "0001", "here").returncode == told
