"""A DaemonSet that serves its node: as strict as every other pod, but for what its task needs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

CRITICAL = "system-node-critical"
"""Priority class of Kubernetes itself, for what a node is worth nothing without."""


@dataclass(frozen=True, kw_only=True)
class NodeDaemon:
    """What runs once on each node of a kind.

    Args:
        name: Name of the DaemonSet and of its pods' label.
        account: Service account, without a token.
        image: Image by digest.
        nodes: Labels of the nodes.
        tolerates: Key of the taint that keeps others away from them.
        probe: Command that answers whether all is well, for readiness and, more patiently, for life.
        memory: Memory that it asks for and may take.
        command: Command; the image's own when left out.
        env: Environment variables.
        annotations: Annotations of the pods; a changed one replaces them.
        capabilities: Capabilities that are added to none.
        host_folder: Directory of the node that it needs.
        host_folder_read_only: Whether it only reads there.
        config_map: ConfigMap that is mounted at ``/config``.
        metrics_port: Port on which metrics are fetched.
    """

    name: str
    account: str
    image: str
    nodes: Mapping[str, str]
    tolerates: str
    probe: Sequence[str]
    memory: str
    host_folder: str
    host_folder_read_only: bool
    command: Sequence[str] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    capabilities: Sequence[str] = ()
    config_map: str | None = None
    metrics_port: int | None = None

    def spec(self) -> kubernetes.apps.v1.DaemonSetSpecArgs:
        """Return the specification of the DaemonSet."""
        return kubernetes.apps.v1.DaemonSetSpecArgs(
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(self.name)),
            template=kubernetes.core.v1.PodTemplateSpecArgs(
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    labels=labels(self.name), annotations=dict(self.annotations)
                ),
                spec=kubernetes.core.v1.PodSpecArgs(
                    service_account_name=self.account,
                    automount_service_account_token=False,
                    enable_service_links=False,
                    priority_class_name=CRITICAL,
                    node_selector=dict(self.nodes),
                    tolerations=[
                        kubernetes.core.v1.TolerationArgs(
                            key=self.tolerates, operator="Exists", effect="NoSchedule"
                        )
                    ],
                    security_context=kubernetes.core.v1.PodSecurityContextArgs(
                        seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault")
                    ),
                    containers=[self._container()],
                    volumes=self._volumes(),
                ),
            ),
        )

    def _container(self) -> kubernetes.core.v1.ContainerArgs:
        """Return the container: root, since the node's directories are root's, but no more than that."""
        mounts = [("node", self.host_folder, self.host_folder_read_only), ("scratch", "/tmp", False)]  # noqa: S108
        if self.config_map:
            mounts.append(("config", "/config", True))
        port = self.metrics_port
        return kubernetes.core.v1.ContainerArgs(
            name="main",
            image=self.image,
            command=list(self.command) if self.command else None,
            env=[
                kubernetes.core.v1.EnvVarArgs(name=key, value=value)
                for key, value in sorted(self.env.items())
            ],
            ports=[kubernetes.core.v1.ContainerPortArgs(name="metrics", container_port=port)]
            if port
            else None,
            resources=kubernetes.core.v1.ResourceRequirementsArgs(
                requests={"cpu": "50m", "memory": self.memory}, limits={"cpu": "500m", "memory": self.memory}
            ),
            readiness_probe=self._asked(period=30, failures=3),
            # What has not answered for ten minutes is worth a new start.
            liveness_probe=self._asked(period=60, failures=10),
            security_context=kubernetes.core.v1.SecurityContextArgs(
                run_as_user=0,
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=kubernetes.core.v1.CapabilitiesArgs(
                    drop=["ALL"], add=list(self.capabilities) or None
                ),
            ),
            volume_mounts=[
                kubernetes.core.v1.VolumeMountArgs(name=volume, mount_path=path, read_only=read_only)
                for volume, path, read_only in mounts
            ],
        )

    def _asked(self, *, period: int, failures: int) -> kubernetes.core.v1.ProbeArgs:
        return kubernetes.core.v1.ProbeArgs(
            exec_=kubernetes.core.v1.ExecActionArgs(command=list(self.probe)),
            initial_delay_seconds=10,
            period_seconds=period,
            timeout_seconds=10,
            failure_threshold=failures,
        )

    def _volumes(self) -> list[kubernetes.core.v1.VolumeArgs]:
        volumes = [
            kubernetes.core.v1.VolumeArgs(
                name="node",
                host_path=kubernetes.core.v1.HostPathVolumeSourceArgs(
                    path=self.host_folder, type="Directory"
                ),
            ),
            kubernetes.core.v1.VolumeArgs(
                name="scratch", empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs(size_limit="64Mi")
            ),
        ]
        if self.config_map:
            source = kubernetes.core.v1.ConfigMapVolumeSourceArgs(name=self.config_map)
            volumes.append(kubernetes.core.v1.VolumeArgs(name="config", config_map=source))
        return volumes


def labels(app: str) -> dict[str, str]:
    """Return the labels of an object that belongs to an app."""
    return {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "plinth"}


def metadata(name: str, namespace: str) -> kubernetes.meta.v1.ObjectMetaArgs:
    """Return the metadata of an app's object; its namespace by name, which policies can read in a preview."""
    return kubernetes.meta.v1.ObjectMetaArgs(
        name=name, namespace=namespace, labels=labels(name), annotations=FIELD_MANAGER
    )
