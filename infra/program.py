"""The whole system on one page: what there is, and who may reach what."""

import pulumi

from infra import naming
from infra.components.gateway import Gateway, GatewayArgs
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.components.serving import Serving, ServingArgs
from infra.data_classes import bucket_name
from infra.iam import cluster_rules
from infra.iam.bucket_policies import recorder_delivers, trail_delivers
from infra.iam.key_policies import alerts_grant, logs_grant, trail_grant
from infra.outputs import Outputs
from infra.providers import Providers
from infra.settings import Settings
from infra.wiring import (
    admission,
    audit,
    autoscaling,
    cluster,
    cost,
    foundation,
    gpu,
    images,
    monitoring,
    readiness,
    recovery,
    releases,
    storage,
    streaming,
)

GATEWAY_NAMESPACE = "gateway"
SERVING_PODS = 40
"""Most pods in the serving namespace: twenty services of two, or a few during a rollout."""
GATEWAY_PODS = 4
"""Most pods of the gateway: two, and two more while they are replaced."""


def build(settings: Settings, providers: Providers) -> Outputs:
    """Build the environment that ``settings`` describe.

    Raises:
        SettingsError: A service has no release, so there is no image that could run.
    """
    account, region = settings.aws.account_id, settings.aws.region
    plain = pulumi.ResourceOptions(providers=providers.all())

    # Identity: a boundary around every role that follows; a role for each duty, as infra/iam states it.
    opts = foundation.bounded(settings, plain)
    duties = foundation.identity(settings, opts)

    # Storage: a key for each data class, the buckets, the tables; and which AWS services may write there.
    stores = storage.build(
        settings,
        opts,
        key_grants={
            "logs": [logs_grant(account_id=account, region=region)],
            "alerts": [alerts_grant(services=cost.ALERT_SOURCES, account_id=account)],
            "audit": [trail_grant(trail_arn=audit.trail_arn(settings), account_id=account)],
        },
        bucket_grants={
            "audit": [
                *trail_delivers(
                    bucket_name=bucket_name(settings, "audit"),
                    account_id=account,
                    trail_arn=audit.trail_arn(settings),
                ),
                *recorder_delivers(bucket_name=bucket_name(settings, "audit"), account_id=account),
            ]
        },
    )

    # Network: private subnets, endpoints as the only way out unless the settings ask for NAT, flow log.
    network = foundation.network(settings, opts, log_key=stores.keys["logs"])

    # Audit: who did what, what changed, who watches.
    audited = audit.build(settings, opts, stores=stores)

    # Recovery: nightly backups into a locked vault, copies of what cannot be made again in another region.
    elsewhere = pulumi.ResourceOptions(providers=[providers.recovery]) if providers.recovery else None
    recovered = recovery.build(settings, opts, elsewhere=elsewhere, stores=stores)

    # Cost: a budget; when it is spent, the people who size GPU pools can no longer make them larger.
    watched = cost.build(
        settings, opts, stores=stores, stopped_roles=[naming.role(settings.environment, "operator")]
    )

    # Cluster: who may enter, and in which groups; what is allowed inside is RBAC's and admission's business.
    registries = images.own(settings, opts, key=stores.keys["images"])
    compute = cluster.build(
        settings,
        opts,
        network=network,
        keys=stores.keys,
        duties=duties,
        groups={
            "auditor": (cluster_rules.AUDITORS,),
            "break-glass": (cluster_rules.BREAK_GLASS,),
            "ci-deploy": (cluster_rules.DEPLOYERS,),
            "ml-engineer": (settings.gpu.group,),
            "operator": (cluster_rules.OPERATORS,),
        },
    )
    # The emergency role is loud: whoever takes it over, or uses it in the cluster, is noticed.
    audit.watch_break_glass(
        settings,
        opts,
        trail=audited.trail,
        cluster_log=compute.cluster.log_group,
        topic_arn=watched.topic.arn,
    )
    identities = cluster.workloads(settings, opts, cluster=compute.cluster)
    images.copies(settings, opts, key=stores.keys["images"])
    # Nodes come when pods wait for them, GPU nodes from zero, and go when nobody needs them.
    autoscaling.build(settings, opts, identity=identities["cluster-autoscaler"])
    # What reaches the API server on any way meets the controls there again, GPU work its own ones.
    admission.build(settings, opts)
    if settings.gpu.pools:
        gpu.gate(settings, opts)
        gpu.system(settings, opts)

    # Inside it: two namespaces; the gateway's is the only one from which requests reach services.
    gateway_namespace = RestrictedNamespace(
        "gateway-namespace",
        RestrictedNamespaceArgs(
            namespace_name=GATEWAY_NAMESPACE, pods=GATEWAY_PODS, cpu_cores=4, memory_gib=4
        ),
        opts,
    )
    serving_namespace = RestrictedNamespace(
        "serving-namespace",
        RestrictedNamespaceArgs(
            namespace_name="serving",
            pods=SERVING_PODS,
            cpu_cores=64,
            memory_gib=128,
            labels={"plinth.dev/routes": "allowed"},
        ),
        opts,
    )
    cluster.duties(opts, namespaces={"gateway": gateway_namespace.name, "serving": serving_namespace.name})
    gateway = Gateway(
        "gateway",
        GatewayArgs(
            namespace=gateway_namespace.name,
            domain=settings.gateway.domain,
            controller=settings.gateway.controller,
        ),
        opts,
    )

    development = (
        settings.contracts == "development"
    )  # a clone's own signatures count, on emulated stacks only
    # Services: each one from the release that was built and judged for it.
    servings = {
        service: Serving(
            service,
            ServingArgs(
                service=service,
                namespace=serving_namespace.name,
                image=settings.release(service).image,
                card=readiness.card(service),
                model_digest=settings.release(service).model_digest,
                replicas=wanted.replicas,
                cpu_millicores=wanted.cpu_millicores,
                memory_mib=wanted.memory_mib,
                gateway=gateway.name,
                gateway_namespace=gateway_namespace.name,
                scraped_from=monitoring.NAMESPACE,
                domain=settings.gateway.domain,
                region=settings.aws.region,
                token_issuer=settings.tokens.issuer,
                token_keys=settings.tokens.key_set(),
                features_table=stores.tables["features"].name,
                feature_keys=readiness.feature_keys(settings.tokens.builders if development else []),
                decisions_bucket=stores.buckets["decisions"].name,
                review_table=stores.tables["reviews"].name,
                stop_table=stores.tables["registry"].name,
                released=settings.rollout.engine == "flagger",
            ),
            opts,
        )
        for service, wanted in sorted(settings.services.items())
    }
    # New versions of them: shadow, canary and promotion by evidence, where the settings ask for it.
    releases.build(
        settings,
        opts,
        servings=servings,
        gateway_namespace=GATEWAY_NAMESPACE,
        namespace=serving_namespace,
    )

    # The same services for requests that nobody waits for.
    queues = streaming.build(settings, opts, stores=stores, topic_arn=watched.topic.arn)

    # Monitoring: scrapes all of it, and tells people through the topic; its own silence is noticed outside.
    monitoring.build(settings, opts, stores=stores, identities=identities, topic_arn=watched.topic.arn)

    return Outputs(
        environment=pulumi.Output.from_input(str(settings.environment)),
        artifacts_bucket=stores.buckets["artifacts"].name,
        artifacts_key_arn=stores.keys["artifacts"].arn,
        access_log_bucket=stores.access_logs.name,
        buckets=pulumi.Output.all(**{name: bucket.name for name, bucket in stores.buckets.items()}),
        tables=pulumi.Output.all(**{name: table.name for name, table in stores.tables.items()}),
        backup_vault=recovered.vault.name,
        replica_buckets=pulumi.Output.all(**{name: copy.name for name, copy in recovered.replicas.items()}),
        vpc_id=network.vpc_id,
        cluster=compute.cluster.name,
        repositories=pulumi.Output.all(**{name: images.url for name, images in registries.items()}),
        duty_roles=pulumi.Output.all(**{duty: role.arn for duty, role in duties.items()}),
        service_hostnames=pulumi.Output.all(**{name: serving.hostname for name, serving in servings.items()}),
        queues=pulumi.Output.all(**{service: queue.urls for service, queue in queues.items()}),
        model_digests=pulumi.Output.from_input(
            {name: settings.release(name).model_digest for name in sorted(servings)}
        ),
    )
