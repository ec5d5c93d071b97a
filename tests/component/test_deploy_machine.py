"""What is asked of this machine: preflight, the engine, and the runtime that asks for one capability less."""

import json
import subprocess
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import engine, paths, preflight
from deploy.errors import Problem
from deploy.images import catalogue, programs
from deploy.images.sources import TOOLS
from deploy.preflight import Finding
from tests.component.fake_tools import fake

GIB = 2**30
CAPABILITY = "CAP_SYS_RESOURCE"
SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; the state and the cache are empty."""
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    (tmp_path / "tools").mkdir()
    return tmp_path / "tools"


def of(monkeypatch: pytest.MonkeyPatch, **texts: str) -> None:
    """Answers every Path.read_text whose path ends in one of `texts`, and every `exists` by whether it is one."""
    monkeypatch.setattr(Path, "read_text", lambda self: texts[self.name])
    monkeypatch.setattr(Path, "exists", lambda self: self.name.partition(".")[0] in texts)


@pytest.mark.parametrize(
    ("system", "machine", "level"),
    [
        ("Linux", "x86_64", "ok"),
        ("Linux", "aarch64", "ok"),
        ("Darwin", "arm64", "missing"),
        ("Linux", "i686", "missing"),
    ],
)
def test_system(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, level: str) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert preflight._system().level == level
    if level == "missing":
        assert [finding.name for finding in preflight.check("x")] == ["system"]  # the rest reads what Linux has


@pytest.mark.parametrize(("gib", "level"), [(9.9, "missing"), (10, "ok")])
def test_memory(monkeypatch: pytest.MonkeyPatch, gib: float, level: str) -> None:
    of(monkeypatch, meminfo=f"MemTotal: 99 kB\nMemAvailable:   {int(gib * 2**20)} kB")
    assert preflight._memory().level == level


@pytest.mark.parametrize(("gib", "level"), [(24, "missing"), (25, "ok")])
def test_disk_counts_the_fuller_place(monkeypatch: pytest.MonkeyPatch, tools: Path, gib: int, level: str) -> None:
    monkeypatch.setattr(preflight, "_existing", lambda place: place)
    monkeypatch.setattr(
        "shutil.disk_usage", lambda place: SimpleNamespace(free=(gib if "docker" in str(place) else 99) * GIB)
    )
    assert preflight._disk().level == level


@pytest.mark.parametrize(("limit", "user", "level"), [("99999999", 1, "ok"), ("128", 0, "ok"), ("128", 1, "missing")])
def test_inotify(monkeypatch: pytest.MonkeyPatch, limit: str, user: int, level: str) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    of(monkeypatch, **dict.fromkeys(engine.INOTIFY, limit))
    found = preflight._inotify()
    assert found.level == level
    assert ("sudo sysctl fs.inotify.max_user_instances=8192" in found.fix) == (level == "missing")


def test_inotify_that_cannot_be_read_is_not_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_inotify_limit", lambda _: int(Path("/nowhere").read_text()))
    assert preflight._inotify().level == "limited"


@pytest.mark.parametrize(("there", "level"), [("cgroup", "ok"), ("freezer", "ok"), ("nothing", "missing")])
def test_cgroup(monkeypatch: pytest.MonkeyPatch, there: str, level: str) -> None:
    of(monkeypatch, **{there: ""})
    assert preflight._cgroup().level == level


@pytest.mark.parametrize(
    ("script", "level", "fix"),
    [
        ("exit 0", "ok", ""),
        ("echo 'sh: 1: tc: not found' >&2; exit 127", "limited", "install iproute2"),
        ("echo 'Error: Specified qdisc kind is unknown.' >&2; exit 2", "limited", "sch_netem"),
        (None, "limited", "util-linux"),
    ],
)
def test_netem(tools: Path, script: str | None, level: str, fix: str) -> None:
    if script:
        fake(tools, "unshare", script)
    found = preflight._netem()
    assert found.level == level
    assert fix in found.fix


@pytest.mark.parametrize(("text", "level"), [("nodev overlay", "ok"), ("nodev tmpfs", "missing")])
def test_overlay(monkeypatch: pytest.MonkeyPatch, text: str, level: str) -> None:
    of(monkeypatch, filesystems=text)
    assert preflight._overlay().level == level


def test_docker(monkeypatch: pytest.MonkeyPatch, tools: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert preflight._docker().level == "missing"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(engine, "is_debian", lambda: False)
    assert preflight._docker().level == "missing"
    fake(tools, "dockerd", "")
    assert preflight._docker().level == "ok"
    fake(tools, "docker", "exit 0")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert preflight._docker().level == "ok"


@pytest.mark.parametrize(
    ("look", "name"), [(preflight._openssl, "openssl"), (lambda: preflight._go(building=True), "go")]
)
def test_programs(tools: Path, look: Any, name: str) -> None:
    assert (look().name, look().level, bool(look().fix)) == (name, "missing", True)
    fake(tools, name, "")
    assert (look().level, look().fix) == ("ok", "")


def test_go_is_not_needed_once_the_tools_are_built(tools: Path) -> None:
    assert preflight._go(building=False).level == "missing"
    for name in TOOLS:
        built = programs.program(catalogue.load(), name)
        built.parent.mkdir(parents=True, exist_ok=True)
        built.touch()
    assert preflight._go(building=False).level == "ok"
    assert preflight._go(building=True).level == "missing"


def test_require_names_every_missing_thing_at_once_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [
        Finding("a", "ok", "fine"),
        Finding("b", "missing", "no b", "get b"),
        Finding("c", "limited", "half a c", "get c"),
        Finding("d", "missing", "no d", "get d"),
    ]
    monkeypatch.setattr(preflight, "check", lambda *_, **__: findings)
    with pytest.raises(Problem, match="lacks 2 things: b, d") as caught:
        preflight.require("x", building=True)
    assert caught.value.why == "b: no b\nd: no d"
    assert caught.value.fix == "b: get b\nd: get d"
    assert [finding.name for finding in preflight.limits("x")] == ["c"]
    monkeypatch.setattr(preflight, "check", lambda *_, **__: findings[:1])
    preflight.require("x", building=True)


def test_a_standing_clusters_own_use_of_memory_is_not_held_against_it(
    monkeypatch: pytest.MonkeyPatch, tools: Path
) -> None:
    for name in ("_docker", "_memory", "_disk", "_inotify", "_cgroup", "_netem", "_overlay"):
        monkeypatch.setattr(preflight, name, lambda name=name: Finding(name, "ok", ""))
    assert "_memory" in {finding.name for finding in preflight.check("x")}
    paths.kubeconfig("x").parent.mkdir(parents=True)
    paths.kubeconfig("x").touch()
    assert not {"_memory", "_disk"} & {finding.name for finding in preflight.check("x")}


@pytest.mark.parametrize(
    ("bits", "may"), [("000001ffffffffff", True), ("000001fffeffffff", False), ("0000000001000000", True)]
)
def test_the_bounding_set_says_whether_limits_may_be_raised(bits: str, may: object) -> None:
    assert engine.may_raise_limits(f"Name:\tx\nCapEff:\t0000000000000000\nCapBnd:\t{bits}\n") == may


def test_an_engine_that_runs_but_is_slow_gets_no_rival(
    monkeypatch: pytest.MonkeyPatch, tools: Path, tmp_path: Path
) -> None:
    comm = subprocess.Popen(["/bin/sleep", "60"])
    try:
        monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
        engine.PID_FILE.write_text(str(comm.pid))
        assert not engine._runs()  # the number was used again by something else
    finally:
        comm.kill()
        comm.wait()
    assert not engine._runs()
    monkeypatch.setattr(engine, "_runs", lambda: True)
    asked = count()
    monkeypatch.setattr(engine, "answers", lambda: next(asked) > 1)
    fake(tools, "dockerd", "exit 1")
    engine._start()
    assert engine.PID_FILE.exists()
    assert not (tools / "dockerd.calls").exists()


def test_an_engine_that_was_just_ending_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, tools: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
    asked = count()
    monkeypatch.setattr(engine, "_runs", lambda: next(asked) < 2)
    monkeypatch.setattr(engine, "answers", (tools / "dockerd.calls").exists)
    fake(tools, "dockerd", "exec /bin/sleep 5")
    engine._start()
    assert (tools / "dockerd.calls").exists()


def test_no_engine_is_started_in_place_of_one_that_docker_host_names(
    monkeypatch: pytest.MonkeyPatch, tools: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2375")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(Problem, match=r"tcp://far:2375"):
        engine.ensure()


def configuration(*, spaced: bool) -> tuple[str, dict[str, Any]]:
    """A container's config.json as Docker writes it, and what it says."""
    process = {
        "args": ["sh", "-c", '"bounding":["CAP_SYS_RESOURCE"]', CAPABILITY],
        "env": [f"WANTED={CAPABILITY}"],
        "capabilities": {
            "bounding": ["CAP_CHOWN", CAPABILITY, "CAP_SYS_ADMIN"],
            "effective": [CAPABILITY, "CAP_CHOWN"],
            "permitted": ["CAP_CHOWN", CAPABILITY],
            "inheritable": [CAPABILITY],
            "ambient": [],
        },
        "rlimits": [{"type": "RLIMIT_MEMLOCK", "hard": 18446744073709551615, "soft": 18446744073709551615}],
        "oomScoreAdj": -999,
    }
    said = {"ociVersion": "1.2.0", "process": process, "linux": {"resources": {"memory": {"limit": 2**63 - 1}}}}
    return json.dumps(said, indent=2 if spaced else None, separators=None if spaced else (",", ":")), said


@pytest.mark.parametrize("spaced", [True, False])
@pytest.mark.parametrize(
    "form", [("create", "--bundle", "B", "id"), ("run", "-b", "B", "id"), ("create", "--bundle=B", "id")]
)
def test_the_runtime_strips_one_capability_and_nothing_else(
    tmp_path: Path, form: tuple[str, ...], spaced: object
) -> None:
    assert_stripped(tmp_path, tmp_path / "b u" / "config.json", tmp_path / "b u", form, spaced=bool(spaced))


@pytest.mark.parametrize(
    "form", [("exec", "--process", "B", "id"), ("exec", "-p", "B", "id"), ("exec", "--process=B", "id")]
)
def test_the_runtime_strips_it_from_a_further_process_too(tmp_path: Path, form: tuple[str, ...]) -> None:
    assert_stripped(tmp_path, tmp_path / "process.json", tmp_path / "process.json", form, spaced=False)


def assert_stripped(folder: Path, file: Path, named: Path, form: tuple[str, ...], *, spaced: bool) -> None:
    text, said = configuration(spaced=spaced)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    fake(folder / "tools", "runc", 'for word; do printf "[%s]" "$word"; done; exit 7')
    words = ["--root", "/r", *(word.replace("B", str(named)) for word in form)]
    shim = Path(engine.__file__).with_name("runc-nocap")
    done = subprocess.run(
        [shim, *words], env={"PATH": f"{folder / 'tools'}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, "".join(f"[{word}]" for word in words)), done.stderr
    for name in SETS:
        said["process"]["capabilities"][name] = [
            capability for capability in said["process"]["capabilities"][name] if capability != CAPABILITY
        ]
    assert json.loads(file.read_text()) == said
    assert sorted(path.name for path in file.parent.iterdir()) == sorted(
        {file.name, *(["tools"] if file.parent == folder else [])}
    )


def test_the_runtime_leaves_other_commands_alone(tmp_path: Path) -> None:
    fake(tmp_path, "runc", "echo listed")
    shim = Path(engine.__file__).with_name("runc-nocap")
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([shim, "state", "--bundle", "/nowhere"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "listed\n", "")
