"""A bare platform with the program's own objects of one service; what they are not needed for is left out."""

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.errors import Exit, PlinthError
from infra.local import issuer, session
from infra.local.control_plane.kube_api import KubeApi, KubeError
from infra.local.images import ImageRef
from infra.local.monitor import DRILL_FILE
from infra.local.paths import home
from infra.local.supervisor.layout import Site
from infra.ops import contracts, emulated, graph, planned, rehearse, releases
from infra.ops.account import Account
from infra.ops.console import Steps
from infra.rollout.objects import shadow_name
from infra.rollout.sense import no_release
from infra.rollout.served import APPROVED, PRIMARY
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE
from infra.settings_tokens import TOKENS_VARIABLE
from services.credit_risk.data import load
from services.readiness.attestation import Evidence

STACK, SERVICE, NAMESPACE = "local", "credit-risk", "serving"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PARTS = (
    "aws", "etcd", "apiserver", "controller-manager", "scheduler", "runner", "gateway", "envoy", "monitor",
    "prometheus", "operations", "flagger",
)  # fmt: skip
"""Parts of the platform that a release needs; there are no simulated nodes, and nobody to be told."""
PACE = {
    "engine": "flagger",
    "weights": [25, 50],
    "interval_seconds": 10,
    "failed_checks": 2,
    "ready_seconds": 40,
}
"""The shortest look that Flagger takes; two steps. Two pods are ready after 10 to 25 s on two busy cores; one
that never is ready is given up within 60 s: a look until it starts, these 40, and a look that finds out."""
SCRAPE_SECONDS = 2
LEAST_SCRAPE_SECONDS = 5
"""The least that the settings take; the drill's own Prometheus looks oftener."""
SEED = 10
"""Of the order of requests: the file's own is sorted in places."""
READY_SECONDS = 180.0
LOOK_SECONDS = 0.5
_PLURALS = {
    "Canary": "canaries",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Gateway": "gateways",
    "GatewayClass": "gatewayclasses",
    "MetricTemplate": "metrictemplates",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
"""What is placed of the service's namespace and of the gateway's."""
_CONFIGURED = ("monitoring", "prometheus")
"""Namespace and name of the one ConfigMap of what watches."""


@dataclass(kw_only=True)
class Stage:
    """A platform with a stable version in service.

    Args:
        platform: As it is now.
        kube: The API server, as an administrator sees it.
        settings: Settings of the stack, with Flagger as the engine.
        stable: Image of the version in service.
        bento: The packed service.
    """

    platform: session.Platform
    kube: KubeApi
    settings: Settings
    stable: ImageRef
    bento: Path

    @property
    def host(self) -> str:
        """Return the service's host name."""
        return f"{SERVICE}.{self.settings.gateway.domain}"

    def canary(self) -> dict[str, Any]:
        """Return the Canary."""
        return self.kube.get(f"/apis/flagger.app/v1beta1/namespaces/{NAMESPACE}/canaries/{SERVICE}")

    def weight(self) -> int:
        """Return the candidate's share of the requests in percent, as the route says."""
        route = self.kube.get(
            f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes/{SERVICE}"
        )
        shares = {one["name"]: one.get("weight", 1) for one in route["spec"]["rules"][0]["backendRefs"]}
        return int(shares.get(f"{SERVICE}-canary", 0))

    def patch(self, body: Mapping[str, Any]) -> None:
        """Change the service's Deployment."""
        self.kube.call(
            "PATCH",
            f"{DEPLOYMENTS}/{SERVICE}?fieldManager=plinth",
            json.dumps(body).encode(),
            "application/strategic-merge-patch+json",
        )

    def release(self, image: ImageRef) -> None:
        """Ask for another version, as the program does.

        Raises:
            PlinthError: It is the version in service, or none is in service: there is nothing to release.
        """
        target = self.kube.get(f"{DEPLOYMENTS}/{SERVICE}")
        target["spec"]["template"]["spec"]["containers"][0]["image"] = str(image)
        if objection := no_release(target, self._stable()):
            raise PlinthError(f"There is nothing to release: {objection}.", code=Exit.REFUSED)
        container = {"name": "serve", "image": str(image)}
        self.patch({"spec": {"template": {"spec": {"containers": [container]}}}})

    def approve(self, image: ImageRef) -> None:
        """Let a version go to everybody, as a person does."""
        self.patch({"metadata": {"annotations": {APPROVED: str(image)}}})

    def in_service(self) -> str:
        """Return the image of the version in service."""
        stable = self.kube.get(f"{DEPLOYMENTS}/{SERVICE}{PRIMARY}")
        return str(stable["spec"]["template"]["spec"]["containers"][0]["image"])

    def _stable(self) -> dict[str, Any] | None:
        try:
            return self.kube.get(f"{DEPLOYMENTS}/{SERVICE}{PRIMARY}")
        except KubeError as error:
            if error.status != http.client.NOT_FOUND:
                raise
            return None

    def candidates(self) -> int:
        """Return how many pods of the candidate there are."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3D{SERVICE}"
        return len(self.kube.get(path)["items"])


def bodies() -> list[dict[str, Any]]:
    """Return known requests, which are sent in turn.

    All there are, each once: any thousand of them in a row are spread as the training data are. (Of 64 that
    were sent again and again, the contract's limit on drift rightly undid a good release.)
    """
    known = [one.model_dump() for one in load().applications]
    random.Random(SEED).shuffle(known)  # noqa: S311 - no secret
    return known


def build(steps: Steps) -> Stage:
    """Bring up a bare platform and a stable version of the service.

    Raises:
        PlinthError: A part does not start, the policies refuse the program, or the version does not come into
            service.
    """
    with steps.step("local platform"):
        platform = session.start(lambda part, state, _: steps.say(f"{part} {state}"), parts=PARTS)
    with steps.step("service"):
        steps.say("training and packing what changed")
        settings = _settings(build_first=True)
    with steps.step("contract"):
        _promise(settings)
    site = Site.load(home() / "local" / "site.json")
    (site.monitoring / DRILL_FILE).write_text(json.dumps({"divisor": 1, "scrape_seconds": SCRAPE_SECONDS}))
    certificate = site.pki / "client-admin"
    kube = KubeApi(
        site.ports["apiserver"],
        site.pki / "kube-ca.crt",
        certificate.with_suffix(".crt"),
        certificate.with_suffix(".key"),
    )
    stage = Stage(
        platform=platform,
        kube=kube,
        settings=settings,
        stable=ImageRef.parse(settings.release(SERVICE).image),
        bento=home() / "build" / SERVICE / "bento",
    )
    with steps.step("objects"):
        found = graph.resources(settings)
        _stores(Account.of(settings), found)
        placed = objects(found)
        for one in placed:
            kube.call(
                "PATCH",
                f"{path_of(one)}?fieldManager=plinth&force=true",
                json.dumps(one).encode(),
                "application/apply-patch+yaml",
            )
        steps.say(f"{len(placed)} of the program's {len(found.asked)} resources")
        until(lambda: stage.canary().get("status", {}).get("phase") == "Initialized", "the stable version")
    return stage


def until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Wait for something; an API server that does not answer is asked again.

    Raises:
        PlinthError: It did not happen.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (KubeError, OSError):
            pass  # it is started anew
        time.sleep(LOOK_SECONDS)
    raise PlinthError(
        f"It did not happen within {seconds:g} s: {what}.",
        where=str(home() / "local" / "logs" / "flagger.log"),
    )


def objects(found: graph.Recorder) -> list[dict[str, Any]]:
    """Return what is placed, namespaces first. Pure."""
    chosen = []
    for kind, _, inputs in found.asked:
        manifest = _whole(inputs)
        meta = manifest.get("metadata", {})
        place = (meta.get("namespace", ""), meta.get("name", ""))
        if not kind.startswith("kubernetes:") or manifest.get("kind") not in _PLURALS:
            continue
        configured = manifest["kind"] == "ConfigMap" and place == _CONFIGURED
        inside = place[0] in (NAMESPACE, "gateway") and _needed(manifest)
        if inside or configured or manifest["kind"] in ("GatewayClass", "Namespace"):
            chosen.append(manifest)
    return sorted(chosen, key=lambda one: one["kind"] != "Namespace")


def _needed(manifest: Mapping[str, Any]) -> bool:
    if manifest["kind"] == "NetworkPolicy":
        return False  # nothing enforces one here
    return manifest["kind"] in ("Gateway", "MetricTemplate") or manifest["metadata"]["name"] in (
        SERVICE,
        shadow_name(SERVICE),
    )


def _whole(value: Any) -> Any:
    """Return a value in which whole numbers are written as such: the recorder has floats only."""
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def path_of(manifest: Mapping[str, Any]) -> str:
    """Return the path of an object in the API. Pure."""
    api, meta = manifest["apiVersion"], manifest["metadata"]
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    inside = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
    return f"{root}{inside}/{_PLURALS[manifest['kind']]}/{meta['name']}"


def _settings(*, build_first: bool) -> Settings:
    """Return the stack's settings with this one service, and Flagger as the engine."""
    file = emulated.stack_file(STACK)
    tokens = {TOKENS_VARIABLE: str(issuer.settings_file())}
    if build_first:
        releases.build(_changed(Settings.from_file(file, environ=tokens)))
    found = {**tokens, RELEASES_VARIABLE: str(releases.releases_file(STACK))}
    return _changed(Settings.from_file(file, environ=found))


def _changed(settings: Settings) -> Settings:
    raw = json.loads(settings.model_dump_json())
    kept = {SERVICE: raw["services"][SERVICE]}
    watched = {**raw["monitoring"], "scrape_seconds": LEAST_SCRAPE_SECONDS}
    built = {name: raw["releases"][name] for name in kept if name in raw["releases"]}
    return Settings.parse(
        {**raw, "services": kept, "releases": built, "rollout": PACE, "monitoring": watched},
        stack=STACK,
        environ={},
    )


def _promise(settings: Settings) -> None:
    """Let the policies judge the whole program, and sign the contract for development.

    Raises:
        RefusedError: The contract does not hold.
    """
    judgement = rehearse.judged(settings, planned.resources(settings))
    refusals = judgement.refusals()
    contracts.leave_evidence(
        STACK,
        Evidence(
            name="policies",
            digest=settings.release(SERVICE).model_digest,
            passed=not refusals,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            figures={"policies.mandatory_violations": float(len(refusals))},
        ),
    )
    contracts.require(settings)


def _stores(account: Account, found: graph.Recorder) -> None:
    """Make the tables and the bucket that the service reads and writes, with the program's names and keys."""
    client = account.client("dynamodb")
    for kind, name, given in found.asked:
        if kind == "aws:dynamodb/table:Table":
            keys = {"HASH": given["hashKey"], "RANGE": given.get("rangeKey")}
            indexes = [
                {
                    "IndexName": one["name"],
                    "KeySchema": _schema({key["keyType"]: key["attributeName"] for key in one["keySchemas"]}),
                    "Projection": {"ProjectionType": one["projectionType"]},
                }
                for one in given.get("globalSecondaryIndexes") or []
            ]
            client.create_table(
                TableName=given["name"],
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": one["name"], "AttributeType": one["type"]}
                    for one in given["attributes"]
                ],
                KeySchema=_schema(keys),
                **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
            )
        elif (kind, name) == ("aws:s3/bucket:Bucket", "decisions"):
            account.client("s3").create_bucket(
                Bucket=given["bucket"],
                CreateBucketConfiguration={"LocationConstraint": account.region},
            )


def _schema(keys: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for kind, name in keys.items() if name]
