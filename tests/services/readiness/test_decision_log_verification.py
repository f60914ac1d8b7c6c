"""Whatever is done to a chain, the verification finds it and says what it was."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.readiness.decision_log import merkle
from services.readiness.decision_log.records import canonical, genesis, line
from services.readiness.decision_log.verification import Chain, verify
from services.readiness.digests import bytes_digest

WRITER = "pod-1"


def written(count, start=0, prev=None, text="x"):
    """Lines and hashes of a chain."""
    prev = prev or genesis(WRITER)
    lines, hashes = [], []
    for seq in range(start, start + count):
        prev, raw = line(
            WRITER, seq, prev, {"kind": "decision", "id": f"{text}-{seq}", "output": {"p": seq / 7}}
        )
        lines.append(raw.rstrip(b"\n"))
        hashes.append(prev)
    return lines, hashes


def sealed(hashes, first, last, previous=None):
    value = {
        "writer": WRITER,
        "first": first,
        "last": last,
        "head": hashes[last],
        "merkle_root": merkle.root(hashes[first : last + 1]),
        "previous": previous,
    }
    return canonical(value), value


def kinds(chain):
    return {finding.kind for finding in verify(chain)}


COUNT = st.integers(4, 24)
PLACE = st.integers(0, 1000)


@given(COUNT)
def test_a_whole_chain_has_no_finding(count):
    lines, hashes = written(count)
    middle = count // 2
    one = sealed(hashes, 0, middle)
    two = sealed(hashes, middle + 1, count - 1, bytes_digest(one[0]))
    chain = Chain(writer=WRITER, lines=lines, checkpoints=[one, two], seen_elsewhere={1: hashes[1]})
    assert verify(chain) == []


@given(COUNT, PLACE, PLACE)
def test_a_changed_byte_is_found(count, place, at):
    lines, _ = written(count)
    place %= count
    raw = bytearray(lines[place])
    raw[at % len(raw)] ^= 1
    found = verify(Chain(writer=WRITER, lines=[*lines[:place], bytes(raw), *lines[place + 1 :]]))
    assert found
    assert all(finding.writer == WRITER for finding in found)


def test_a_digit_that_changes_the_bytes_and_not_the_number_is_found():
    lines, _ = written(2)
    assert b'"p":0.14285714285714285' in lines[1]
    changed = lines[1].replace(b"0.14285714285714285", b"0.14285714285714284")
    assert json.loads(changed) == json.loads(lines[1]), "to a reader of JSON nothing has changed"
    assert verify(Chain(writer=WRITER, lines=[lines[0], changed]))


@given(COUNT, PLACE)
def test_an_edited_record_is_found_even_with_a_hash_of_its_own(count, place):
    lines, _ = written(count)
    place %= count - 1  # the very last one is covered by a checkpoint only
    record = json.loads(lines[place])
    record["body"]["output"] = {"p": 0.99}
    _, raw = line(WRITER, record["seq"], record["prev"], record["body"])
    changed = [*lines[:place], raw.rstrip(b"\n"), *lines[place + 1 :]]
    found = verify(Chain(writer=WRITER, lines=changed))
    assert [(finding.kind, finding.seq) for finding in found] == [("edited", place)]


@given(COUNT, PLACE)
def test_a_dropped_record_is_found(count, place):
    lines, _ = written(count)
    place %= count - 1
    found = verify(Chain(writer=WRITER, lines=[*lines[:place], *lines[place + 1 :]]))
    assert ("dropped", place) in {(finding.kind, finding.seq) for finding in found}


@given(COUNT, PLACE, PLACE)
def test_swapped_records_are_found(count, one, two):
    lines, _ = written(count)
    one, two = one % count, two % count
    if one == two:
        return
    changed = list(lines)
    changed[one], changed[two] = changed[two], changed[one]
    assert kinds(Chain(writer=WRITER, lines=changed)) == {"swapped"}


@given(COUNT, PLACE, PLACE)
def test_a_duplicated_record_is_found(count, place, to):
    lines, _ = written(count)
    place, to = place % count, to % (count + 1)
    found = verify(Chain(writer=WRITER, lines=[*lines[:to], lines[place], *lines[to:]]))
    assert ("duplicated", place) in {(finding.kind, finding.seq) for finding in found}


@given(COUNT, PLACE)
def test_a_chain_cut_off_behind_a_checkpoint_is_found(count, keep):
    lines, hashes = written(count)
    keep %= count
    chain = Chain(writer=WRITER, lines=lines[:keep], checkpoints=[sealed(hashes, 0, count - 1)])
    assert ("truncated", keep) in {(finding.kind, finding.seq) for finding in verify(chain)}


@given(COUNT, PLACE)
def test_a_chain_cut_off_is_found_by_what_another_chain_saw(count, keep):
    lines, hashes = written(count)
    keep %= count
    chain = Chain(writer=WRITER, lines=lines[:keep], seen_elsewhere={count - 1: hashes[-1]})
    assert kinds(chain) == {"truncated"}


@given(COUNT)
def test_a_chain_written_anew_from_the_start_is_found(count):
    """The strongest forger recomputes everything; what was sealed before stands against it."""
    _, hashes = written(count)
    forged, _ = written(count, text="forged")
    assert kinds(Chain(writer=WRITER, lines=forged)) == set()  # what no chain alone can see
    assert kinds(Chain(writer=WRITER, lines=forged, checkpoints=[sealed(hashes, 0, count - 1)])) == {"edited"}
    assert kinds(Chain(writer=WRITER, lines=forged, seen_elsewhere={count - 1: hashes[-1]})) == {"edited"}


def test_records_of_another_writer_do_not_fit_in():
    lines, _ = written(5)
    assert kinds(Chain(writer="pod-2", lines=lines)) == {"edited"}


def test_a_missing_checkpoint_is_found():
    lines, hashes = written(9)
    first = sealed(hashes, 0, 2)
    second = sealed(hashes, 3, 5, bytes_digest(first[0]))
    third = sealed(hashes, 6, 8, bytes_digest(second[0]))
    assert kinds(Chain(writer=WRITER, lines=lines, checkpoints=[first, third])) == {"dropped"}


def test_a_line_that_a_crash_cut_off_is_no_tampering():
    lines, _ = written(5)
    assert verify(Chain(writer=WRITER, lines=[*lines, lines[0][:20]], torn=True)) == []


def test_numbers_that_are_not_json_are_no_record():
    with pytest.raises(ValueError, match="not JSON compliant"):
        line(WRITER, 0, genesis(WRITER), {"p": float("nan")})


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=40), PLACE)
@settings(deadline=None)
def test_every_leaf_is_proven_and_no_other(values, place):
    leaves = [bytes_digest(str(value).encode()).removeprefix("sha256:") for value in values]
    root, index = merkle.root(leaves), place % len(leaves)
    steps = merkle.proof(leaves, index)
    assert merkle.proves(leaves[index], index, len(leaves), steps, root)
    other = bytes_digest(b"another").removeprefix("sha256:")
    assert not merkle.proves(other, index, len(leaves), steps, root)
    if len(leaves) > 1:
        assert not merkle.proves(leaves[index], index, len(leaves), steps[:-1], root)
