"""What makes GPUs schedulable and visible: NVIDIA's device plugin for each pool, one DCGM exporter."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.node_daemon import NodeDaemon, labels, metadata

PLUGIN_FOLDER = "/var/lib/kubelet/device-plugins"
"""Where the kubelet learns of devices; policies/exemptions.yaml allows it to the plugin."""
PODS_FOLDER = "/var/lib/kubelet/pod-resources"
"""Where the kubelet says which pod has which device; allowed to the exporter."""
METRICS_PORT = 9400
"""Port of the exporter, its own default."""
PRESENT = {"nvidia.com/gpu.present": "true"}
"""Label of all GPU nodes."""
TAINT = "nvidia.com/gpu"
"""Key of the taint of GPU nodes."""
PLUGIN_ACCOUNT, EXPORTER = "nvidia-device-plugin", "dcgm-exporter"
CAPABILITIES = ("SYS_ADMIN",)
"""The driver gives profiling counters and MIG devices to holders of this capability only."""
DRIVER_ANSWERS = ("nvidia-smi", "-L")
"""Lists the GPUs; the driver's own program, which the NVIDIA container runtime mounts."""


@dataclass(frozen=True, kw_only=True)
class Division:
    """How the GPUs of one pool are divided.

    Args:
        time_slices: Pods that share one GPU by turns; 1 for none.
        mig: Whether the GPUs are partitioned by hardware.
    """

    time_slices: int = 1
    mig: bool = False


@dataclass(frozen=True, kw_only=True)
class GpuSystemArgs:
    """What the GPU platform needs to know.

    Args:
        namespace_name: Its namespace, privileged, which must stand before; made elsewhere.
        pools: Label ``plinth.dev/pool`` of each GPU pool, to how its GPUs are divided.
        device_plugin_image: NVIDIA device plugin, by digest.
        exporter_image: DCGM exporter, by digest.
        scraped_from: Namespace from which metrics are fetched.
    """

    namespace_name: str
    pools: Mapping[str, Division]
    device_plugin_image: str
    exporter_image: str
    scraped_from: str


class GpuSystem(pulumi.ComponentResource):
    """DaemonSets on the GPU nodes. They see their node; see ``GpuSystemGate`` for what keeps others out."""

    exporter_service: pulumi.Output[str]
    """Name of the headless service by which metrics are found."""

    def __init__(self, name: str, args: GpuSystemArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place accounts, one plugin for each pool, and the exporter."""
        super().__init__("plinth:platform:GpuSystem", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for account in (PLUGIN_ACCOUNT, EXPORTER):
            kubernetes.core.v1.ServiceAccount(
                f"{name}-{account}-account",
                metadata=metadata(account, args.namespace_name),
                automount_service_account_token=False,
                opts=child,
            )
        for pool, division in sorted(args.pools.items()):
            self._plugin(name, args, pool, division)
        self.exporter_service = self._exporter(name, args)
        self.register_outputs({"exporter_service": self.exporter_service})

    def _plugin(self, name: str, args: GpuSystemArgs, pool: str, division: Division) -> None:
        config, app = plugin_config(division), f"nvidia-device-plugin-{pool}"
        child = pulumi.ResourceOptions(parent=self)
        made = kubernetes.core.v1.ConfigMap(
            f"{name}-{pool}-config",
            metadata=metadata(app, args.namespace_name),
            data={"config.json": config},
            opts=child,
        )
        env = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
        if division.mig:
            env["NVIDIA_MIG_MONITOR_DEVICES"] = "all"
        kubernetes.apps.v1.DaemonSet(
            f"{name}-{pool}-plugin",
            metadata=metadata(app, args.namespace_name),
            spec=NodeDaemon(
                name=app,
                account=PLUGIN_ACCOUNT,
                image=args.device_plugin_image,
                command=["nvidia-device-plugin", "--config-file=/config/config.json"],
                env=env,
                nodes={"plinth.dev/pool": pool},
                tolerates=TAINT,
                probe=DRIVER_ANSWERS,
                memory="128Mi",
                capabilities=CAPABILITIES if division.mig else (),
                host_folder=PLUGIN_FOLDER,
                host_folder_read_only=False,
                config_map=app,
                annotations={"plinth.dev/config": hashlib.sha256(config.encode()).hexdigest()[:16]},
            ).spec(),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[made])),
        )

    def _exporter(self, name: str, args: GpuSystemArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-exporter-scraped",
            metadata=metadata(EXPORTER, args.namespace_name),
            spec=_from(args.scraped_from),
            opts=child,
        )
        kubernetes.apps.v1.DaemonSet(
            f"{name}-exporter",
            metadata=metadata(EXPORTER, args.namespace_name),
            spec=NodeDaemon(
                name=EXPORTER,
                account=EXPORTER,
                image=args.exporter_image,
                env={"DCGM_EXPORTER_LISTEN": f":{METRICS_PORT}", "DCGM_EXPORTER_KUBERNETES": "true"},
                nodes=PRESENT,
                tolerates=TAINT,
                probe=DRIVER_ANSWERS,
                memory="1Gi",
                capabilities=CAPABILITIES,
                host_folder=PODS_FOLDER,
                host_folder_read_only=True,
                metrics_port=METRICS_PORT,
            ).spec(),
            opts=child,
        )
        service = kubernetes.core.v1.Service(
            f"{name}-exporter-service",
            metadata=metadata(EXPORTER, args.namespace_name),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                cluster_ip="None",
                selector=labels(EXPORTER),
                ports=[kubernetes.core.v1.ServicePortArgs(name="metrics", port=METRICS_PORT)],
            ),
            # While there is no GPU node there is no pod behind it, and that is as it should be.
            opts=pulumi.ResourceOptions(parent=self),
        )
        return service.metadata.name.apply(str)


def _from(namespace: str) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Let one namespace fetch metrics, and nobody do anything else."""
    peer = kubernetes.networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
            match_labels={"kubernetes.io/metadata.name": namespace}
        )
    )
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(EXPORTER)),
        policy_types=["Ingress"],
        ingress=[
            kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                from_=[peer],
                ports=[kubernetes.networking.v1.NetworkPolicyPortArgs(port=METRICS_PORT, protocol="TCP")],
            )
        ],
    )


def plugin_config(division: Division) -> str:
    """Return the configuration file of the device plugin; JSON, which it reads as YAML. Pure."""
    config: dict[str, object] = {
        "version": "v1",
        "flags": {"migStrategy": "mixed" if division.mig else "none"},
    }
    if division.time_slices > 1:
        config["sharing"] = {
            "timeSlicing": {
                "renameByDefault": True,
                # Two slices of one GPU are no more than one, so asking for two is a misunderstanding.
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": "nvidia.com/gpu", "replicas": division.time_slices}],
            }
        }
    return json.dumps(config, indent=2)
