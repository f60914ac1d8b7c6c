"""What breaks a control is refused on every way to change an environment, with the pack and without."""

import json
import re
from typing import Any

import pytest
from clones import Clone, edit

from infra.errors import Exit
from policies.families import FAMILIES

pytestmark = pytest.mark.local

IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/wrong@sha256:{'a' * 64}"
ADMIN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
POD = {
    "metadata": {"name": "wrong", "namespace": "serving"},
    "spec": {"containers": [{"name": "a", "image": IMAGE, "securityContext": {"privileged": True}}]},
}
WRONG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "storage": (
        "storage-bucket-blocks-public-access",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"bucket": "somewhere", "blockPublicAcls": True},
    ),
    "keys": ("key-rotates", "aws:kms/key:Key", {"deletionWindowInDays": 30}),
    "identity": (
        "identity-grants-no-admin",
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "somebody", "policy": json.dumps(ADMIN)},
    ),
    "network": (
        "network-egress-is-narrow",
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "description": "out",
            "egress": [
                {
                    "description": "all",
                    "protocol": "-1",
                    "fromPort": 0,
                    "toPort": 0,
                    "cidrBlocks": ["0.0.0.0/0"],
                }
            ],
        },
    ),
    "nodes": (
        "node-metadata-needs-token",
        "aws:ec2/launchTemplate:LaunchTemplate",
        {"metadataOptions": {"httpTokens": "optional"}},
    ),
    "cluster": (
        "cluster-entry-is-by-role",
        "aws:eks/accessEntry:AccessEntry",
        {"clusterName": "plinth", "principalArn": "arn:aws:iam::123456789012:user/ann"},
    ),
    "images": (
        "image-tags-stay",
        "aws:ecr/repository:Repository",
        {"name": "plinth/wrong", "imageTagMutability": "MUTABLE"},
    ),
    "audit": (
        "log-is-encrypted",
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/plinth/wrong", "retentionInDays": 400},
    ),
    "watch": ("threats-are-watched", "aws:guardduty/detector:Detector", {"enable": False}),
    "messages": ("topic-is-encrypted", "aws:sns/topic:Topic", {"name": "plinth-wrong"}),
    "recovery": (
        "table-can-go-back",
        "aws:dynamodb/table:Table",
        {
            "name": "plinth-wrong",
            "hashKey": "a",
            "billingMode": "PAY_PER_REQUEST",
            "attributes": [{"name": "a", "type": "S"}],
        },
    ),
    "pods": ("pod-is-unprivileged", "kubernetes:core/v1:Pod", POD),
    "namespaces": (
        "default-namespace-is-unused",
        "kubernetes:core/v1:ConfigMap",
        {"metadata": {"name": "wrong", "namespace": "default"}},
    ),
    "rights": (
        "rbac-names-what-it-allows",
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
        {"metadata": {"name": "wrong"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]},
    ),
    "continuity": (
        "admission-refuses",
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
        {
            "metadata": {"name": "wrong"},
            "spec": {"failurePolicy": "Ignore", "validations": [{"expression": "true"}]},
        },
    ),
    "estate": (
        "data-has-a-class",
        "aws:sqs/queue:Queue",
        {"name": "plinth-wrong", "kmsMasterKeyId": "alias/plinth-local-alerts"},
    ),
    "readiness": (
        "service-has-a-contract",
        "kubernetes:apps/v1:Deployment",
        {
            "metadata": {"name": "wrong-service", "namespace": "serving", "annotations": {}},
            "spec": {
                "selector": {"matchLabels": {"app": "wrong"}},
                "template": {"metadata": {"labels": {"app": "wrong"}}, "spec": POD["spec"]},
            },
        },
    ),
}
"""Family to a control and a resource that breaks it, as a colleague in a hurry writes it."""
PROGRAM = """
    import json
    from pathlib import Path

    import pulumi_aws as aws

    for family, (kind, props) in json.loads(Path(__file__).with_name("wrong.json").read_text()).items():
        provider = providers.aws if kind.startswith("aws:") else providers.kubernetes
        pulumi.CustomResource(kind, "wrong-" + family, props, pulumi.ResourceOptions(provider=provider))
    # A policy that nobody knows before the key is there.
    unknown = aws.kms.Key("unsure-key", opts=pulumi.ResourceOptions(provider=providers.aws)).arn
    aws.s3.BucketPolicy(
        "unsure",
        bucket="somewhere",
        policy=unknown.apply(lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [arn]})),
        opts=pulumi.ResourceOptions(provider=providers.aws),
    )
    return Outputs("""
LATE = """
    import pulumi_aws as aws

    if not pulumi.runtime.is_dry_run():  # no preview shows it
        aws.s3.Bucket("late", bucket="late-bucket", opts=pulumi.ResourceOptions(provider=providers.aws))
    return Outputs("""
SHIPPED = re.compile(r" PUT https://plinth-local-decisions-\S+ \S+ s3:PutObject ")
ENGINE = 'eval "$(./plinth env)"; '
BARE = (
    f"{ENGINE} unset PULUMI_OPTION_POLICY_PACK PULUMI_OPTION_POLICY_PACK_CONFIG PLINTH_ACCEPTANCE; "
    "export PULUMI_OPTION_COLOR=never; "
)
PLAIN = "pulumi up with the pack"
WAYS = {
    "plinth preview": "./plinth preview",
    "plinth up": "./plinth up",
    PLAIN: f"{ENGINE} pulumi up --yes --color never",
    "pulumi up with the pack, without a preview": f"{ENGINE} pulumi up --yes --skip-preview --color never",
    "pulumi up without the pack": f"{BARE} pulumi up --yes",
    "pulumi up without pack and preview": f"{BARE} pulumi up --yes --skip-preview",
}


def _writes(clone: Clone, asked: int) -> list[str]:
    """Return who put or deleted what since then, but for services that go on shipping their decision log."""
    changed = [line for line in clone.access_log()[asked:] if re.search(r" (PUT|DELETE) ", line)]
    return [line for line in changed if not SHIPPED.search(line)]


def test_a_control_of_each_family_is_refused_on_every_way_and_nothing_is_created(refused: Clone) -> None:
    assert set(WRONG) == {family.name for family in FAMILIES}
    edit(refused.root / "infra" / "program.py", r"\n    return Outputs\(", PROGRAM)
    wrong = {family: (kind, _typed(kind, props)) for family, (_, kind, props) in WRONG.items()}
    (refused.root / "infra" / "wrong.json").write_text(json.dumps(wrong), encoding="utf-8")
    state, buckets, asked = refused.resources(), refused.buckets(), len(refused.access_log())

    said = {way: refused.shell(script) for way, script in WAYS.items()}

    for way, done in said.items():
        assert done.code != 0, f"{way}: {done.text}"
        assert "Traceback" not in done.text, f"{way}: {done.text}"
        silent = [family for family, (control, _, _) in WRONG.items() if f"[{control}, " not in done.text]
        if way == PLAIN:  # in its preview the engine stops soon after the first violation
            assert len(silent) < len(WRONG), done.text
            continue
        assert silent == [], f"{way}: {done.text}"
        assert "policy is not known yet" in done.text, way
    assert said["plinth preview"].code == said["plinth up"].code == Exit.REFUSED
    assert refused.resources() == state
    assert refused.buckets() == buckets
    assert _writes(refused, asked) == []
    with refused.kubernetes() as api:
        assert api.get("/api/v1/namespaces/default/configmaps/wrong").status_code == 404


def _typed(kind: str, props: dict[str, Any]) -> dict[str, Any]:
    """Return the properties as the SDK sends them: objects of Kubernetes name their kind."""
    package, version, name = kind.split(":")
    typed = {"apiVersion": version.removeprefix("core/"), "kind": name} if package == "kubernetes" else {}
    return {**typed, **props}


def test_what_only_an_update_registers_is_refused(refused: Clone) -> None:
    edit(refused.root / "infra" / "program.py", r"\n    return Outputs\(", LATE)
    buckets = refused.buckets()

    bare = refused.shell(f"{BARE} pulumi up --yes --skip-preview")

    assert bare.code != 0
    assert "was not there when the program was judged" in bare.text
    assert "Traceback" not in bare.text, bare.text
    assert refused.buckets() == buckets


def test_a_program_without_violations_may_be_driven_without_the_pack(settled: Clone) -> None:
    settled.shell(f"{BARE} pulumi up --yes --skip-preview").ended(Exit.OK)


def test_the_cluster_refuses_what_goes_around_the_engine(settled: Clone) -> None:
    with settled.kubernetes() as api:
        # A Deployment, since a pod would already be refused by the namespace's own level.
        answer = api.post(
            "/apis/apps/v1/namespaces/serving/deployments",
            json=_typed(*WRONG["readiness"][1:]),
            params={"dryRun": "All"},
        )
        default = api.post(
            "/api/v1/namespaces/default/configmaps",
            json={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wrong"}},
            params={"dryRun": "All"},
        )

    assert answer.status_code == default.status_code == 403
    assert "[default-namespace-is-unused]" in default.text
    assert "ValidatingAdmissionPolicy 'plinth-pods'" in answer.text
    assert "[pod-is-unprivileged]" in answer.text


def test_what_is_deployed_is_audited_live_and_what_somebody_changed_is_found(settled: Clone) -> None:
    found = settled.plinth("policy", "audit", "--json").ended(Exit.OK).json

    assert found["answer"] == "passed"
    assert found["agreement"]["share"] == 1, found["agreement"]["differences"]
    assert found["agreement"]["compared"] > 500
    assert found["gone"] == found["not_in_state"] == []
    assert found["unseen"] == {}

    with settled.aws("kms") as kms:
        key = kms.describe_key(KeyId="alias/plinth-local-artifacts")["KeyMetadata"]["KeyId"]
        kms.disable_key_rotation(KeyId=key)
        try:
            told = settled.plinth("policy", "audit").ended(Exit.REFUSED, "[key-rotates, ")
        finally:
            kms.enable_key_rotation(KeyId=key)
    assert "declared and live differ: key-rotates: artifacts-key: declared kept, live violated" in told.text
