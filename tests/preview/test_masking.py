"""No planted secret shows in any form of a report, and names and identifiers still do."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from planted import kinds, needles

from infra.local.paths import repo_root
from infra.preview import data, markdown, page, picture, report, stream, text
from infra.preview.masking import MASK, is_secret_name, mask, mask_value

CONTEXT = report.Context(stack="small", environment="local", region="eu-central-1", budget_usd=1000)
TYPE = "kubernetes:core/v1:ConfigMap"


def event(operation: str, old: Any, new: Any, name: str = "settings") -> dict[str, Any]:
    state = {"id": "", "parent": "", "provider": ""}
    return {
        "resourcePreEvent": {
            "metadata": {
                "op": operation,
                "urn": f"urn:pulumi:small::plinth::{TYPE}::{name}",
                "type": TYPE,
                "old": None if old is None else {**state, "inputs": old},
                "new": None if new is None else {**state, "inputs": new},
                "detailedDiff": None,
                "keys": ["data"] if operation == "replace" else None,
            }
        }
    }


def forms(events: list[dict[str, Any]]) -> dict[str, str]:
    counts: dict[str, int] = {}
    for one in events:
        if "resourcePreEvent" in one:
            operation = one["resourcePreEvent"]["metadata"]["op"]
            counts[operation] = counts.get(operation, 0) + 1
    summary = {"summaryEvent": {"resourceChanges": counts, "PolicyPacks": {"plinth": "1"}}}
    made = report.build(stream.read(json.dumps(one) for one in [*events, summary]), CONTEXT)
    return {
        "text": text.render(made),
        "markdown": markdown.render(made),
        "comment": markdown.render(made, limit=markdown.GITHUB_LIMIT),
        "html": page.render(made),
        "json": data.render(made),
        "svg": picture.draw(made),
    }


def places(secret: str) -> list[list[dict[str, Any]]]:
    """Return previews that hold a secret in every place that we could think of."""
    encoded = base64.b64encode(secret.encode()).decode()
    twice = base64.b64encode(encoded.encode()).decode()
    nested = {"a": [{"b": {"c": [secret, {"d": secret}]}}]}
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Sid": secret, "Effect": "Allow", "Action": "*"}]}
    )
    return [
        [event("create", None, {"data": {"plain": secret}})],
        [event("update", {"data": {"plain": secret}}, {"data": {"plain": "other"}})],
        [event("update", {"data": nested}, {"data": {"a": []}})],
        [event("update", {"data": {"x": "1"}}, {"data": {"x": f"before {secret} after"}})],
        [event("update", {"data": {"x": "1"}}, {"data": {"x": encoded}})],
        [event("update", {"data": {"x": "1"}}, {"data": {"x": twice}})],
        [event("update", {"data": {"x": "1"}}, {"data": {secret: "a key is a name"}})],
        [event("update", {"data": {"x": "1"}}, {"data": {"x": json.dumps({"deep": [secret]})}})],
        [event("update", {"policy": "{}"}, {"policy": policy})],
        [event("replace", {"data": {"x": secret}}, {"data": {"x": f"{secret}."}})],
        [event("delete", {"data": {"x": secret}}, None)],
        [event("create", None, {"data": {"x": "1"}}, name=secret)],
        [{"diagnosticEvent": {"severity": "error", "message": f"cannot reach {secret}"}}],
        [{"diagnosticEvent": {"severity": "warning", "message": f"deprecated {secret}"}}],
        [{"policyEvent": {"policyName": "x", "enforcementLevel": "mandatory", "message": f"found {secret}"}}],
    ]


@pytest.mark.parametrize("kind", sorted(kinds(0)))
def test_a_planted_secret_shows_nowhere(kind: str) -> None:
    secret = kinds(7)[kind]
    encoded = base64.b64encode(secret.encode()).decode()
    for preview in places(secret):
        for form, written in forms(preview).items():
            for needle in [*needles(kind, secret), encoded]:
                assert needle not in written, f"{form}: {preview}"


def test_there_are_fifty_kinds() -> None:
    assert len(kinds(0)) >= 50


def test_secrets_of_many_draws_are_masked() -> None:
    missed = [
        (kind, secret)
        for seed in range(40)
        for kind, secret in kinds(seed).items()
        if any(needle in mask(f"value {secret} end") for needle in needles(kind, secret))
    ]

    assert missed == []


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "dbPassword",
        "DB_PASSWORD",
        "clientSecret",
        "api-key",
        "apiKey",
        "accessToken",
        "AUTH_TOKEN",
        "privateKey",
        "connectionString",
        "kubeconfig",
        "webhookUrl",
        "sessionCookie",
        "passphrase",
        "TOKEN_KEYS",
        "ISSUER_TOKEN",
    ],
)
def test_a_name_hides_its_value_whatever_it_is(name: str) -> None:
    assert is_secret_name(name)
    assert "hunter2" not in json.dumps(mask_value({"deep": [{name: "hunter2"}, {name: {"x": ["hunter2"]}}]}))
    assert "hunter2" not in json.dumps(mask_value({"env": [{"name": name, "value": "hunter2"}]}))


@pytest.mark.parametrize(
    "name",
    [
        "kmsKeyId",
        "kmsKeyArn",
        "enableKeyRotation",
        "deletionWindowInDays",
        "hashKey",
        "rangeKey",
        "httpTokens",
        "secretName",
        "automountServiceAccountToken",
        "publicKey",
        "bucketKeyEnabled",
        "keyUsage",
        "passwordPolicy",
        "PLINTH_TOKEN_ISSUER",
        "PLINTH_TOKEN_AUDIENCE",
        "PLINTH_TOKEN_KEYS_FILE",
        "plinth.dev/token-keys",
    ],
)
def test_a_name_that_only_sounds_like_it_hides_nothing(name: str) -> None:
    assert not is_secret_name(name)


def test_what_the_engine_wraps_as_a_secret_is_one_word_in_every_form() -> None:
    wrapped = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "ciphertext": "v1:cipher",
    }
    before, after = (
        {"data": {"x": "1", "y": wrapped}},
        {"data": {"x": "2", "y": {**wrapped, "ciphertext": "v1:ciphered"}}},
    )
    made = [[event("create", None, before)], [event("update", before, after)]]

    for preview in made:
        for form, written in forms(preview).items():
            assert "4dabf181" not in written, form
            assert "v1:cipher" not in written, form


def test_what_a_kubernetes_secret_holds_is_never_shown() -> None:
    inputs = {"kind": "Secret", "data": {"harmless": "YQ=="}, "stringData": {"x": "plain"}}

    shown = json.dumps(mask_value(inputs))
    assert "YQ==" not in shown
    assert "plain" not in shown


@pytest.mark.parametrize("stack", ["local", "dev", "staging", "prod", "prod-dr"])
def test_names_and_values_of_this_project_stay_readable(stack: str) -> None:
    graph = json.loads((repo_root() / "tests" / "golden" / f"{stack}.json").read_text(encoding="utf-8"))
    hidden, words = set(), set()
    for name, inputs in graph.items():
        before, after = json.dumps([name, inputs]), json.dumps([mask(name), mask_value(inputs)])
        found = set(re.findall(r"[^\s\"]+", before))
        words |= found
        if MASK in after:
            hidden |= found - set(re.findall(r"[^\s\"]+", after))

    assert len(hidden) <= len(words) / 500, hidden  # digests without a prefix look like keys


@pytest.mark.parametrize(
    "token",
    ["aws:secretsmanager/secretVersion:SecretVersion", "aws:secretsmanager/secret:Secret", "x:y/token:Token"],
)
def test_types_of_resources_stay_readable(token: str) -> None:
    assert mask(token) == token
    assert mask(f"Resource type '{token}' not found.") == f"Resource type '{token}' not found."
    assert "hunter2" not in mask(f"{token} secret:hunter2")


def test_the_source_of_this_project_is_no_secret() -> None:
    """Masks little of ordinary text: words of the documents of this very project."""
    text_of = "\n".join(Path(path).read_text(encoding="utf-8") for path in repo_root().glob("infra/*/*.py"))
    words = re.findall(r"[A-Za-z0-9_./:-]{6,}", text_of)
    hidden = {word for word in words if mask(word) != word}

    assert len(hidden) <= len(set(words)) / 200
