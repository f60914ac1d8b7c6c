"""One model service in the cluster: pods, the way to them, and what they may reach."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER
from infra.serving_traffic import traffic

PORT = 3000
"""Port on which BentoML answers, metrics included (BentoML's default)."""
USER_ID = 10034
"""User of the serving process: above 10000, so that it meets no user of the node."""
REQUEST_TIMEOUT_SECONDS = 10
"""Longest answer, in seconds; must match ``traffic.timeout`` of the service."""
DRAIN_SECONDS = 10
"""Seconds between leaving the gateway and SIGTERM: BentoML does not refuse new connections after
SIGTERM, it lets them hang, so none may arrive any more by then."""
GRACE_SECONDS = DRAIN_SECONDS + REQUEST_TIMEOUT_SECONDS + 5
"""Seconds until a pod is killed: drained, last answers given, and a margin."""
DECISIONS_FOLDER = "/var/lib/plinth/decisions"
"""Where decisions are logged before an answer leaves. It outlives the container, not the pod; what it holds
is in the bucket within minutes (``Limits`` in services/readiness/decision_log/writer.py)."""
ISSUER_FOLDER, KEYS_FILE, FEATURE_KEYS_FILE = "/etc/plinth/issuer", "keys.json", "feature-keys.json"
ROUTED_PATHS = "/v1/"
"""What the gateway leads inside: the server's own pages (/docs, /metrics, /answers) stay there."""
SERVICE_LABEL = "plinth.dev/service"
"""On pods whose releases Flagger carries out: the same on both versions, whose other labels differ."""
CPU_BURST = 4
"""CPU limit as a multiple of the request: a cold start and a burst may borrow idle cores."""


@dataclass(frozen=True, kw_only=True)
class ServingArgs:
    """What a service needs to know.

    Args:
        service: Name of the service; also its host name under the gateway's domain.
        namespace: Namespace in which its pods run.
        image: Image by digest.
        card: Annotations that show the readiness contract of the service.
        model_digest: Digest of the model that the image carries; shown on every pod.
        replicas: Pods.
        cpu_millicores: CPU that each pod asks for.
        memory_mib: Memory that each pod asks for and may use.
        gateway: Name of the gateway.
        gateway_namespace: Namespace of the gateway; the only place from which requests may come.
        scraped_from: Namespace from which metrics are fetched.
        domain: Domain of the gateway.
        region: Region of the stores.
        token_issuer: Who issues the callers' tokens; empty lets nobody in.
        token_keys: The issuer's public keys: a JSON Web Key Set.
        features_table: Online feature store.
        feature_keys: Public keys that may have signed features: a JSON list.
        decisions_bucket: Bucket of the decision log.
        review_table: Table of cases that wait for a person.
        stop_table: Table with the switch that takes the model out of service.
        released: Whether a release (``release.py``) decides which pods get requests: then Flagger makes
            Services and route, and sets how many pods of this very version there are.
    """

    service: str
    namespace: pulumi.Input[str]
    image: str
    card: Mapping[str, str] = field(default_factory=dict)
    model_digest: str
    replicas: int
    cpu_millicores: int
    memory_mib: int
    gateway: pulumi.Input[str]
    gateway_namespace: pulumi.Input[str]
    scraped_from: str
    domain: str
    region: str
    token_issuer: str
    token_keys: str
    features_table: pulumi.Input[str]
    feature_keys: str
    decisions_bucket: pulumi.Input[str]
    review_table: pulumi.Input[str]
    stop_table: pulumi.Input[str]
    released: bool = False


class Serving(pulumi.ComponentResource):
    """A service that can lose a pod, roll without losing a request, and be reached only by the gateway."""

    hostname: pulumi.Output[str]
    """Host name at which the gateway answers for the service; known when the pods are ready."""

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the pods, then the way to them."""
        super().__init__("plinth:serving:Serving", name, None, opts)
        labels = _own_labels(args)
        # What holds for all pods of the service, whichever version they are.
        everyone = {SERVICE_LABEL: args.service} if args.released else labels
        child = pulumi.ResourceOptions(parent=self)

        def metadata(annotations: Mapping[str, str] | None = None) -> kubernetes.meta.v1.ObjectMetaArgs:
            return kubernetes.meta.v1.ObjectMetaArgs(
                name=args.service,
                namespace=args.namespace,
                labels=labels,
                annotations=FIELD_MANAGER | dict(annotations or {}),
            )

        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account", metadata=metadata(), automount_service_account_token=False, opts=child
        )
        network = kubernetes.networking.v1.NetworkPolicy(
            f"{name}-from-gateway",
            metadata=metadata(),
            spec=traffic(everyone, port=PORT, sources=(args.gateway_namespace, args.scraped_from)),
            opts=child,
        )
        budget = kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=metadata(),
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                min_available=args.replicas - 1,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=everyone),
            ),
            opts=child,
        )
        issuer = kubernetes.core.v1.ConfigMap(
            f"{name}-issuer",
            metadata=metadata(),
            data={KEYS_FILE: args.token_keys, FEATURE_KEYS_FILE: args.feature_keys},
            opts=child,
        )
        deployment = kubernetes.apps.v1.Deployment(
            name,
            metadata=metadata(annotations={**args.card, "plinth.dev/model-digest": args.model_digest}),
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                replicas=args.replicas,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
                strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                        max_unavailable=0, max_surge=1
                    ),
                ),
                template=_pod(labels | everyone, args, account.metadata.name, issuer.metadata.name),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[network],
                ignore_changes=["spec.replicas"] if args.released else None,
                custom_timeouts=pulumi.CustomTimeouts(create="5m", update="10m", delete="2m"),
            ),
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[deployment])
        way = [] if args.released else _way(name, args, metadata(), child, after)
        self.hostname = pulumi.Output.all(deployment.urn, budget.urn, *way).apply(lambda _: _hostname(args))
        self.register_outputs({"hostname": self.hostname})


def _own_labels(args: ServingArgs) -> dict[str, str]:
    return {"app.kubernetes.io/name": args.service, "app.kubernetes.io/part-of": "plinth"}


def _hostname(args: ServingArgs) -> str:
    return f"{args.service}.{args.domain}"


def _way(
    name: str,
    args: ServingArgs,
    meta: kubernetes.meta.v1.ObjectMetaArgs,
    child: pulumi.ResourceOptions,
    after: pulumi.ResourceOptions,
) -> list[pulumi.Output[str]]:
    """Place the Service and, after the pods, the route; return what is known when it stands."""
    service = kubernetes.core.v1.Service(
        f"{name}-service",
        metadata=meta,
        spec=kubernetes.core.v1.ServiceSpecArgs(
            selector=_own_labels(args),
            ports=[kubernetes.core.v1.ServicePortArgs(name="http", port=80, target_port="http")],
        ),
        opts=child,
    )
    route = kubernetes.apiextensions.CustomResource(
        f"{name}-route",
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=meta,
        spec={
            "parentRefs": [{"name": args.gateway, "namespace": args.gateway_namespace}],
            "hostnames": [_hostname(args)],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": ROUTED_PATHS}}],
                    "backendRefs": [{"name": service.metadata.name, "port": 80}],
                    "timeouts": {"request": f"{REQUEST_TIMEOUT_SECONDS}s"},
                }
            ],
        },
        opts=after,
    )
    return [route.urn]


def _pod(
    labels: dict[str, str],
    args: ServingArgs,
    account: pulumi.Input[str],
    issuer: pulumi.Input[str],
) -> kubernetes.core.v1.PodTemplateSpecArgs:
    """Return the pod: restricted, without a token, spread over nodes, drained before it ends."""
    return kubernetes.core.v1.PodTemplateSpecArgs(
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            labels=labels,
            annotations={
                "plinth.dev/model-digest": args.model_digest,
                # Keys are read at the start of a process, so new ones must start new processes.
                "plinth.dev/issuer-keys": _digest(args.token_keys, args.feature_keys),
            },
        ),
        spec=kubernetes.core.v1.PodSpecArgs(
            service_account_name=account,
            automount_service_account_token=False,
            enable_service_links=False,
            node_selector={"plinth.dev/pool": "serving"},
            termination_grace_period_seconds=GRACE_SECONDS,
            topology_spread_constraints=[
                kubernetes.core.v1.TopologySpreadConstraintArgs(
                    max_skew=1,
                    topology_key="kubernetes.io/hostname",
                    when_unsatisfiable="ScheduleAnyway",
                    label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
                )
            ],
            security_context=kubernetes.core.v1.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=USER_ID,
                run_as_group=USER_ID,
                fs_group=USER_ID,
                seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            containers=[_container(args)],
            volumes=[
                *(
                    kubernetes.core.v1.VolumeArgs(
                        name=volume, empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs(size_limit=size)
                    )
                    for volume, size in (("bentoml-home", "256Mi"), ("tmp", "64Mi"), ("decisions", "1Gi"))
                ),
                kubernetes.core.v1.VolumeArgs(
                    name="issuer", config_map=kubernetes.core.v1.ConfigMapVolumeSourceArgs(name=issuer)
                ),
            ],
        ),
    )


def _digest(*texts: str) -> str:
    return f"sha256:{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()}"


def _container(args: ServingArgs) -> kubernetes.core.v1.ContainerArgs:
    var = kubernetes.core.v1.EnvVarArgs
    return kubernetes.core.v1.ContainerArgs(
        name="serve",
        image=args.image,
        ports=[kubernetes.core.v1.ContainerPortArgs(name="http", container_port=PORT)],
        env=[
            var(name="BENTOML_DO_NOT_TRACK", value="True"),
            var(name="BENTOML_HOME", value="/home/bentoml"),
            var(name="OMP_NUM_THREADS", value="1"),
            var(name="ORT_DISABLE_TELEMETRY", value="1"),
            # The image is read-only and known by its digest; nothing may be written beside the code.
            var(name="PYTHONDONTWRITEBYTECODE", value="1"),
            # Read in services/readiness: security.py, decisions.py, review_feed.py, stopping.py.
            var(name="AWS_DEFAULT_REGION", value=args.region),
            var(name="PLINTH_TOKEN_ISSUER", value=args.token_issuer),
            var(name="PLINTH_TOKEN_AUDIENCE", value=args.service),
            var(name="PLINTH_TOKEN_KEYS_FILE", value=f"{ISSUER_FOLDER}/{KEYS_FILE}"),
            var(name="PLINTH_FEATURES_TABLE", value=args.features_table),
            var(name="PLINTH_FEATURES_KEYS_FILE", value=f"{ISSUER_FOLDER}/{FEATURE_KEYS_FILE}"),
            var(name="PLINTH_DECISIONS_FOLDER", value=DECISIONS_FOLDER),
            var(name="PLINTH_DECISIONS_BUCKET", value=args.decisions_bucket),
            var(name="PLINTH_REVIEW_TABLE", value=args.review_table),
            var(name="PLINTH_STOP_TABLE", value=args.stop_table),
        ],
        resources=kubernetes.core.v1.ResourceRequirementsArgs(
            requests={"cpu": f"{args.cpu_millicores}m", "memory": f"{args.memory_mib}Mi"},
            limits={"cpu": f"{args.cpu_millicores * CPU_BURST}m", "memory": f"{args.memory_mib}Mi"},
        ),
        # A pod may take a minute to load its model before anything else judges it.
        startup_probe=_probe("/readyz", period=2, failures=30, timeout=3),
        readiness_probe=_probe("/readyz", period=2, failures=2, timeout=3),
        liveness_probe=_probe("/livez", period=10, failures=3, timeout=5),
        lifecycle=kubernetes.core.v1.LifecycleArgs(
            pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(
                sleep=kubernetes.core.v1.SleepActionArgs(seconds=DRAIN_SECONDS)
            )
        ),
        security_context=kubernetes.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=kubernetes.core.v1.CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        volume_mounts=[
            kubernetes.core.v1.VolumeMountArgs(name="bentoml-home", mount_path="/home/bentoml"),
            kubernetes.core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - inside the pod
            kubernetes.core.v1.VolumeMountArgs(name="decisions", mount_path=DECISIONS_FOLDER),
            kubernetes.core.v1.VolumeMountArgs(name="issuer", mount_path=ISSUER_FOLDER, read_only=True),
        ],
    )


def _probe(path: str, *, period: int, failures: int, timeout: int) -> kubernetes.core.v1.ProbeArgs:
    """Return an HTTP probe; all times in seconds."""
    return kubernetes.core.v1.ProbeArgs(
        http_get=kubernetes.core.v1.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=timeout,
    )
