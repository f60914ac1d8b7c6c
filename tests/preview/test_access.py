"""Who can now do what: the table of pairs, and properties that hold for every pair."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.preview.access import widenings
from infra.preview.globs import covers, overlap
from infra.preview.policy_language import Document, UnreadableError, parse

PAIRS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "pairs.yaml").read_text(encoding="utf-8")
)
WORDS = {"S": "Effect", "A": "Action", "R": "Resource", "C": "Condition", "P": "Principal"}


def spelled(statements: list[dict[str, Any]]) -> Document:
    return parse(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", **{WORDS.get(key, key): value for key, value in one.items()}}
                for one in statements
            ],
        }
    )


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(PAIRS) >= 45
    assert len({pair["name"] for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", [pytest.param(pair, id=pair["name"]) for pair in PAIRS])
def test_a_pair_means_what_the_table_says(pair: dict[str, Any]) -> None:
    found = widenings(spelled(pair["old"]), spelled(pair["new"]), on_resource=pair.get("on_resource", False))

    told = [
        [w.level.word, w.who, ", ".join(w.actions), ", ".join(w.resources), str(w.because)] for w in found
    ]
    assert told == pair["widens"]


pattern = st.text(alphabet="ab*?", min_size=1, max_size=5)
literal = st.text(alphabet="ab", max_size=6)


def matches(glob: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in glob)
    return re.fullmatch(expression, text) is not None


@given(pattern, pattern, literal)
def test_what_a_covered_pattern_matches_the_wider_one_matches_too(wide: str, narrow: str, text: str) -> None:
    if covers(wide, narrow) and matches(narrow, text):
        assert matches(wide, text)


@given(pattern, pattern)
def test_a_pattern_with_a_text_of_its_own_is_never_covered(wide: str, narrow: str) -> None:
    # A letter that stands in neither pattern takes the place of each wildcard, none or many times for a star.
    pieces = [{"*": ("", "z" * 9), "?": ("z",)}.get(c, (c,)) for c in narrow]
    samples = ["".join(chosen) for chosen in itertools.product(*pieces)]

    # The other way round a doubt is allowed: `?*` matches all of `*a`, and the answer is no. A false alarm.
    if not all(matches(wide, sample) for sample in samples):
        assert not covers(wide, narrow)


@given(pattern, pattern, literal)
def test_patterns_that_match_one_text_overlap(one: str, other: str, text: str) -> None:
    if matches(one, text) and matches(other, text):
        assert overlap(one, other)


statement = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
        "Action": st.lists(
            st.sampled_from(["s3:*", "s3:Get*", "s3:GetObject", "iam:PassRole", "*"]), min_size=1, max_size=3
        ),
        "Resource": st.lists(st.sampled_from(["*", "arn:a", "arn:a/*", "arn:b"]), min_size=1, max_size=2),
    }
)
documents = st.lists(statement, max_size=4).map(lambda listed: parse({"Statement": listed}))


@given(documents)
def test_a_document_never_widens_itself(document: Document) -> None:
    assert widenings(document, document) == []


@given(documents)
def test_taking_away_what_is_allowed_never_widens(document: Document) -> None:
    fewer = Document((*document.allows[1:], *document.refuses))

    assert widenings(document, fewer) == []


@given(documents, st.sampled_from(["s3:GetObject", "s3:PutObject", "iam:PassRole"]))
def test_whoever_can_do_more_is_found(document: Document, action: str) -> None:
    """Compares with the definition: an action on a resource that is allowed after and was not before."""
    more = parse({"Statement": [{"Effect": "Allow", "Action": action, "Resource": "arn:c"}]})
    after = Document((*document.statements, *more.statements))

    def allowed(which: Document) -> bool:
        def hit(statements: Any) -> bool:
            return any(
                any(matches(a, action.lower()) for a in s.actions.patterns)
                and any(matches(r, "arn:c") for r in s.resources.patterns)
                for s in statements
            )

        return hit(which.allows) and not hit(which.refuses)

    assert bool(widenings(document, after)) == (allowed(after) and not allowed(document))


@pytest.mark.parametrize("broken", ["{", "[]", '{"Statement": 3}', '{"Statement": [{"Effect": "Maybe"}]}'])
def test_what_is_no_document_is_not_taken_for_an_empty_one(broken: str) -> None:
    with pytest.raises(UnreadableError):
        parse(broken)
