"""What breaks a control is refused on every way to change an environment, with the pack and without."""

import json
import re
import tomllib
from typing import Any

import pytest
from clones import Clone, edit

from infra.errors import Exit
from infra.local.paths import repo_root
from policies import proof
from policies.catalog import catalog
from policies.judge import evaluate

pytestmark = pytest.mark.local

PROGRAM = """
    import json
    from pathlib import Path

    wrong = json.loads(Path(__file__).with_name("wrong.json").read_text())
    for entry in wrong:
        pulumi.CustomResource(
            entry["type"], entry["name"], entry["props"], pulumi.ResourceOptions(providers=providers.all())
        )
    import pulumi_aws as aws  # a policy that is not known before the key is there

    aws.s3.BucketPolicy(
        "unsure",
        bucket="somewhere",
        policy=aws.kms.Key(
            "unsure-key", opts=pulumi.ResourceOptions(provider=providers.aws)
        ).arn.apply(lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [{"Resource": arn}]})),
        opts=pulumi.ResourceOptions(provider=providers.aws),
    )
    return Outputs("""
LATE = """
    import pulumi_aws as aws

    if not pulumi.runtime.is_dry_run():  # nobody saw it in a preview
        aws.s3.Bucket("late", bucket="late-bucket", opts=pulumi.ResourceOptions(provider=providers.aws))
    return Outputs("""
WAYS = {
    "plinth preview": "./plinth preview",
    "plinth up": "./plinth up",
    "pulumi up with the pack": 'eval "$(./plinth env)"; pulumi up --yes --color never',
    "pulumi preview without the pack": "BARE pulumi preview --color never",
    "pulumi up without the pack": "BARE pulumi up --yes --color never",
    "pulumi up without pack and preview": "BARE pulumi up --yes --skip-preview --color never",
}
BARE = (
    'eval "$(./plinth env)"; '
    "unset PULUMI_OPTION_POLICY_PACK PULUMI_OPTION_POLICY_PACK_CONFIG PLINTH_ACCEPTANCE;"
)


def _in_provider(kind: str) -> bool:
    """Whether the local provider was built with a type, so that a preview can show it."""
    table = repo_root() / "infra/local/toolchain/go/pulumi/aws/resources.toml"
    return kind.startswith("kubernetes:") or kind in json.dumps(tomllib.loads(table.read_text("utf-8")))


def _one_for_each_family() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return family to a control and a resource that breaks it by itself, taken from the fixtures."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for case in proof.cases(("violating",)):
        family = catalog()[case.control].family
        if family in found or case.shows != "value" or len(case.touched) != 1:
            continue
        entry = next(entry for entry in case.stack if entry["name"] in case.touched)
        blocking = {f.control for f in evaluate(proof.helpers().resources([entry])) if f.verdict.blocks}
        plain = "<unknown>" not in json.dumps(entry) and _in_provider(entry["type"])
        if case.control in blocking and plain:
            found[family] = (case.control, {**entry, "name": f"wrong-{family}"})
    return found


def _typed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the properties as the SDK sends them: Kubernetes objects name their kind."""
    package, version, kind = entry["type"].split(":")
    typed = {"apiVersion": version.removeprefix("core/"), "kind": kind} if package == "kubernetes" else {}
    return {**typed, **entry["props"]}


def test_one_control_of_each_family_is_refused_on_every_way_and_nothing_is_created(refused: Clone) -> None:
    wrong = _one_for_each_family()
    assert set(wrong) >= {"storage", "keys", "pods", "namespaces"}
    edit(refused.root / "infra" / "program.py", r"\n    return Outputs\(", PROGRAM)
    entries = [
        {"type": entry["type"], "name": entry["name"], "props": _typed(entry)} for _, entry in wrong.values()
    ]
    (refused.root / "infra" / "wrong.json").write_text(json.dumps(entries), encoding="utf-8")
    state, buckets, asked = refused.resources(), refused.buckets(), len(refused.access_log())

    said = {way: refused.shell(script.replace("BARE", BARE)) for way, script in WAYS.items()}

    for way, done in said.items():
        assert done.code != 0, f"{way}: {done.text}"
        assert "Traceback" not in done.text, f"{way}: {done.text}"
        for family, (control, _) in wrong.items():
            assert f"[{control}, " in done.text, f"{way} does not name {family}: {done.text}"
        assert "policy is not known yet" in done.text, way
    assert said["plinth up"].code == Exit.REFUSED
    assert refused.resources() == state
    assert refused.buckets() == buckets
    written = [line for line in refused.access_log()[asked:] if re.search(r" (PUT|DELETE) ", line)]
    assert written == []


def test_what_only_an_update_registers_is_refused(refused: Clone) -> None:
    edit(refused.root / "infra" / "program.py", r"\n    return Outputs\(", LATE)
    buckets = refused.buckets()

    bare = refused.shell(f"{BARE} pulumi up --yes --skip-preview --color never")

    assert bare.code != 0
    assert "was not there when the program was judged" in bare.text
    assert refused.buckets() == buckets


def test_a_program_without_violations_may_be_driven_without_the_pack(settled: Clone) -> None:
    settled.shell(f"{BARE} pulumi up --yes --skip-preview --color never").ended(Exit.OK)
