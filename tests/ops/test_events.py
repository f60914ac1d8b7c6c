"""The engine's stream becomes facts."""

import json

from infra.ops import events

URN = "urn:pulumi:local::plinth::aws:s3/bucket:Bucket::artifacts"


def line(**event: object) -> str:
    return json.dumps({"sequence": 1, **event})


def test_steps_changes_and_differences_are_read() -> None:
    metadata = {
        "op": "update",
        "urn": URN,
        "type": "aws:s3/bucket:Bucket",
        "detailedDiff": {"tags.b": {}, "a": {}},
    }
    same = {"op": "same", "urn": URN + "2", "type": "x"}

    run = events.read(
        [
            line(resourcePreEvent={"metadata": metadata, "planning": True}),
            line(resourcePreEvent={"metadata": same, "planning": True}),
            line(resOutputsEvent={"metadata": metadata, "planning": True}),
            line(resOutputsEvent={"metadata": metadata}),
            line(resOutputsEvent={"metadata": same}),
            line(summaryEvent={}),
        ]
    )

    assert run.changes == {"update": 1}
    assert run.steps[0].differences == ("a", "tags.b")
    assert run.steps[0].name == "artifacts"
    assert run.done == 1
    assert run.finished


def test_only_mandatory_violations_block_and_each_is_told_once() -> None:
    violation = {"policyName": "p", "enforcementLevel": "mandatory", "resourceUrn": URN, "message": " no \n"}
    advice = violation | {"enforcementLevel": "advisory"}

    run = events.read([line(policyEvent=violation), line(policyEvent=violation), line(policyEvent=advice)])

    assert [v.level for v in run.violations] == ["mandatory", "advisory"]
    assert [v.message for v in run.blocking] == ["no"]


def test_errors_name_their_resource_and_noise_is_left_out() -> None:
    run = events.read(
        [
            line(diagnosticEvent={"severity": "error", "urn": URN, "message": "access denied\n"}),
            line(diagnosticEvent={"severity": "error", "message": "update failed\n"}),
            line(
                diagnosticEvent={
                    "severity": "error",
                    "message": "an unhandled error occurred: program exited",
                }
            ),
            line(diagnosticEvent={"severity": "warning", "message": "old"}),
            line(diagnosticEvent={"severity": "debug", "message": "noise"}),
        ]
    )

    assert run.errors == ["artifacts: access denied"]
    assert run.warnings == ["old"]


def test_lines_that_are_no_events_are_passed_over() -> None:
    run = events.read(["", "warning: something", "[1]", "{"])

    assert run == events.Run()
