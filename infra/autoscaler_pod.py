"""The pod of the Cluster Autoscaler. Pure."""

import pulumi_kubernetes as kubernetes

from infra.node_daemon import labels

NAME = "cluster-autoscaler"
METRICS_PORT = 8085
"""Port of metrics and of the health check, the autoscaler's own default."""
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder, where clients look
TOKEN_SECONDS = 3600
"""Life of the token with which it asks the API server; the kubelet renews it."""
USER_ID = 10035
"""User of the process: above 10000, so that it meets no user of the node."""


def arguments(*, namespace: str, cluster: str, most_nodes: int) -> list[str]:
    """Return the command line of the autoscaler. Pure."""
    tags = ("k8s.io/cluster-autoscaler/enabled", f"k8s.io/cluster-autoscaler/{cluster}")
    return [
        "--cloud-provider=aws",
        f"--namespace={namespace}",
        # EKS puts both tags on the Auto Scaling groups of its node groups.
        f"--node-group-auto-discovery=asg:tag={','.join(tags)}",
        "--expander=least-waste",  # of several pools that fit, the one that leaves least idle
        f"--max-nodes-total={most_nodes}",
        "--stderrthreshold=info",
    ]


def pod(
    *, namespace: str, cluster: str, region: str, image: str, most_nodes: int
) -> kubernetes.core.v1.PodSpecArgs:
    """Return the pod: restricted, with the one token that it needs.

    Args:
        namespace: Namespace of the autoscaler.
        cluster: Name of the EKS cluster; by it the autoscaler finds its node groups.
        region: Region of the cluster.
        image: Image by digest.
        most_nodes: Nodes that all pools may have together.
    """
    core = kubernetes.core.v1
    health = core.HTTPGetActionArgs(path="/health-check", port="metrics")
    return core.PodSpecArgs(
        service_account_name=NAME,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name="system-cluster-critical",
        node_selector={"plinth.dev/pool": "system"},
        topology_spread_constraints=[
            core.TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key="kubernetes.io/hostname",
                when_unsatisfiable="ScheduleAnyway",
                label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(NAME)),
            )
        ],
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER_ID,
            run_as_group=USER_ID,
            fs_group=USER_ID,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[
            core.ContainerArgs(
                name="main",
                image=image,
                command=["/cluster-autoscaler"],
                args=arguments(namespace=namespace, cluster=cluster, most_nodes=most_nodes),
                env=[core.EnvVarArgs(name="AWS_REGION", value=region)],
                ports=[core.ContainerPortArgs(name="metrics", container_port=METRICS_PORT)],
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "100m", "memory": "600Mi"}, limits={"cpu": "500m", "memory": "600Mi"}
                ),
                readiness_probe=core.ProbeArgs(http_get=health, period_seconds=30, failure_threshold=3),
                # It answers so long as it looks around; after ten minutes of silence it is stuck.
                liveness_probe=core.ProbeArgs(http_get=health, period_seconds=60, failure_threshold=10),
                security_context=core.SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                ),
                volume_mounts=[core.VolumeMountArgs(name="token", mount_path=TOKEN_FOLDER, read_only=True)],
            )
        ],
        volumes=[core.VolumeArgs(name="token", projected=_token())],
    )


def _token() -> kubernetes.core.v1.ProjectedVolumeSourceArgs:
    """Return the one token that it needs, asked for by name instead of mounted into every pod by default."""
    core = kubernetes.core.v1
    return core.ProjectedVolumeSourceArgs(
        sources=[
            core.VolumeProjectionArgs(
                service_account_token=core.ServiceAccountTokenProjectionArgs(
                    path="token", expiration_seconds=TOKEN_SECONDS
                )
            ),
            core.VolumeProjectionArgs(
                config_map=core.ConfigMapProjectionArgs(
                    name="kube-root-ca.crt", items=[core.KeyToPathArgs(key="ca.crt", path="ca.crt")]
                )
            ),
        ]
    )
