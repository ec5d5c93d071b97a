"""Programs and recipes: kept under what they are made from, no more and no less."""

import hashlib
from pathlib import Path

import pytest

from deploy import paths
from deploy.errors import Problem, Usage
from deploy.images import catalogue, docker, programs, recipes, sources
from deploy.images.catalogue import Catalogue, Graph, Node
from tests.component.fake_tools import calls, fake


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one Go graph, and a cache of its own."""
    monkeypatch.setattr(paths, "DEPLOY", tmp_path / "deploy")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "deploy" / "images" / "go" / "g"
    for name in ("mine", "other"):
        (folder / name).mkdir(parents=True)
        (folder / name / "main.go").write_text("package main")
    (folder / "go.mod").write_text("module resilience.test/g")
    (folder / "go.sum").write_text("")
    return folder


def of(*flags: str) -> Catalogue:
    packages = {"mine": "resilience.test/g/mine", "other": "resilience.test/g/other", "kind": "sigs.k8s.io/kind"}
    node = Node(pull="docker.io/kindest/node:v1.2.3", version="v1.2.3", programs=(), extra={})
    return Catalogue(image={}, node=node, go={"g": Graph(programs=packages, ldflags=flags)})


def places(*flags: str) -> dict[str, Path]:
    return {name: programs.program(of(*flags), name) for name in ("mine", "other", "kind")}


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_change_of_the_graph_changes_every_program(graph: Path, file: str) -> None:
    before = places()
    (graph / file).write_text("changed")
    assert all(places()[name] != before[name] for name in before)


def test_a_change_of_own_sources_changes_that_program_only(graph: Path) -> None:
    before = places()
    (graph / "mine" / "main.go").write_text("package main // changed")
    assert [name for name, place in places().items() if place != before[name]] == ["mine"]


def test_linker_flags_count(graph: Path) -> None:
    assert places()["kind"] != places("-X a=b")["kind"]


def test_programs_of_one_content_have_one_place(graph: Path) -> None:
    assert places() == places()
    assert len({place.parent for place in places().values()}) == 3


def test_an_unknown_program_is_told(graph: Path) -> None:
    with pytest.raises(Usage, match="nothing"):
        programs.program(of(), "nothing")


def test_only_what_is_missing_is_built_and_a_failed_build_leaves_nothing(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    body = '[ "$1" = env ] && echo go1.26.8 && exit 0\n[ "$1" = list ] && exit 0\n'
    fake(tools, "go", body + "echo 'undefined: x' >&2; exit 1")
    with pytest.raises(Problem, match="could not be built") as caught:
        programs.build(of(), ["mine"], lambda _: None)
    assert "undefined: x" in caught.value.why
    assert not places()["mine"].exists()
    writes = 'while [ "$1" != -o ]; do shift; done; out=$2; shift 2; for p; do echo hi >"$out/${p##*/}"; done'
    fake(tools, "go", body + writes)
    programs.build(of(), ["mine", "mine"], lambda _: None)
    assert places()["mine"].read_text() == "hi\n"
    before = len(calls(tools, "go"))
    programs.build(of(), ["mine"], lambda _: None)
    assert len(calls(tools, "go")) == before
    assert list((tmp_path / "cache" / "resilience-suite").glob("go-*")) == []


def test_a_module_that_cannot_be_fetched_is_told_before_anything_is_built(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    fake(tools, "go", '[ "$1" = env ] && echo go1.26.8 && exit 0\necho "dial tcp: no route" >&2; exit 1')
    with pytest.raises(Problem, match="fetching the Go modules of g") as caught:
        programs.build(of(), ["mine"], lambda _: None)
    assert "no route" in caught.value.why
    assert not [call for call in calls(tools, "go") if call.startswith("build")]


@pytest.mark.parametrize(("script", "said"), [(None, "was not found"), ("echo go1.21.3", "too old")])
def test_go_that_is_missing_or_too_old_is_told_with_its_fix(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    if script:
        fake(tmp_path / "tools", "go", script)
    with pytest.raises(Problem, match=said) as caught:
        programs.build(of(), ["mine"], lambda _: None)
    assert "install Go" in caught.value.fix


def test_the_fingerprint_of_a_context_changes_with_content_name_and_executable_bit(tmp_path: Path) -> None:
    file = tmp_path / "script"
    seen = []
    for change in (
        lambda: file.write_text("a"),
        lambda: file.write_text("b"),
        lambda: file.chmod(0o755),
        lambda: file.rename(tmp_path / "other"),
    ):
        change()
        seen.append(recipes._fingerprint(tmp_path))
    assert len(set(seen)) == 4
    assert recipes._fingerprint(tmp_path) == seen[-1]


def test_a_context_is_the_recipe_the_programs_and_the_extra_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module"
    (module / "etc").mkdir(parents=True)
    for name, text in (("etc/hook", "#!/bin/sh"), ("etc/data", "x"), ("plain.json", "{}")):
        (module / name).write_text(text)
        (module / name).chmod(0o444)  # as Go keeps its modules
    monkeypatch.setattr(
        programs, "module_folder", lambda graph, name: module if (graph, name) == ("g", "m/n") else None
    )
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    recipe = tmp_path / "recipe"
    (recipe / "__pycache__").mkdir(parents=True)
    (recipe / "Dockerfile").write_text("FROM x")
    (tmp_path / "mine.py").write_text("print()")
    binary = fake(tmp_path, "program", "")
    context = tmp_path / "context"
    extra = {"files": "go:g:m/n:etc", "deep/plain.json": "go:g:m/n:plain.json", "mine.py": "mine.py"}
    recipes.assemble(context, recipe, {"bin/program": binary}, extra)
    found = {
        str(path.relative_to(context)): path.stat().st_mode & 0o777 for path in context.rglob("*") if path.is_file()
    }
    assert found == {
        "Dockerfile": found["Dockerfile"],
        "bin/program": 0o755,
        "files/hook": 0o755,
        "files/data": 0o644,
        "deep/plain.json": 0o644,
        "mine.py": 0o644,
    }


def test_a_missing_recipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no recipe nothing/Dockerfile"):
        recipes.assemble(tmp_path / "context", tmp_path / "nothing", {}, {})


def test_the_base_gets_its_name_only_when_the_whole_archive_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    import_ok = '[ "$1" = image ] && exit 1; [ "$1" = import ] && cat >/dev/null && echo sha256:made; exit 0'
    fake(tools, "docker", import_ok)
    fake(tools, "debootstrap", 'mkdir -p "$4"')
    fake(tools, "apt-get", "")
    fake(tools, "tar", "echo part; exit 2")
    with pytest.raises(Problem, match="could not be imported"):
        recipes.base(tmp_path / "first")
    assert [call for call in calls(tools, "docker") if not call.startswith("image")] == ["import -"]  # unnamed
    fake(tools, "tar", "echo whole")
    reference = recipes.base(tmp_path / "second")
    assert calls(tools, "docker")[-1] == f"tag sha256:made {reference}"


@pytest.mark.parametrize(
    ("mirror", "reference", "pulled"),
    [
        (None, "docker.io/a/b:1.2.3", "docker.io/a/b:1.2.3"),
        ("local:5000", "docker.io/a/b:1.2.3", "local:5000/a/b:1.2.3"),
        (None, "docker.io/a/b:1.2.3@sha256:00", "docker.io/a/b@sha256:00"),
        ("local:5000", "docker.io/a/b:1.2.3@sha256:00", "local:5000/a/b@sha256:00"),
    ],
)
def test_a_pull_goes_by_digest_where_there_is_one_and_keeps_the_public_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str | None, reference: str, pulled: str
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    fake(tmp_path, "docker", "")
    assert docker.pull(reference, mirror=mirror) == "docker.io/a/b:1.2.3"
    assert calls(tmp_path, "docker") == [f"pull --quiet {pulled}", f"tag {pulled} docker.io/a/b:1.2.3"]


def test_prune_removes_old_hashes_and_leaves_used_images_and_names_inside_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, old, inside = f"resilience.local/a:{'1' * 16}", f"resilience.local/a:{'2' * 16}", "resilience.local/cni:node"
    fake(tmp_path, "docker", f'[ "$1" = images ] && printf "{used}\\n{old}\\n{inside}\\n"; exit 0')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(sources, "_remembered", lambda _kept: sources.Images("build", "n", {"a": used}))
    assert sources.prune(catalogue.load()) == [old]
    assert [call for call in calls(tmp_path, "docker") if call.startswith("rmi")] == [f"rmi {old}"]


def test_prune_refuses_when_it_cannot_tell_old_from_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_remembered", lambda _kept: None)
    with pytest.raises(Problem):
        sources.prune(catalogue.load())


def test_java_libraries_are_fetched_by_maven_and_must_be_those_that_were_agreed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, context = tmp_path / "tools", tmp_path / "context"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    writes = "for word; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done; mkdir -p $out"
    fake(tools, "mvn", f"{writes}; echo content >$out/a.jar")
    context.mkdir()
    recipes._install_jars(context)
    assert calls(tools, "mvn") == []  # no pom.xml, nothing to do
    (context / "pom.xml").write_text("<project/>")
    agreed = f"{hashlib.sha256(b'content\n').hexdigest()}  a.jar\n"
    (context / "jars.sha256").write_text(agreed)
    recipes._install_jars(context)
    assert (context / "lib" / "a.jar").read_text() == "content\n"
    for other in (agreed.replace(agreed[:8], "00000000"), "", agreed + agreed.replace("a.jar", "b.jar")):
        (context / "jars.sha256").write_text(other)
        with pytest.raises(Problem, match="not those that were agreed on"):
            recipes._install_jars(context)
