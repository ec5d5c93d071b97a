"""Go programs from the module graphs: built once per content, several graphs share the compiler's own cache.

A program is kept under the hash of its graph's go.mod and go.sum, our own sources in it, its package and linker flags.
A build that was cut off goes on where it was, because the Go build cache keeps every finished package.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy import paths
from deploy.errors import Problem, Usage
from deploy.images.catalogue import Catalogue, Graph
from deploy.shell import run, tail

OUR_MODULES = "resilience.test"
FETCH_S = 1200
GO_FIX = "install Go 1.26 or newer (https://go.dev/dl), or use --images pull where a registry can be reached"


def graph_folder(graph: str) -> Path:
    """Returns the folder with the go.mod of a graph."""
    return paths.DEPLOY / "images" / "go" / graph


def program(catalogue: Catalogue, name: str) -> Path:
    """Returns where a built program is kept; it need not exist yet."""
    for graph_name, graph in catalogue.go.items():
        if name in graph.programs:
            return paths.cache() / "bin" / _key(graph_name, graph, name) / name
    raise Usage(f"no Go program is called {name!r}", fix="add it to [go.*.programs] of the image catalogue")


def build(catalogue: Catalogue, names: Iterable[str], say: Callable[[str], None] = print) -> None:
    """Builds those of the named programs that are not there yet, each graph in one go.

    Raises:
        Problem: Go is missing or too old, a module cannot be had, or the build fails.
    """
    missing = [name for name in dict.fromkeys(names) if not program(catalogue, name).exists()]
    wanted = {
        graph_name: there
        for graph_name, graph in catalogue.go.items()
        if (there := [name for name in missing if name in graph.programs])
    }
    if not wanted:
        return
    _require_go()
    with ThreadPoolExecutor(1) as network:  # fetches for the next graph while this one keeps the processors busy
        fetched = {
            graph_name: network.submit(_fetch, catalogue, graph_name, wanted[graph_name]) for graph_name in wanted
        }
        for graph_name, there in wanted.items():
            fetched[graph_name].result()
            say(f"building {len(there)} Go programs ({graph_name}): {', '.join(there)}")
            _build(catalogue, graph_name, catalogue.go[graph_name], there)


def module_folder(graph: str, module: str) -> Path:
    """Returns where Go keeps the files of a module of a graph (downloaded and checked if it is not there)."""
    folder = graph_folder(graph)
    run(["go", "mod", "download", module], what=f"fetching the Go module {module}", cwd=folder, fix=GO_FIX)
    found = run(["go", "list", "-m", "-f", "{{.Dir}}", module], what=f"looking for the Go module {module}", cwd=folder)
    return Path(found.strip())


def _key(graph_name: str, graph: Graph, name: str) -> str:
    folder = graph_folder(graph_name)
    digest = hashlib.sha256()
    package = graph.programs[name]
    ours = sorted((folder / package.rpartition("/")[2]).glob("*.go")) if package.startswith(f"{OUR_MODULES}/") else []
    for file in (folder / "go.mod", folder / "go.sum", *ours):
        digest.update(file.read_bytes())
    digest.update(repr((package, graph.ldflags)).encode())
    return digest.hexdigest()[:16]


def _require_go() -> None:
    if shutil.which("go") is None:
        raise Problem("Go is needed to build the images and was not found", fix=GO_FIX)
    version = run(["go", "env", "GOVERSION"], what="asking Go for its version").strip()
    match = re.match(r"go1\.(\d+)", version)
    if match and int(match[1]) < 26:
        raise Problem(f"Go {version.removeprefix('go')} is too old to build the images", fix=GO_FIX)


def _fetch(catalogue: Catalogue, graph_name: str, names: list[str]) -> None:
    """Brings the modules that some programs of a graph are made of."""
    packages = [catalogue.go[graph_name].programs[name] for name in names]
    run(
        ["go", "list", "-deps", "-f", "", *packages],
        what=f"fetching the Go modules of {graph_name}",
        cwd=graph_folder(graph_name),
        fix="check the network and run again: what was fetched is kept",
        timeout_s=FETCH_S,
    )


def _build(catalogue: Catalogue, graph_name: str, graph: Graph, names: list[str]) -> None:
    flags = " ".join(("-s", "-w", *graph.ldflags))
    (paths.cache() / "bin").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix="go-") as out:
        # What the linker would strip (-w) is not compiled first: that is a tenth of the compiler's time.
        argv = ["go", "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", flags]
        done = subprocess.run(
            [*argv, "-o", f"{out}/", *(graph.programs[name] for name in names)],
            cwd=graph_folder(graph_name),
            # The compiler spends a good part of its time on collecting garbage; memory is what these machines have.
            env={"GOGC": "400", **os.environ, "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Problem(
                f"the Go programs of {graph_name} could not be built",
                why=tail(done.stderr),
                fix="if a module could not be fetched, check the network and run again: finished packages are kept",
            )
        for name in names:
            target = program(catalogue, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            (Path(out) / _output_name(graph.programs[name])).replace(target)


def _output_name(package: str) -> str:
    """Go names a program after the last element of its package, leaving out a major version."""
    *_, parent, last = package.split("/")
    return parent if re.fullmatch(r"v\d+", last) else last
