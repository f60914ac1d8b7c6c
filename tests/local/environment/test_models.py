"""Models and data in the environment: trained into it, known subjects, and a queue of requests."""

import json
from pathlib import Path

import pytest
from clones import Clone

from infra import naming
from infra.errors import Exit

pytestmark = pytest.mark.local


def test_models_are_trained_into_the_stack_and_come_back_checked(settled: Clone, tmp_path: Path) -> None:
    at = ("digit-reader", "--store", "aws")
    version = settled.plinth("train", *at, "--json").ended(Exit.OK).json["version"]
    settled.plinth("registry", "fetch", at[0], "1", *at[1:], "--out", str(tmp_path / "m")).ended(Exit.OK)
    released = json.loads(settled.releases_file.read_text(encoding="utf-8"))["digit-reader"]

    assert version["stage"] == "candidate"
    assert version["digest"] == released["model_digest"], "what `train` registers is what `up` serves"
    assert (tmp_path / "m" / "manifest.json").is_file()


def test_somebody_known_is_decided_on_and_a_queue_is_answered(settled: Clone) -> None:
    at = ("credit-risk", "--store", "aws")
    trained = settled.plinth("train", *at, "--json").ended(Exit.OK).json["version"]
    settled.plinth("data", "publish", *at).ended(Exit.OK, "subject(s) of credit-risk written")

    known = settled.plinth("predict", "--subject", "row-00000012", "--json").ended(Exit.OK).json
    settled.plinth("predict", "--subject", "row-99999999").ended(Exit.FAILED, "knows nobody of this name")

    example = (settled.root / "services" / "credit_risk" / "example.json").read_text(encoding="utf-8")
    with settled.aws("sqs") as sqs:
        url = {
            holds: sqs.get_queue_url(QueueName=naming.queue("local", "credit-risk", holds))["QueueUrl"]
            for holds in naming.QUEUES
        }
        for body in (example, "not a request"):
            sqs.send_message(QueueUrl=url["requests"], MessageBody=body)
        counts = settled.plinth("stream", *at, "--idle", "3", "--json").ended(Exit.OK).json
        taken = {
            holds: sqs.receive_message(QueueUrl=at_, WaitTimeSeconds=1).get("Messages", [])
            for holds, at_ in url.items()
        }
    (answer,) = (json.loads(message["Body"]) for message in taken["answers"])

    assert (counts["answered"], counts["failed"], counts["left"]) == (1, 1, 0)
    assert counts["model_digest"] == trained["digest"]
    assert (taken["requests"], len(taken["failed"])) == ([], 1)
    for one in (known, answer):
        found = settled.plinth("audit", "search", one["decision_id"], "--json").ended(Exit.OK).json
        assert [row["body"]["id"] for row in found] == [one["decision_id"]]
    settled.plinth("audit", "verify", "--json").ended(Exit.OK)
