"""The image catalogue: nothing floats, nothing is missing, and every manifest finds its images in it."""

import re

import pytest
import yaml

from deploy import paths
from deploy.errors import Problem, Usage
from deploy.images import catalogue, programs
from deploy.images.catalogue import parse, refuse_floating

REAL = catalogue.load()
NODE = '[node]\npull = "docker.io/kindest/node:v1.2.3"\nversion = "v1.2.3"\nprograms = []\nextra = {}\n[go]\n'
DIGEST = "@sha256:" + "a" * 64
USED = re.compile(r"(?:^|[\s{,-])image: *\"?([^\s\"},#$]+)|\$\{image:([\w-]+)\}", re.MULTILINE)


@pytest.mark.parametrize(
    "reference",
    [
        *(f"docker.io/library/redis:{tag}" for tag in ("latest", "stable", "alpine", "7", "v7", "7.2", "v7.2")),
        *(f"docker.io/library/redis:{tag}" for tag in ("7-alpine", "7.2-alpine", "bookworm-slim", "nightly-slim")),
        "docker.io/library/redis",  # no tag is `latest`
        "redis:7.2.4",  # no registry
        "library/redis:7.2.4",
        "docker.io/library/redis:7.2.4@sha256:short",
        "docker.io/library/redis:7.2.4\n",
        "",
    ],
)
def test_a_reference_that_floats_or_names_no_registry_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=r"floating tag|not of the form"):
        refuse_floating(reference)


@pytest.mark.parametrize(
    "tag", ["7.2.4", "v1.36.3", "3.6.8-0", "bookworm-20251117-slim", f"7{DIGEST}", f"latest{DIGEST}"]
)
def test_an_exact_version_a_day_or_a_digest_is_taken(tag: str) -> None:
    refuse_floating(f"docker.io/library/redis:{tag}")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[image.x]\npull = \n", "line 2"),
        ('[image.x]\nwrong = "y"\n' + NODE, "image.x.wrong"),
        ('[image.x]\npull = "docker.io/library/x:latest"\n' + NODE, "docker.io/library/x:latest"),
        (NODE.replace(":v1.2.3", ":latest"), "kindest/node:latest"),
        ("[image]\nx = 3\n" + NODE, "image.x"),
        ("image = 3\n" + NODE, "image"),
        ("[image]\n", "node"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_a_problem_that_names_the_place(text: str, named: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(text)
    assert named in caught.value.why
    assert "catalogue.toml" in caught.value.fix


def test_an_unknown_image_names_the_known_ones() -> None:
    with pytest.raises(Usage) as caught:
        REAL.get("nothing")
    assert "redis" in caught.value.fix
    assert REAL.get("redis").name == "redis"


def test_every_pull_reference_is_pinned_and_named_once() -> None:
    references = [REAL.node.pull, *(image.pull for image in REAL.image.values() if image.pull)]
    for reference in references:
        refuse_floating(reference)
    assert len(set(references)) == len(references)


@pytest.mark.parametrize("name", [*sorted({image.folder.name for image in REAL.image.values()} - {"debian"}), "node"])
def test_every_recipe_has_a_dockerfile_on_the_base(name: str) -> None:
    recipe = (paths.DEPLOY / "images" / name / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE\nFROM \$\{BASE\}$", recipe, re.MULTILINE)


def test_every_program_that_an_image_needs_is_in_a_go_graph() -> None:
    wanted = {*REAL.node.programs, *(name for image in REAL.image.values() for name in (*image.programs, image.entry))}
    known = [name for graph in REAL.go.values() for name in graph.programs]
    assert wanted - {""} <= set(known)
    assert len(set(known)) == len(known)


def test_no_two_programs_of_a_graph_are_called_the_same_by_go() -> None:
    for graph in REAL.go.values():
        names = [programs._output_name(package) for package in graph.programs.values()]
        assert len(set(names)) == len(names)


def test_every_path_of_the_checkout_that_an_image_takes_along_exists() -> None:
    extras = [*REAL.node.extra.values(), *(place for image in REAL.image.values() for place in image.extra.values())]
    for place in extras:
        assert place.startswith("go:") or (paths.ROOT / place).exists(), place


def test_every_image_of_a_manifest_is_in_the_catalogue() -> None:
    used: dict[str, str] = {}
    for file in paths.DEPLOY.rglob("*.yaml"):
        if file.parts[len(paths.DEPLOY.parts)] not in {"images", "kind"}:
            used |= {first or second: file.name for first, second in USED.findall(file.read_text())}
    assert {"shop", "caller", "postgres", "redis"} <= used.keys()  # else the pattern sees nothing
    assert {name: file for name, file in used.items() if name not in REAL.image} == {}


def test_what_the_node_itself_asks_for_is_baked_under_that_name() -> None:
    asked = (paths.DEPLOY / "kind" / "cni" / "manifest.yaml").read_text()
    tags = {image.node_tag for image in REAL.image.values()}
    assert {first for first, _ in USED.findall(asked)} <= tags


def test_the_pod_network_knows_the_clusters_service_addresses() -> None:
    cluster = yaml.safe_load((paths.DEPLOY / "kind" / "three-zones.yaml").read_text())
    network = list(yaml.safe_load_all((paths.DEPLOY / "kind" / "cni" / "manifest.yaml").read_text()))[-1]
    (container,) = network["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert told["SERVICE_SUBNET"] == cluster["networking"]["serviceSubnet"]


def test_an_image_is_found_by_what_runs_on_a_cluster() -> None:
    for name, image in REAL.image.items():
        assert REAL.of(f"resilience.local/{name}:0123456789abcdef") is image
        if image.pull:
            assert REAL.of(image.pull) is image
            assert REAL.of(image.pull.partition("@")[0]) is image
    assert REAL.of("docker.io/library/nginx:1.27.0") is None


def test_a_version_is_what_is_stated_or_what_the_public_image_is_called() -> None:
    assert REAL.get("velero").release == "v1.18.3"
    assert REAL.get("istio-proxy").release == "1.31.0"
    assert "PostgreSQL 15" in REAL.get("postgres").release
