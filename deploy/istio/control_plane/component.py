"""Istio: control plane (two replicas over the zones) and ingress gateway (three), rendered by istioctl."""

from __future__ import annotations

from pathlib import Path

from deploy import manifests
from deploy.component import Component
from deploy.images import catalogue, sources
from deploy.manifests import Manifest
from deploy.shell import run

HERE = Path(__file__).parent


class ControlPlane(Component):
    """Differs from the others only in who renders it: istioctl has the charts."""

    def render(self, references: dict[str, str]) -> list[Manifest]:
        """Returns what `istioctl manifest generate` gives for operator.yaml, and the namespace."""
        pilot, proxy = references["istio-pilot"], references["istio-proxy"]
        istioctl = sources.tool(catalogue.load(), "istioctl")
        argv = [str(istioctl), "manifest", "generate", "-f", str(self.folder / "operator.yaml")]
        values = {"pilot.image": pilot, "global.proxy.image": proxy, "global.proxy_init.image": proxy}
        images = [word for name, value in values.items() for word in ("--set", f"values.{name}={value}")]

        def make() -> list[Manifest]:
            rendered = run(
                [*argv, *images], what="rendering Istio", fix="mend deploy/istio/control_plane/operator.yaml"
            )
            namespace = (self.folder / "namespace.yaml").read_text()
            return manifests.parse(namespace, "namespace.yaml") + manifests.parse(rendered, "istioctl's output")

        return manifests.kept(manifests.fingerprint(self.folder, pilot, proxy, str(istioctl)), make)

    def images(self) -> tuple[str, ...]:
        """Returns its two images, which stand in no manifest of ours."""
        return ("istio-pilot", "istio-proxy")


COMPONENT = ControlPlane("istio", HERE, addresses={"istio-ingressgateway": "shop"})
