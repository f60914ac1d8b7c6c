"""Files of any project are judged, or refused with one message; the verdict is text, JSON or SARIF."""

import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from fixture_stacks import load, raw_props, urn

from infra.errors import Exit
from infra.local.paths import repo_root
from policies.core import PolicyError
from policies.inputs import read
from policies.judgement import judge
from policies.sarif import render

pytestmark = pytest.mark.parts

AGENT = """\
# Somebody's node agent, as such things are published.
apiVersion: v1
kind: Namespace
metadata: {name: agents}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: agents}
spec:
  template:
    spec:
      hostPID: true
      containers: [{name: agent, image: "agent:latest", securityContext: {privileged: true}}]
"""
SHAPE = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription", "help"],
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"type": "object", "required": ["text"]},
                                "locations": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1}
                                                        }
                                                    }
                                                },
                                            },
                                            "logicalLocations": {"type": "array"},
                                        },
                                        "additionalProperties": False,
                                    },
                                },
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "suppressions": {
                                    "items": {
                                        "required": ["kind"],
                                        "properties": {"kind": {"const": "external"}},
                                    }
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What the published schema of SARIF 2.1.0 requires of the parts that are used here."""


def _check(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.ops", "policy", *arguments],
        cwd=repo_root(),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _export(*entries: dict, version: int = 3) -> str:
    states = [{"urn": urn(e), "type": e["type"], "inputs": raw_props(e)} for e in entries]
    return json.dumps({"version": version, "deployment": {"resources": states}})


def test_a_published_node_agent_gives_what_an_expert_would_list(tmp_path: Path):
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT, encoding="utf-8")

    done = _check("check", str(path), "--format", "json")
    found = json.loads(done.stdout)

    assert done.returncode == Exit.REFUSED
    assert found["answer"] == "refused"
    assert {row["control"] for row in found["findings"]} >= {
        "namespace-denies-by-default",
        "namespace-enforces-restricted",
        "namespace-is-bounded",
        "pod-avoids-host",
        "pod-cannot-escalate",
        "pod-drops-capabilities",
        "pod-has-probes",
        "pod-image-is-pinned",
        "pod-is-unprivileged",
        "pod-mounts-no-token",
        "pod-root-is-read-only",
        "pod-runs-as-non-root",
        "pod-states-resources",
        "pod-uses-seccomp",
    }


def test_sarif_has_the_shape_of_the_standard_and_names_file_and_line(tmp_path: Path):
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT, encoding="utf-8")
    found = read([str(path)])

    document = json.loads(json.dumps(render(judge(found.resources), found.places)))

    jsonschema.Draft7Validator.check_schema(SHAPE)
    jsonschema.validate(document, SHAPE)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(run["results"]) > 10
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    lines = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["region"]["startLine"]
        for result in run["results"]
    }
    assert lines["namespace-is-bounded"] == 2
    assert lines["pod-is-unprivileged"] == 6
    assert {result["level"] for result in run["results"]} == {"error"}


def test_a_state_of_another_project_is_judged():
    bucket = {
        "name": "site",
        "type": "aws:s3/bucketV2:BucketV2",
        "props": {"bucket": "site", "acl": "public-read"},
    }
    other = {"name": "zone", "type": "aws:route53/zone:Zone", "props": {"name": "example.com"}}

    done = _check("check", "-", given=_export(bucket, other))

    assert done.returncode == Exit.REFUSED
    for control in ("blocks-public-access", "uses-kms", "requires-tls", "keeps-versions", "disables-acls"):
        assert f"[storage-bucket-{control}, " in done.stdout


def test_files_are_judged_together(tmp_path: Path):
    stack = load()
    for number, part in enumerate((stack[: len(stack) // 2], stack[len(stack) // 2 :])):
        states = [
            {"urn": urn(e), "type": e["type"], "inputs": raw_props(e), "protect": e.get("protect", False)}
            | {
                "propertyDependencies": {
                    k: [urn(x) for x in stack if x["name"] in v] for k, v in e.get("feeds", {}).items()
                }
            }
            for e in part
        ]
        text = json.dumps({"version": 3, "deployment": {"resources": states}})
        (tmp_path / f"{number}.json").write_text(text, encoding="utf-8")

    both = judge(read([str(tmp_path / "0.json"), str(tmp_path / "1.json")]).resources)

    assert both.answer == "passed"
    assert both.counts()["undecided"] == 0
    assert judge(read([str(tmp_path / "0.json")]).resources).answer == "refused"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello: world", "no Kubernetes object"),
        ("{{ .Values.image }}", "not valid YAML"),
        ("", "no Kubernetes object"),
        ("a: &a [*a]", "holds itself"),
        ("a: [" * 3000, "not valid YAML"),
        ('{"version": 9, "deployment": {"resources": []}}', "version 9"),
        ('{"version": 3, "deployment": {"resources": []}}', "nothing to judge"),
        ('{"version": 3, "checkpoint": {"latest": {}}}', "pulumi stack export"),
        ("apiVersion: v1\nkind: List\nitems: []", "only empty lists"),
    ],
)
def test_what_cannot_be_judged_is_refused(text: str, says: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    with pytest.raises(PolicyError, match=says) as caught:
        read(["-"])

    assert caught.value.where
    assert caught.value.fix


def test_a_refused_file_leaves_no_verdict():
    done = _check("check", "-", "--format", "json", given="hello: world")

    assert done.returncode == Exit.SETTINGS
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_bomb_of_aliases_is_refused(tmp_path: Path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(PolicyError, match="aliases"):
        read([str(tmp_path / "bomb.yaml")])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("explain", "key-rotate"), Exit.USAGE, "Perhaps key-rotates"),
        (("explain", "moon"), Exit.USAGE, "./plinth policy list"),
        (("list", "--family", "moon"), Exit.USAGE, "There is no family 'moon'"),
        (("check", "none.yaml"), Exit.SETTINGS, "cannot be read"),
        (("check", "-", "--environment", "moon"), Exit.SETTINGS, "not one that the controls know"),
        (("check", "-", "--waivers", "none.yaml"), Exit.SETTINGS, "waiver file cannot be read"),
    ],
)
def test_a_mistake_on_the_command_line_is_told(arguments: tuple[str, ...], code: Exit, says: str):
    done = _check(*arguments)

    assert done.returncode == code
    assert says in done.stderr
    assert done.stdout == ""


def test_nothing_that_any_control_speaks_of_is_no_pass():
    zone = {"name": "zone", "type": "azure:dns/zone:Zone", "props": {"name": "example.com"}}

    done = _check("check", "-", given=_export(zone))

    assert done.returncode == Exit.FAILED
    assert "nothing was judged, and nothing passed" in done.stderr


def test_every_control_can_be_listed_and_explained():
    rows = json.loads(_check("list", "--json").stdout)
    told = _check("explain", "storage-bucket-requires-tls").stdout

    assert len(rows) > 30
    assert "S3.5" in told
    assert "SOC 2" in told
    assert "(our own reading)" in told
