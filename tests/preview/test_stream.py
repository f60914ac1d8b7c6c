"""A broken preview is never taken for one in which nothing changes."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.preview import report, stream
from infra.preview.stream import UnreadablePreviewError

RECORDED = Path(__file__).parent / "recorded"
WHOLE = (RECORDED / "storage-shorter-log-retention.jsonl").read_text(encoding="utf-8")
CONTEXT = report.Context(stack="small", environment="local", region="eu-central-1", budget_usd=1000)


def test_a_whole_one_is_read() -> None:
    made = report.build(stream.read(WHOLE.splitlines()), CONTEXT)

    assert made.counts == {"update": 1}
    assert made.refusals == []


@pytest.mark.parametrize("text", ["", "\n\n", "{}", "[]", "null", '"x"', "not json", '{"steps": []}'])
def test_what_is_no_preview_is_refused(text: str) -> None:
    with pytest.raises(UnreadablePreviewError, match="cannot be read"):
        stream.read(text.splitlines())


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=len(WHOLE) - 40))
def test_a_preview_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(UnreadablePreviewError):
        stream.read(WHOLE[:length].splitlines())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_preview_without_one_of_its_steps_is_refused(data: st.DataObject) -> None:
    lines = WHOLE.splitlines()
    steps = [i for i, line in enumerate(lines) if "resourcePreEvent" in line]
    gone = data.draw(st.sampled_from(steps))

    with pytest.raises(UnreadablePreviewError, match="its summary counts"):
        stream.read(lines[:gone] + lines[gone + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_preview_with_a_damaged_value_is_refused_or_says_the_same_or_more(data: st.DataObject) -> None:
    """A value of another kind anywhere in an event never makes a change disappear."""
    lines = WHOLE.splitlines()
    index = next(i for i, line in enumerate(lines) if '"op":"update"' in line)
    event = json.loads(lines[index])
    path = data.draw(st.sampled_from(["op", "urn", "type", "new", "old", "detailedDiff", "diffs"]))
    event["resourcePreEvent"]["metadata"][path] = data.draw(
        st.sampled_from([None, 3, "x", [], [1], {}, {"a": 1}])
    )
    lines[index] = json.dumps(event)

    try:
        made = report.build(stream.read(lines), CONTEXT)
    except UnreadablePreviewError:
        return
    assert made.counts


def test_a_word_that_the_engine_does_not_have_today_is_a_change() -> None:
    lines = WHOLE.replace('"op":"update"', '"op":"transmogrify"').replace('"update":1', '"transmogrify":1')

    made = report.build(stream.read(lines.splitlines()), CONTEXT)

    assert made.counts == {"replace": 1}


def test_a_failing_engine_without_a_reason_is_refused_all_the_same() -> None:
    made = report.build(
        stream.read(WHOLE.replace('{"exitCode":0}', '{"exitCode":255}').splitlines()), CONTEXT
    )

    assert made.errors == ("the engine ended with exit code 255 and gave no reason",)
    assert made.refusals


def test_a_preview_that_nobody_judged_is_refused() -> None:
    lines = WHOLE.replace('"plinth|local|policies":"0.1.0"', "").splitlines()

    assert report.build(stream.read(lines), CONTEXT).refusals == ["no policy pack judged it"]
