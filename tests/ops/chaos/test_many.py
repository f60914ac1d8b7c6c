"""Many runs: each seed is done once, every row counts once, and a part of them can be done again."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infra.ops.chaos import many, runs
from infra.ops.chaos.runs import Outcome
from infra.ops.chaos.small_stack import AT_A_TIME


@given(seeds=st.sets(st.integers(1, 400), max_size=120), at_once=st.integers(1, 8))
def test_shares_hold_each_seed_once_and_none_is_larger_than_an_aws_api_bears(
    seeds: set[int], at_once: int
) -> None:
    found = many.shares(sorted(seeds), at_once)

    assert [seed for first, count in found for seed in range(first, first + count)] == sorted(seeds)
    assert all(1 <= count <= AT_A_TIME for _, count in found)
    assert len(found) >= min(at_once, len(seeds))


def test_the_newest_row_of_each_seed_counts_and_half_a_line_does_not(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "aws-faults.jsonl"
    for seed, converged, commit in ((1, False, "a"), (2, True, "a"), (1, True, "b"), (9, True, "b")):
        many.keep(path, Outcome(seed=seed, first="success", converged=converged), commit)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"seed": 3, "conv')

    found, commits = many.kept(path, range(1, 5))

    assert [(one.seed, one.good) for one in found] == [(1, True), (2, True)]
    assert commits == {"a": 1, "b": 1}
    assert many.kept(tmp_path / "none.jsonl", [1]) == ([], {})


def test_a_run_that_made_something_twice_is_not_good_and_is_named() -> None:
    rows = [
        Outcome(seed=1, first="success", converged=True),
        Outcome(seed=2, first="killed", converged=True, surplus={"kms/key": 2, "sns/topic": -1}),
    ]

    told = runs.summary(rows)

    assert (told["good"], told["mended_by_the_next_up"]) == (False, 1)
    assert (told["created_twice_or_orphaned"], told["lost"]) == (2, 1)
    assert [row["seed"] for row in told["not_mended"]] == [2]


@given(seed=st.integers(0, 10_000))
def test_what_goes_wrong_in_a_run_follows_from_its_seed(seed: int) -> None:
    plan = runs.plan_of(seed)

    assert plan == runs.plan_of(seed)
    assert 0 < sum(plan["rates"].values()) <= 1
    assert ("hosts" in plan) == (seed % 3 == 1)
