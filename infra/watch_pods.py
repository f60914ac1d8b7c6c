"""The pods of what watches: restricted like every other, with a token only where one is needed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi_kubernetes as kubernetes

from infra.node_daemon import labels

USER_ID = 10065
"""User of the process: above 10000, so that it meets no user of the node."""
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder, where clients look
TOKEN_SECONDS = 3600
"""Life of the token with which it asks the API server; the kubelet renews it."""


@dataclass(frozen=True, kw_only=True)
class WatchPod:
    """One kind of pod.

    Args:
        name: Name of what runs; also of its service account and its label.
        image: By digest.
        args: Arguments of the image's own entry point.
        command: Command; the image's own when left out.
        port: Port that it listens on.
        port_name: ``http`` where people or programs ask it, ``metrics`` where only Prometheus does.
        probe: Path that answers when all is well.
        cpu: CPU that it asks for.
        memory: Memory that it asks for and may take.
        token: Whether it speaks to the API server.
        env: Environment variables.
        config_maps: Folder in the container to the ConfigMap that is mounted there.
        scratch: Folder in the container to the size of an empty one there.
        everywhere: Whether it runs on each node of a node group; not on GPU nodes, where nothing may run that
            uses no GPU.
        annotations: Annotations of the pods; a changed one replaces them.
        more_ports: Name to number of further ports.
    """

    name: str
    image: str
    port: int
    probe: str
    cpu: str
    memory: str
    args: Sequence[str] = ()
    command: Sequence[str] | None = None
    port_name: str = "metrics"
    token: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    config_maps: Mapping[str, str] = field(default_factory=dict)
    scratch: Mapping[str, str] = field(default_factory=dict)
    everywhere: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    more_ports: Mapping[str, int] = field(default_factory=dict)

    def template(self) -> kubernetes.core.v1.PodTemplateSpecArgs:
        """Return the template of the pods."""
        core = kubernetes.core.v1
        return core.PodTemplateSpecArgs(
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                labels=labels(self.name), annotations=dict(self.annotations)
            ),
            spec=core.PodSpecArgs(
                service_account_name=self.name,
                automount_service_account_token=False,
                enable_service_links=False,
                node_selector=None if self.everywhere else {"plinth.dev/pool": "system"},
                affinity=_on_node_groups() if self.everywhere else None,
                topology_spread_constraints=None
                if self.everywhere
                else [
                    core.TopologySpreadConstraintArgs(
                        max_skew=1,
                        topology_key="kubernetes.io/hostname",
                        when_unsatisfiable="ScheduleAnyway",
                        label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(self.name)),
                    )
                ],
                security_context=core.PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=USER_ID,
                    run_as_group=USER_ID,
                    fs_group=USER_ID,
                    seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                containers=[self._container()],
                volumes=self._volumes(),
            ),
        )

    def _container(self) -> kubernetes.core.v1.ContainerArgs:
        core = kubernetes.core.v1
        asked = core.HTTPGetActionArgs(path=self.probe, port=self.port_name)
        mounts = [(f"config-{i}", path, True) for i, path in enumerate(sorted(self.config_maps))]
        mounts += [(f"scratch-{i}", path, False) for i, path in enumerate(sorted(self.scratch))]
        if self.token:
            mounts.append(("token", TOKEN_FOLDER, True))
        return core.ContainerArgs(
            name="main",
            image=self.image,
            command=list(self.command) if self.command else None,
            args=list(self.args) or None,
            env=[core.EnvVarArgs(name=key, value=value) for key, value in sorted(self.env.items())] or None,
            ports=[
                core.ContainerPortArgs(name=self.port_name, container_port=self.port),
                *(
                    core.ContainerPortArgs(name=name, container_port=port)
                    for name, port in sorted(self.more_ports.items())
                ),
            ],
            resources=core.ResourceRequirementsArgs(
                requests={"cpu": self.cpu, "memory": self.memory}, limits={"cpu": "1", "memory": self.memory}
            ),
            readiness_probe=core.ProbeArgs(http_get=asked, period_seconds=15, failure_threshold=3),
            # Replaying a log after a crash takes minutes; ten without an answer is a stuck process.
            liveness_probe=core.ProbeArgs(http_get=asked, period_seconds=60, failure_threshold=10),
            security_context=core.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.CapabilitiesArgs(drop=["ALL"]),
            ),
            volume_mounts=[
                core.VolumeMountArgs(name=name, mount_path=path, read_only=read_only)
                for name, path, read_only in mounts
            ]
            or None,
        )

    def _volumes(self) -> list[kubernetes.core.v1.VolumeArgs] | None:
        core = kubernetes.core.v1
        found = [
            core.VolumeArgs(name=f"config-{i}", config_map=core.ConfigMapVolumeSourceArgs(name=source))
            for i, (_, source) in enumerate(sorted(self.config_maps.items()))
        ]
        found += [
            core.VolumeArgs(name=f"scratch-{i}", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=size))
            for i, (_, size) in enumerate(sorted(self.scratch.items()))
        ]
        if self.token:
            found.append(core.VolumeArgs(name="token", projected=token()))
        return found or None


def token() -> kubernetes.core.v1.ProjectedVolumeSourceArgs:
    """Return the one token that it needs, asked for by name instead of mounted into every pod by default."""
    core = kubernetes.core.v1
    root = core.ConfigMapProjectionArgs(
        name="kube-root-ca.crt", items=[core.KeyToPathArgs(key="ca.crt", path="ca.crt")]
    )
    life = core.ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=TOKEN_SECONDS)
    return core.ProjectedVolumeSourceArgs(
        sources=[
            core.VolumeProjectionArgs(service_account_token=life),
            core.VolumeProjectionArgs(config_map=root),
        ]
    )


def _on_node_groups() -> kubernetes.core.v1.AffinityArgs:
    """Wish for every node of a managed node group, which is what EKS labels so."""
    core = kubernetes.core.v1
    labelled = core.NodeSelectorRequirementArgs(key="eks.amazonaws.com/nodegroup", operator="Exists")
    return core.AffinityArgs(
        node_affinity=core.NodeAffinityArgs(
            required_during_scheduling_ignored_during_execution=core.NodeSelectorArgs(
                node_selector_terms=[core.NodeSelectorTermArgs(match_expressions=[labelled])]
            )
        )
    )
