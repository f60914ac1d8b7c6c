"""What watches the environment, in a namespace of its own: Prometheus, Alertmanager, exporters, Grafana."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.alert_topic import AlertTopic, AlertTopicArgs
from infra.components.eks_cluster import PodIdentity
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.components.silence_alarm import SilenceAlarm, SilenceAlarmArgs
from infra.components.watcher import Reach, Watcher, WatcherArgs, fingerprint
from infra.iam.cluster_rules import SEE, Rule
from infra.monitoring import grafana, routing, rules, scraping
from infra.settings import Settings
from infra.watch_pods import WatchPod
from infra.wiring import autoscaling, gpu, images, readiness
from infra.wiring.storage import Storage

NAMESPACE, SERVING = gpu.MONITORING, "serving"
PROMETHEUS_PORT, ALERTMANAGER_PORT, GOSSIP_PORT = 9090, 9093, 9094
STATE_PORT, NODE_PORT, OPERATIONS_PORT, GRAFANA_PORT = 8080, 9100, 9464, 3000
SERVICE_PORT, AUTOSCALER_PORT, GPU_PORT = 3000, 8085, 9400
"""Ports of metrics in other namespaces; tests compare them with the components that open them."""
WATCHERS = 2
"""Everything twice, so that a lost node does not end the watching. Each Prometheus sees everything, the two
Alertmanagers agree on who tells, and rules take the larger of what two exporters say."""
DISK_FACTOR_MIB_PER_HOUR = 24
"""Room for samples: 100,000 series at 30 s are 12 million samples an hour, at 2 bytes each."""
LEAST_DISK_MIB = 2048


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """Where the watching is found."""

    prometheus: Watcher
    alertmanager: Watcher


def build(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    stores: Storage,
    identities: Mapping[str, PodIdentity],
    topic_arn: pulumi.Input[str],
) -> Monitoring:
    """Build the namespace and all that watches.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        stores: Keys, of which the Watchdog's topic needs one.
        identities: Identities in AWS of the workloads that have one.
        topic_arn: Topic that people read; an alarm tells it when the Watchdog is silent.
    """
    namespace = RestrictedNamespace(
        "monitoring-namespace",
        RestrictedNamespaceArgs(
            namespace_name=NAMESPACE,
            pods=12 + autoscaling.most_nodes(settings) * 2,  # each once more while it is replaced
            cpu_cores=16,
            memory_gib=32,
        ),
        opts,
    )
    watchdog = AlertTopic(
        "watchdog",
        AlertTopicArgs(
            topic_name=naming.role(settings.environment, "watchdog"),
            key_arn=stores.keys["alerts"].arn,
            account_id=settings.aws.account_id,
            region=settings.aws.region,
            sources=["cloudwatch.amazonaws.com"],
            addresses=[],
        ),
        opts,
    )
    SilenceAlarm(
        "watchdog-silence",
        SilenceAlarmArgs(
            alarm_name=naming.role(settings.environment, "watchdog-silence"),
            watched_topic=naming.role(settings.environment, "watchdog"),
            topic_arn=topic_arn,
        ),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[watchdog])),
    )
    after = pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(depends_on=[namespace, watchdog, *_needed(identities)])
    )
    own = [settings.network.cidr, settings.network.service_cidr]
    built = {
        wanted.pod.name: Watcher(wanted.pod.name, wanted, after)
        for wanted in (
            prometheus(settings, own),
            alertmanager(settings, own),
            *exporters(settings, own),
            _grafana(settings),
        )
    }
    return Monitoring(prometheus=built["prometheus"], alertmanager=built["alertmanager"])


def _needed(identities: Mapping[str, PodIdentity]) -> list[PodIdentity]:
    """Return the identities of what watches; they must stand before its pods start."""
    return [one for name, one in identities.items() if name in ("alertmanager", "operations", "prometheus")]


def watched(settings: Settings) -> rules.Watched:
    """Return what of the stack decides its rules."""
    contracts = [readiness.contract(service) for service in sorted(settings.services)]
    return rules.Watched(
        contracts=[one for one in contracts if one is not None],
        gpus=bool(settings.gpu.pools),
        remote_write=bool(settings.monitoring.remote_write_url),
    )


def prometheus_files(settings: Settings) -> dict[str, str]:
    """Return the files of Prometheus: configuration and rules."""
    wanted = scraping.Scraping(
        environment=str(settings.environment),
        region=settings.aws.region,
        interval_seconds=settings.monitoring.scrape_seconds,
        jobs=scraping.jobs(
            monitoring=NAMESPACE,
            serving=SERVING,
            gpu_system=gpu.SYSTEM_NAMESPACE if settings.gpu.pools else "",
            autoscaler=autoscaling.NAMESPACE,
        ),
        namespace=NAMESPACE,
        remote_write_url=settings.monitoring.remote_write_url,
    )
    return {
        scraping.CONFIG_FILE: scraping.rendered(wanted),
        scraping.RULES_FILE: rules.rendered(rules.groups(watched(settings))),
    }


def alertmanager_files(settings: Settings) -> dict[str, str]:
    """Return the files of Alertmanager."""
    aws, environment = settings.aws, settings.environment

    def topic(name: str) -> str:
        return f"arn:aws:sns:{aws.region}:{aws.account_id}:{naming.role(environment, name)}"

    wanted = routing.Routing(
        environment=str(environment),
        region=aws.region,
        topic_arn=topic("alerts"),
        watchdog_arn=topic("watchdog"),
    )
    return {routing.CONFIG_FILE: routing.rendered(wanted)}


def prometheus(settings: Settings, own: Sequence[str]) -> WatcherArgs:
    """Return Prometheus."""
    files, wanted = prometheus_files(settings), settings.monitoring
    disk = max(LEAST_DISK_MIB, wanted.retention_hours * DISK_FACTOR_MIB_PER_HOUR)
    asked = {
        NAMESPACE: [PROMETHEUS_PORT, ALERTMANAGER_PORT, STATE_PORT, NODE_PORT, OPERATIONS_PORT],
        SERVING: [SERVICE_PORT],
        autoscaling.NAMESPACE: [AUTOSCALER_PORT],
    }
    if settings.gpu.pools:
        asked[gpu.SYSTEM_NAMESPACE] = [GPU_PORT]
    return WatcherArgs(
        namespace=NAMESPACE,
        replicas=WATCHERS,
        reach=Reach(namespaces=asked, cidrs=own, identity=bool(wanted.remote_write_url)),
        asked_from=NAMESPACE,
        rights=[Rule(group="", resources=["pods"], verbs=SEE)],
        files={"prometheus": files},
        pod=WatchPod(
            name="prometheus",
            image=images.image(settings, wanted.prometheus_image),
            args=[
                f"--config.file=/etc/prometheus/{scraping.CONFIG_FILE}",
                "--storage.tsdb.path=/prometheus",
                f"--storage.tsdb.retention.time={wanted.retention_hours}h",
                f"--storage.tsdb.retention.size={disk * 8 // 10}MB",
                f"--web.listen-address=:{PROMETHEUS_PORT}",
            ],
            port=PROMETHEUS_PORT,
            port_name="http",
            probe="/-/ready",
            cpu="250m",
            memory="2Gi",
            token=True,
            config_maps={"/etc/prometheus": "prometheus"},
            # What must outlive the pod goes to the long-term store, so no volume ties it to a zone.
            scratch={"/prometheus": f"{disk}Mi"},
            annotations={"plinth.dev/config": fingerprint(files)},
        ),
    )


def alertmanager(settings: Settings, own: Sequence[str]) -> WatcherArgs:
    """Return Alertmanager."""
    files = alertmanager_files(settings)
    return WatcherArgs(
        namespace=NAMESPACE,
        replicas=WATCHERS,
        reach=Reach(namespaces={NAMESPACE: [GOSSIP_PORT]}, cidrs=own, identity=True),
        asked_from=NAMESPACE,
        files={"alertmanager": files},
        pod=WatchPod(
            name="alertmanager",
            image=images.image(settings, settings.monitoring.alertmanager_image),
            args=[
                f"--config.file=/etc/alertmanager/{routing.CONFIG_FILE}",
                "--storage.path=/alertmanager",
                f"--web.listen-address=:{ALERTMANAGER_PORT}",
                f"--cluster.listen-address=0.0.0.0:{GOSSIP_PORT}",
                f"--cluster.peer=alertmanager.{NAMESPACE}.svc:{GOSSIP_PORT}",
            ],
            port=ALERTMANAGER_PORT,
            port_name="http",
            more_ports={"gossip": GOSSIP_PORT},
            probe="/-/ready",
            cpu="50m",
            memory="256Mi",
            env={"AWS_REGION": settings.aws.region},
            config_maps={"/etc/alertmanager": "alertmanager"},
            scratch={"/alertmanager": "128Mi"},
            annotations={"plinth.dev/config": fingerprint(files)},
        ),
    )


def exporters(settings: Settings, own: Sequence[str]) -> list[WatcherArgs]:
    """Return what tells of the cluster, its nodes, and of what no service tells."""
    wanted = settings.monitoring
    states = WatcherArgs(
        namespace=NAMESPACE,
        replicas=WATCHERS,
        reach=Reach(cidrs=own),
        asked_from=NAMESPACE,
        rights=[
            Rule(group="", resources=["nodes", "pods"], verbs=SEE),
            Rule(group="apps", resources=["daemonsets", "deployments"], verbs=SEE),
        ],
        pod=WatchPod(
            name="kube-state-metrics",
            image=images.image(settings, wanted.kube_state_metrics_image),
            args=[f"--port={STATE_PORT}", "--resources=daemonsets,deployments,nodes,pods"],
            port=STATE_PORT,
            probe="/healthz",
            cpu="50m",
            memory="256Mi",
            token=True,
        ),
    )
    nodes = WatcherArgs(
        namespace=NAMESPACE,
        replicas=0,
        reach=Reach(),
        asked_from=NAMESPACE,
        pod=WatchPod(
            name="node-exporter",
            image=images.image(settings, wanted.node_exporter_image),
            args=[
                f"--web.listen-address=:{NODE_PORT}",
                # No directory of the node is mounted: cpu, memory and load are the node's own in any
                # container, and the container's root lies on the node's disk.
                "--collector.disable-defaults",
                *(f"--collector.{name}" for name in ("cpu", "diskstats", "filesystem", "loadavg", "meminfo")),
                "--collector.filesystem.fs-types-exclude=^(proc|sysfs|tmpfs|cgroup2?|devpts|mqueue)$",
            ],
            port=NODE_PORT,
            probe="/",
            cpu="20m",
            memory="64Mi",
            everywhere=True,
        ),
    )
    if not wanted.operations_image:
        return [states, nodes]
    operations = WatcherArgs(
        namespace=NAMESPACE,
        replicas=WATCHERS,
        reach=Reach(cidrs=own, identity=True),
        asked_from=NAMESPACE,
        rights=[Rule(group="apps", resources=["deployments"], verbs=SEE)],
        pod=WatchPod(
            name="operations",
            image=images.image(settings, wanted.operations_image),
            command=["python", "-m", "infra.operations", f"--stack={settings.environment}"],
            port=OPERATIONS_PORT,
            probe="/livez",
            cpu="50m",
            memory="256Mi",
            token=True,
            env={"AWS_REGION": settings.aws.region},
            scratch={"/tmp": "64Mi"},  # noqa: S108 - inside the pod
        ),
    )
    return [states, nodes, operations]


def _grafana(settings: Settings) -> WatcherArgs:
    provisioned = grafana.provisioning(f"http://prometheus.{NAMESPACE}.svc:{PROMETHEUS_PORT}")
    dashboards = grafana.dashboards()
    return WatcherArgs(
        namespace=NAMESPACE,
        replicas=WATCHERS,
        reach=Reach(namespaces={NAMESPACE: [PROMETHEUS_PORT]}),
        # Nothing else asks it; people come by `kubectl port-forward`, where their rights allow that.
        asked_from=NAMESPACE,
        files={
            "grafana-datasources": provisioned["datasources"],
            "grafana-providers": provisioned["dashboards"],
            "grafana-dashboards": dashboards,
        },
        pod=WatchPod(
            name="grafana",
            image=images.image(settings, settings.monitoring.grafana_image),
            port=GRAFANA_PORT,
            port_name="http",
            probe="/api/health",
            cpu="50m",
            memory="256Mi",
            env=grafana.ENVIRONMENT,
            config_maps={
                "/etc/grafana/provisioning/datasources": "grafana-datasources",
                "/etc/grafana/provisioning/dashboards": "grafana-providers",
                grafana.FOLDER: "grafana-dashboards",
            },
            scratch={"/var/lib/grafana": "256Mi", "/tmp": "64Mi"},  # noqa: S108 - inside the pod
            annotations={"plinth.dev/config": fingerprint(dashboards)},
        ),
    )
