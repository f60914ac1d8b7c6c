"""What must not be is refused before anything is touched, on every way to change an environment."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from clones import Clone, edit

from infra.errors import Exit

pytestmark = pytest.mark.local

NAKED = """
    import pulumi_aws as aws  # a colleague in a hurry

    aws.s3.Bucket("naked", bucket="naked-bucket", opts=pulumi.ResourceOptions(provider=providers.aws))
    return Outputs("""


def _bucket_without_encryption(root: Path) -> None:
    edit(root / "infra" / "program.py", r"\n    return Outputs\(", NAKED)


def _encryption_taken_away(root: Path) -> None:
    edit(
        root / "infra" / "components" / "encrypted_bucket.py",
        r'sse_algorithm="aws:kms",\s+kms_master_key_id=args.key_arn,',
        'sse_algorithm="AES256",',
    )


def _privileged_pod(root: Path) -> None:
    edit(
        root / "infra" / "components" / "serving.py",
        "allow_privilege_escalation=False,",
        "privileged=True,",
    )


@pytest.mark.parametrize(
    ("change", "resource", "control", "remedy"),
    [
        pytest.param(
            _bucket_without_encryption,
            "naked",
            "storage-bucket-uses-kms",
            "Attach an aws.s3.BucketServerSideEncryptionConfiguration with sse_algorithm aws:kms",
            id="a bucket without encryption",
        ),
        pytest.param(
            _encryption_taken_away,
            "artifacts",
            "storage-bucket-uses-kms",
            "Attach an aws.s3.BucketServerSideEncryptionConfiguration with sse_algorithm aws:kms",
            id="a bucket whose key is taken away",
        ),
        pytest.param(
            _privileged_pod, "credit-risk", "pod-is-unprivileged", "privileged", id="a privileged pod"
        ),
    ],
)
def test_a_violation_is_refused_before_anything_is_touched(
    refused: Clone, change: Callable[[Path], None], resource: str, control: str, remedy: str
) -> None:
    change(refused.root)
    state, buckets, asked = refused.resources(), refused.buckets(), len(refused.access_log())
    with refused.kubernetes() as api:
        path = "/apis/apps/v1/namespaces/serving/deployments/credit-risk"
        generation = api.get(path).json()["metadata"]["generation"]
        done = refused.plinth("up").ended(
            Exit.REFUSED, "of mandatory policies in stack 'local'", f"[{control}, ", "before any resource"
        )
        assert api.get(path).json()["metadata"]["generation"] == generation

    told = [entry for entry in done.err.split("\n  - ")[1:] if f"[{control}, " in entry]
    remedies = [entry.partition("fix:")[2] for entry in told if entry.startswith(f"{resource}: ")]
    assert any(remedy in text for text in remedies), done.err
    assert refused.resources() == state
    assert refused.buckets() == buckets
    written = [line for line in refused.access_log()[asked:] if re.search(r" (PUT|DELETE) ", line)]
    assert written == []


def test_a_service_whose_owners_did_not_sign_is_refused(refused: Clone) -> None:
    edit(refused.root / "stacks" / "Pulumi.local.yaml", "contracts: development", "contracts: signed")
    before = refused.resources()

    done = refused.plinth("up").ended(Exit.REFUSED, "Contracts of stack 'local' do not hold")

    assert "credit-risk: nobody signed it: the ML owner and the operations owner have to" in done.err
    assert "digit-reader: nobody signed it" in done.err
    assert refused.resources() == before


def _cpu(clone: Clone) -> str:
    with clone.kubernetes() as api:
        found = api.get("/apis/apps/v1/namespaces/serving/deployments/digit-reader").raise_for_status().json()
    return str(found["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])


def test_where_a_person_must_accept_nothing_goes_around_that_person(settled: Clone, draft: Clone) -> None:
    assert draft.home == settled.home
    stack, program = draft.root / "stacks" / "Pulumi.local.yaml", draft.root / "infra" / "program.py"
    edit(stack, "plinth:approval: gates", "plinth:approval: person")
    edit(stack, "digit-reader:\n      cpu_millicores: 250", "digit-reader:\n      cpu_millicores: 240")
    before = draft.resources()
    assert _cpu(draft) == "250m"

    refused = draft.plinth("up").ended(Exit.REFUSED, "Stack 'local' is not changed: ", "--accept-as")
    assert "control change-needs-accepted-preview" in refused.err
    plain = draft.shell('eval "$(./plinth env)"; pulumi up --yes --color never')
    assert plain.code != 0
    assert "control change-needs-accepted-preview" in plain.text
    assert "Traceback" not in plain.text
    assert draft.resources() == before
    assert _cpu(draft) == "250m"

    draft.plinth("preview").ended(Exit.OK, "A person has to accept it: ./plinth preview --accept-as")
    draft.plinth("up").ended(Exit.REFUSED)
    draft.plinth("preview", "--accept-as", "Ada").ended(Exit.OK, "Accepted by Ada")
    with program.open("a", encoding="utf-8") as file:
        file.write("\n# one more line, after Ada looked\n")
    draft.plinth("up").ended(
        Exit.REFUSED, "the program, the policies or the settings changed after the preview was accepted"
    )
    assert _cpu(draft) == "250m"

    draft.plinth("preview", "--accept-as", "Ada").ended(Exit.OK)
    draft.plinth("up").ended(Exit.OK, "Stack local is up: ")
    assert _cpu(draft) == "240m"
    assert draft.plinth("up", "--json").ended(Exit.OK).json["changes"] == {}, "nothing to accept"


def test_a_pool_beyond_the_account_s_quota_is_refused_with_the_number_and_the_command(refused: Clone) -> None:
    edit(
        refused.root / "stacks" / "Pulumi.local.yaml",
        r"hours_per_month: 60.*",
        "hours_per_month: 20\n        max_nodes: 5",
    )
    state, asked = refused.resources(), len(refused.access_log())

    refused.plinth("up").ended(
        Exit.REFUSED,
        "112 vCPUs are missing in quota 'Running On-Demand G and VT instances'",
        "--quota-code L-DB2E81BA --desired-value 240 --region eu-central-1",
    )
    report = refused.plinth("preflight", "--json").ended(Exit.REFUSED).json

    assert report["quotas"][0]["missing_vcpus"] == 112
    assert refused.resources() == state
    written = [line for line in refused.access_log()[asked:] if re.search(r" (PUT|DELETE) ", line)]
    assert written == []
