"""Builds images from their recipes (a folder with a Dockerfile), each under a tag that is the hash of its content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy import packages, paths
from deploy.errors import Problem
from deploy.images import docker, programs
from deploy.images.catalogue import Catalogue, Image
from deploy.shell import run

DEBIAN_RELEASE = "bookworm"
DEBIAN_PACKAGES = "ca-certificates"
PYTHON_OF_DEBIAN = "3.11"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
NEEDS_DEBOOTSTRAP = "install debootstrap, or use --images pull where a registry can be reached"


def base(scratch: Path) -> str:
    """Builds the Debian base image with debootstrap and returns its reference."""
    overlay = paths.DEPLOY / "images" / "debian"
    reference = f"{docker.PREFIX}/debian:{_digest(DEBIAN_RELEASE, DEBIAN_PACKAGES, _fingerprint(overlay))}"
    if docker.exists(reference):
        return reference
    if shutil.which("debootstrap") is None:
        packages.install("debootstrap", what="installing debootstrap", fix=NEEDS_DEBOOTSTRAP, within_s=300)
    root = scratch / "debian"
    options = ["--variant=minbase", f"--include={DEBIAN_PACKAGES}", DEBIAN_RELEASE, str(root)]
    run(
        ["debootstrap", *options, *_mirror()],
        what="making a Debian root file system",
        fix="debootstrap needs root and the distribution's package registry",
        timeout_s=900,
    )
    shutil.copytree(overlay, root, dirs_exist_ok=True)
    for left_over in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / left_over, ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(["docker", "import", "-"], stdin=tar.stdout, capture_output=True, text=True, check=False)
    if done.returncode or tar.returncode:
        raise Problem(
            "the Debian base image could not be imported", why=done.stderr, fix="check the space left for Docker"
        )
    # Named last: Docker cannot tell an archive that was cut off between two files from a whole one.
    run(["docker", "tag", done.stdout.strip(), reference], what=f"naming {reference}")
    return reference


def _mirror() -> list[str]:
    """The mirror that this machine itself uses, if it is a Debian of the same release; else debootstrap's default."""
    if shutil.which("apt-get") is None:
        return []
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {DEBIAN_RELEASE}"],
        what="asking apt for its mirror",
    )
    return listed.split()[:1]


def build(catalogue: Catalogue, image: Image, base_reference: str) -> str:
    """Builds one image on the base and returns its reference; nothing is done when that content was built before."""
    with tempfile.TemporaryDirectory(prefix=f"image-{image.name}-") as folder:
        context = Path(folder)
        names = [*image.programs, *([image.entry] if image.entry else [])]
        files = {f"bin/{name}": programs.program(catalogue, name) for name in names}
        assemble(context, image.folder, files, image.extra)
        arguments = {"BASE": base_reference, **({"ENTRY": image.entry} if image.entry else {})}
        return build_context(image.name, context, arguments)


def build_context(name: str, context: Path, arguments: Mapping[str, str]) -> str:
    """Builds a context unless an image of the same content stands already; returns the reference."""
    reference = f"{docker.PREFIX}/{name}:{_digest(_fingerprint(context), repr(sorted(arguments.items())))}"
    if not docker.exists(reference):
        _install_wheels(context)
        _install_jars(context)
        docker.build(context, reference, arguments)
    return reference


def assemble(context: Path, recipe: Path, files: Mapping[str, Path], extra: Mapping[str, str]) -> None:
    """Lays out a build context: the recipe, files by name, and what the catalogue calls `extra`."""
    if not (recipe / "Dockerfile").exists():
        raise Problem(
            f"there is no recipe {recipe.name}/Dockerfile", fix="add it, or name another recipe in the catalogue"
        )
    shutil.copytree(recipe, context, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, file in {**files, **{name: _located(place) for name, place in extra.items()}}.items():
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            shutil.copytree(file, target, copy_function=_copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            _copy(str(file), str(target))


def _copy(source: str, target: str) -> None:
    """Copies content and whether it can be run; a Go module's files are read-only, which would block the clean-up."""
    shutil.copyfile(source, target)
    executable = os.access(source, os.X_OK) or Path(source).read_bytes()[:2] == b"#!"
    Path(target).chmod(0o755 if executable else 0o644)


def _located(place: str) -> Path:
    """Finds what `extra` names: a path of the checkout, or go:<graph>:<module>:<path in the module>."""
    if place.startswith("go:"):
        _, graph, module, path = place.split(":")
        return programs.module_folder(graph, module) / path
    return paths.ROOT / place


def _install_wheels(context: Path) -> None:
    """Puts an image's Python packages into its context: fetched on the host, which can reach the registry."""
    requirements = context / "requirements.txt"
    if not requirements.exists():
        return
    target = [
        "--target",
        str(context / "site-packages"),
        "--python-version",
        PYTHON_OF_DEBIAN,
        "--only-binary",
        ":all:",
    ]
    run(
        [uv(), "pip", "install", "--quiet", "--no-deps", *target, "--require-hashes", "--requirement", requirements],
        what=f"installing the Python packages of {context.name}",
        fix="check the network; the versions and hashes stand in the recipe's requirements.txt",
        timeout_s=600,
    )


def _install_jars(context: Path) -> None:
    """Puts an image's Java libraries into its context: fetched on the host by Maven, exactly those of jars.sha256."""
    if not (context / "pom.xml").exists():
        return
    fix = "check the network; the libraries stand in the recipe's pom.xml and jars.sha256"
    if shutil.which("mvn") is None:
        packages.install("maven", what="installing Maven", fix=fix, within_s=600)
    lib = context / "lib"
    run(
        ["mvn", "--batch-mode", "--quiet", "--file", context / "pom.xml", COPY_JARS, f"-DoutputDirectory={lib}"],
        what=f"fetching the Java libraries of {context.name}",
        fix=fix,
        timeout_s=900,
    )
    listed = set((context / "jars.sha256").read_text().splitlines())
    found = {f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}" for jar in lib.iterdir()}
    if listed != found:
        names = sorted({line.split()[1] for line in listed ^ found})
        raise Problem("the Java libraries are not those that were agreed on", why=", ".join(names), fix=fix)


def uv() -> str:
    """Returns the uv that set this project up: from the environment, PATH or our cache."""
    kept = paths.cache() / "uv" / "bin" / "uv"
    return os.environ.get("UV") or shutil.which("uv") or str(kept)


def _fingerprint(context: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in context.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(context)} {os.access(file, os.X_OK)}\n".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
