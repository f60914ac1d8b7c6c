"""Who decides about new versions of the services: nobody but readiness, or Flagger by evidence."""

from collections.abc import Mapping

import pulumi

from infra import naming
from infra.components.release import Release, ReleaseArgs, ReleaseChecks, ReleaseChecksArgs
from infra.components.restricted_namespace import RestrictedNamespace
from infra.components.serving import REQUEST_TIMEOUT_SECONDS, ROUTED_PATHS, Serving
from infra.components.watcher import Reach, Watcher, WatcherArgs
from infra.errors import SettingsError
from infra.iam.cluster_rules import SEE, Rule
from infra.rollout import sense
from infra.rollout.objects import GROUP, PROVIDER, ROUTES, Pace, Route
from infra.settings import Settings
from infra.watch_pods import WatchPod
from infra.wiring import images, monitoring, readiness

CHANGE = (*SEE, "create", "update", "patch", "delete")
FLAGGER_PORT = 8080
LABELS = "app.kubernetes.io/part-of,plinth.dev/"
"""Prefixes of labels and annotations that the stable Deployment takes over from the target."""


def build(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    servings: Mapping[str, Serving],
    gateway_namespace: str,
    namespace: RestrictedNamespace,
) -> dict[str, Release]:
    """Build what decides, and a release of each service; nothing where readiness alone decides.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        servings: The services' pods.
        gateway_namespace: Namespace of the gateway.
        namespace: Namespace of the services.

    Raises:
        SettingsError: A service has no contract, so nobody could say what is a bad release; or releases go
            too slowly for what contracts promise.
    """
    wanted = settings.rollout
    if wanted.engine == "none":
        return {}
    pace = Pace(
        weights=tuple(wanted.weights),
        interval_seconds=wanted.interval_seconds,
        failed_checks=wanted.failed_checks,
        ready_seconds=wanted.ready_seconds,
        variants=wanted.variants,
        scrape_seconds=settings.monitoring.scrape_seconds,
    )
    contracts = {service: readiness.contract(service) for service in sorted(servings)}
    mistakes = list(sense.blind(pace))
    mistakes += [
        mistake
        for service, contract in contracts.items()
        if contract
        for mistake in sense.impossible(service, contract, pace)
    ]
    if mistakes:
        raise SettingsError(
            "\n".join(["Releases could not go as promised:", *(f"  - {one}" for one in mistakes)]),
            where=f"stacks/Pulumi.{settings.environment}.yaml, key plinth:rollout",
            fix="Set plinth:monitoring.scrape_seconds to 10 with the defaults, or change the pace.",
        )
    before: list[pulumi.Resource] = [
        ReleaseChecks("release-checks", ReleaseChecksArgs(namespace=namespace.name), opts)
    ]
    if wanted.flagger_image:
        before.append(flagger(settings, opts))
    found = {}
    for service, serving in sorted(servings.items()):
        contract = contracts[service]
        if contract is None:
            raise SettingsError(
                f"Service '{service}' has no contract, so nobody could say which release of it is bad.",
                where=f"services/{service.replace('-', '_')}/contract.yaml",
                fix="Write one: ./plinth contract check says what it needs.",
            )
        found[service] = Release(
            f"{service}-release",
            ReleaseArgs(
                service=service,
                namespace=namespace.name,
                contract=contract,
                route=Route(
                    gateway=naming.PROJECT,
                    gateway_namespace=gateway_namespace,
                    hostname=f"{service}.{settings.gateway.domain}",
                    prefix=ROUTED_PATHS,
                    timeout_seconds=REQUEST_TIMEOUT_SECONDS,
                ),
                pace=pace,
            ),
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*before, serving])),
        )
    return found


def flagger(settings: Settings, opts: pulumi.ResourceOptions) -> Watcher:
    """Build Flagger: it may change what a release consists of, and reads no Secret."""
    place = monitoring.NAMESPACE
    return Watcher(
        "flagger",
        WatcherArgs(
            namespace=place,
            replicas=2,
            reach=Reach(
                namespaces={place: [monitoring.PROMETHEUS_PORT, monitoring.OPERATIONS_PORT]},
                cidrs=[settings.network.cidr, settings.network.service_cidr],
            ),
            asked_from=place,
            rights=[
                Rule(group=GROUP.partition("/")[0], resources=["canaries", "canaries/status"], verbs=CHANGE),
                Rule(
                    group=GROUP.partition("/")[0],
                    resources=["metrictemplates", "alertproviders"],
                    verbs=SEE,
                ),
                Rule(group="apps", resources=["deployments"], verbs=CHANGE),
                Rule(group="", resources=["services"], verbs=CHANGE),
                Rule(group=ROUTES, resources=["httproutes"], verbs=CHANGE),
                Rule(group="", resources=["events"], verbs=["create", "patch"]),
                Rule(group="coordination.k8s.io", resources=["leases"], verbs=CHANGE),
            ],
            pod=WatchPod(
                name="flagger",
                image=images.image(settings, settings.rollout.flagger_image),
                args=[
                    f"-mesh-provider={PROVIDER}",
                    f"-metrics-server=http://prometheus.{place}:{monitoring.PROMETHEUS_PORT}",
                    f"-include-label-prefix={LABELS}",
                    "-enable-config-tracking=false",
                    "-enable-leader-election=true",
                    f"-leader-election-namespace={place}",
                    f"-port={FLAGGER_PORT}",
                ],
                port=FLAGGER_PORT,
                port_name="http",
                probe="/healthz",
                cpu="50m",
                memory="128Mi",
                token=True,
            ),
        ),
        opts,
    )
