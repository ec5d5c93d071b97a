"""The command line, the passwords, and the set-up of the Python environment."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import commands, credentials, paths, waiting
from deploy.__main__ import main
from deploy.errors import Problem, Usage
from tests.component.fake_tools import calls, fake


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for variable in ("RESILIENCE_CLUSTER", "RESILIENCE_KUBECONFIG", "RESILIENCE_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def deploy(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "deploy", *words]
    return subprocess.run(argv, cwd=paths.ROOT, capture_output=True, text=True, check=False)


def test_a_missing_cluster_is_told_with_its_fix_and_no_traceback() -> None:
    done = deploy("status")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "\nthe cluster 'resilience' does not stand: it has no kubeconfig\n  fix: make up\n"


@pytest.mark.parametrize("words", [["nonsense"], [], ["up", "--images", "nowhere"], ["--cluster", "../x", "status"]])
def test_a_wrong_command_is_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 64
    assert capsys.readouterr().err


def test_an_unknown_component_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "nonsense"]) == 64
    told = capsys.readouterr().err
    assert "'nonsense'" in told
    assert "high-availability, istio" in told


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "preflight" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (Problem("it broke", why="so", fix="mend it"), 69, ["it broke", "why: so", "fix: mend it"]),
        (Usage("wrong", fix="right"), 64, ["wrong", "fix: right"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)
def test_what_ends_a_command_gives_its_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    told: list[str],
) -> None:
    def fails(_: Any) -> int:
        raise raised

    monkeypatch.setattr(commands, "run", fails)
    assert main(["status"]) == code
    error = capsys.readouterr().err
    assert all(part in error for part in told)


def test_an_api_server_that_fails_is_no_traceback_but_a_bug_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.client import ApiException
    from urllib3.exceptions import ProtocolError

    raised: list[Exception] = [ApiException(status=500), ProtocolError("reset"), ZeroDivisionError()]

    def fails(_: Any) -> int:
        raise raised.pop(0)

    monkeypatch.setattr(commands, "run", fails)
    assert (main(["status"]), main(["status"])) == (69, 69)
    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_a_broken_kubeconfig_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    paths.state("resilience").mkdir(parents=True)
    paths.kubeconfig("resilience").write_text("}{")
    assert main(["status"]) == 69
    assert str(paths.kubeconfig("resilience")) in capsys.readouterr().err


def test_an_empty_name_in_the_environment_is_no_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESILIENCE_CLUSTER", "")
    assert main(["status"]) == 69
    assert "'resilience'" in capsys.readouterr().err


def test_passwords_are_made_once_kept_and_readable_by_nobody_else() -> None:
    cluster: Any = SimpleNamespace(name="x")
    made = credentials.of(cluster)
    assert set(made) == set(credentials.NAMES)
    assert len(set(made.values())) == len(made)
    assert all(len(password) >= 32 for password in made.values())
    assert credentials.of(cluster) == made
    assert (paths.state("x") / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert credentials.of(SimpleNamespace(name="y")) != made  # type: ignore[arg-type]


def test_a_new_name_gets_a_password_and_the_old_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = SimpleNamespace(name="x")
    made = credentials.of(cluster)
    monkeypatch.setattr(credentials, "NAMES", (*credentials.NAMES, "new"))
    assert credentials.of(cluster) == made | {"new": credentials.of(cluster)["new"]}


def test_components_that_are_prepared_at_once_get_the_same_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(1000))

    def slow(_: int) -> str:
        waiting.pause(0.01)
        return f"password {next(numbers)}"

    monkeypatch.setattr("secrets.token_urlsafe", slow)
    cluster: Any = SimpleNamespace(name="x")
    begin = threading.Barrier(8)
    made: list[dict[str, str]] = []

    def of() -> None:
        begin.wait()
        made.append(credentials.of(cluster))

    threads = [threading.Thread(target=of) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == made[0] for each in made)


UV = """
case "$1 $2" in
  "python find") [ -n "$FAKE_FOUND" ] && echo "$FAKE_FOUND" || exit 1 ;;
  "python install") exit 1 ;;
  "venv --quiet") mkdir -p .venv; [ -z "$FAKE_BAD_PYTHON" ] ;;
  "pip sync") [ -z "$FAKE_OFFLINE" ] ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has only what setup.sh reads, and a PATH without uv and Python."""
    (tmp_path / "checkout" / "deploy").mkdir(parents=True)
    shutil.copy2(paths.DEPLOY / "setup.sh", tmp_path / "checkout" / "deploy")
    (tmp_path / "checkout" / "requirements.lock").write_text("a==1")
    for tool in ("sh", "dirname", "sha256sum", "cut", "mkdir", "rm", "touch"):
        found = shutil.which(tool)
        assert found
        (tmp_path / "tools").mkdir(exist_ok=True)
        (tmp_path / "tools" / tool).symlink_to(found)
    return tmp_path / "checkout"


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = checkout.parent / "tools"
    env = {"PATH": str(tools), "HOME": str(checkout.parent), **environment}
    argv = [checkout / "deploy" / "setup.sh"]
    return subprocess.run(argv, env=env, cwd=os.sep, capture_output=True, text=True, check=False)


def test_set_up_takes_the_python_that_uv_finds_and_does_nothing_twice(checkout: Path) -> None:
    tools = checkout.parent / "tools"
    fake(tools, "uv", UV)
    first = set_up(checkout, FAKE_FOUND="/found/python")
    assert (first.returncode, first.stdout + first.stderr) == (0, "")
    assert "venv --quiet --allow-existing --python /found/python .venv" in calls(tools, "uv")
    before = len(calls(tools, "uv"))
    assert set_up(checkout).returncode == 0
    assert len(calls(tools, "uv")) == before
    (checkout / "requirements.lock").write_text("a==2")
    assert set_up(checkout, FAKE_FOUND="/found/python").returncode == 0
    assert len(calls(tools, "uv")) > before
    assert len(list((checkout / ".venv").glob("installed-*"))) == 1


def test_set_up_prefers_the_python_that_the_user_names(checkout: Path) -> None:
    tools = checkout.parent / "tools"
    fake(tools, "uv", UV)
    assert set_up(checkout, UV_PYTHON="/mine/python", FAKE_FOUND="/found/python").returncode == 0
    assert not [call for call in calls(tools, "uv") if call.startswith("python find")]
    assert "venv --quiet --allow-existing --python /mine/python .venv" in calls(tools, "uv")


def test_set_up_finds_the_interpreters_of_pyenv(checkout: Path) -> None:
    tools = checkout.parent / "tools"
    fake(tools, "uv", UV)
    python = fake(checkout.parent / "pyenv" / "versions" / "3.13.1" / "bin", "python", "")
    assert set_up(checkout, PYENV_ROOT=str(checkout.parent / "pyenv")).returncode == 0
    assert f"venv --quiet --allow-existing --python {python} .venv" in calls(tools, "uv")


@pytest.mark.parametrize(
    ("uv", "environment", "said"),
    [
        (None, {}, "neither uv nor python3 is installed"),
        (UV, {}, "no Python >= 3.12 was found"),
        (UV, {"UV_PYTHON": "/bad", "FAKE_BAD_PYTHON": "1"}, "/bad cannot make the environment"),
        (UV, {"FAKE_FOUND": "/found", "FAKE_OFFLINE": "1"}, "packages could not be installed"),
    ],
)
def test_set_up_says_what_is_missing_and_is_not_taken_for_done(
    checkout: Path, uv: str | None, environment: dict[str, str], said: str
) -> None:
    if uv:
        fake(checkout.parent / "tools", "uv", uv)
    done = set_up(checkout, **environment)
    assert (done.returncode, done.stdout) == (69, "")
    assert said in done.stderr
    assert "  fix: " in done.stderr
    assert not list(checkout.glob(".venv/installed-*"))
