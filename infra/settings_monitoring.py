"""Settings of what watches an environment."""

from typing import Annotated

from pydantic import Field

from infra.settings_base import IMAGE_PATTERN, Frozen

_UNRUN = "nobody has run it here; the digest is the one that public clusters pin for this release."


class MonitoringSettings(Frozen):
    """What is scraped how often, what is kept, and which images do it."""

    scrape_seconds: Annotated[
        int,
        Field(
            ge=5,
            le=120,
            description="Seconds between two scrapes of a target, and between two looks at the rules.",
        ),
    ] = 30
    retention_hours: Annotated[
        int,
        Field(
            ge=2,
            le=24 * 400,
            description="Hours for which Prometheus itself keeps samples; what must outlive a pod goes to "
            "the long-term store.",
        ),
    ] = 24 * 15
    remote_write_url: Annotated[
        str,
        Field(
            pattern=r"^$|^https://aps-workspaces\.[a-z0-9-]+\.amazonaws\.com/workspaces/[A-Za-z0-9_-]+/api/v1/remote_write$",
            description="Workspace of Amazon Managed Prometheus that gets every sample; empty: none.",
        ),
    ] = ""
    prometheus_image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description=f"Prometheus 3.5.0 by digest; {_UNRUN}"),
    ] = (
        "quay.io/prometheus/prometheus"
        "@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996"
    )
    alertmanager_image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description=f"Alertmanager 0.31.1 by digest; {_UNRUN}"),
    ] = (
        "quay.io/prometheus/alertmanager"
        "@sha256:88b605de9aba0410775c1eb3438f951115054e0d307f23f274a4c705f51630c1"
    )
    kube_state_metrics_image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description=f"kube-state-metrics 2.17.0 by digest; {_UNRUN}"),
    ] = (
        "registry.k8s.io/kube-state-metrics/kube-state-metrics"
        "@sha256:2bbc915567334b13632bf62c0a97084aff72a36e13c4dabd5f2f11c898c5bacd"
    )
    node_exporter_image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description=f"node exporter 1.9.1 by digest; {_UNRUN}"),
    ] = (
        "quay.io/prometheus/node-exporter"
        "@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a"
    )
    grafana_image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description=f"Grafana 12.1.1 by digest; {_UNRUN}"),
    ] = "docker.io/grafana/grafana@sha256:a1701c2180249361737a99a01bc770db39381640e4d631825d38ff4535efa47d"
    operations_image: Annotated[
        str,
        Field(
            pattern=IMAGE_PATTERN + "|^$",
            description="Image of this repository that runs the operations exporter, by digest (see "
            "infra/operations/README.md). Empty: not deployed, which ExporterMissing says until it is.",
        ),
    ] = ""

    def images(self) -> list[str]:
        """Return every image that is named."""
        found = [
            self.prometheus_image,
            self.alertmanager_image,
            self.kube_state_metrics_image,
            self.node_exporter_image,
            self.grafana_image,
            self.operations_image,
        ]
        return [image for image in found if image]
