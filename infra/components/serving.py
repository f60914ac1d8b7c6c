"""One model service in the cluster: pods, the way to them, and what they may reach."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

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
POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where EKS Pod Identity gives a pod its credentials (EKS user guide)."""
ISSUER_FOLDER, KEYS_FILE, FEATURE_KEYS_FILE = "/etc/plinth/issuer", "keys.json", "feature-keys.json"
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


class Serving(pulumi.ComponentResource):
    """A service that can lose a pod, roll without losing a request, and be reached only by the gateway."""

    hostname: pulumi.Output[str]
    """Host name at which the gateway answers for the service; known when the pods are ready."""

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the pods, then the way to them."""
        super().__init__("plinth:serving:Serving", name, None, opts)
        labels = {"app.kubernetes.io/name": args.service, "app.kubernetes.io/part-of": "plinth"}
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
            f"{name}-from-gateway", metadata=metadata(), spec=_from_gateway(labels, args), opts=child
        )
        budget = kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=metadata(),
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                min_available=args.replicas - 1,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
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
                template=_pod(labels, args, account.metadata.name, issuer.metadata.name),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[network],
                custom_timeouts=pulumi.CustomTimeouts(create="5m", update="10m", delete="2m"),
            ),
        )
        service = kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=metadata(),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                selector=labels,
                ports=[kubernetes.core.v1.ServicePortArgs(name="http", port=80, target_port="http")],
            ),
            opts=child,
        )
        hostname = f"{args.service}.{args.domain}"
        route = kubernetes.apiextensions.CustomResource(
            f"{name}-route",
            api_version="gateway.networking.k8s.io/v1",
            kind="HTTPRoute",
            metadata=metadata(),
            spec={
                "parentRefs": [{"name": args.gateway, "namespace": args.gateway_namespace}],
                "hostnames": [hostname],
                "rules": [
                    {
                        # The server's own pages (/docs, /metrics, /schema) stay inside.
                        "matches": [{"path": {"type": "PathPrefix", "value": "/v1/"}}],
                        "backendRefs": [{"name": service.metadata.name, "port": 80}],
                        "timeouts": {"request": f"{REQUEST_TIMEOUT_SECONDS}s"},
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )
        self.hostname = pulumi.Output.all(route.urn, budget.urn).apply(lambda _: hostname)
        self.register_outputs({"hostname": self.hostname})


def _from_gateway(
    labels: dict[str, str], args: ServingArgs
) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Allow what comes from the gateway's and the scrapers' namespace; out, only the way to AWS.

    A policy cannot name an AWS service: the subnets have no way to the internet, so what can be reached on
    port 443 are the endpoints of the VPC. The agent of Pod Identity answers at a link-local address.
    """
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
        policy_types=["Ingress", "Egress"],
        ingress=[
            kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                # Metrics lie on the same port; whoever fetches them has no token, and so gets no decision.
                from_=[
                    kubernetes.networking.v1.NetworkPolicyPeerArgs(
                        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                            match_labels={"kubernetes.io/metadata.name": namespace}
                        )
                    )
                    for namespace in (args.gateway_namespace, args.scraped_from)
                ],
                ports=[kubernetes.networking.v1.NetworkPolicyPortArgs(port=PORT, protocol="TCP")],
            )
        ],
        egress=[
            _to("0.0.0.0/0", 443, "TCP"),
            _to(POD_IDENTITY_AGENT, 80, "TCP"),
            kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
                to=[
                    kubernetes.networking.v1.NetworkPolicyPeerArgs(
                        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                            match_labels={"kubernetes.io/metadata.name": "kube-system"}
                        )
                    )
                ],
                ports=[
                    kubernetes.networking.v1.NetworkPolicyPortArgs(port=53, protocol=protocol)
                    for protocol in ("UDP", "TCP")
                ],
            ),
        ],
    )


def _to(cidr: str, port: int, protocol: str) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgs:
    return kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[
            kubernetes.networking.v1.NetworkPolicyPeerArgs(
                ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr)
            )
        ],
        ports=[kubernetes.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)],
    )


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
