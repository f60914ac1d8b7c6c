import json
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.credit_risk.data import load
from services.credit_risk.features import CATEGORICAL, FEATURES, NUMERIC, encode
from services.credit_risk.schema import CreditApplication, Decision

FIELDS = CreditApplication.model_fields


def values(name: str) -> st.SearchStrategy[Any]:
    categories = get_args(FIELDS[name].annotation)
    if categories:
        return st.sampled_from(categories)
    schema = CreditApplication.model_json_schema()["properties"][name]
    return st.integers(schema["minimum"], schema["maximum"])


applications = st.fixed_dictionaries({name: values(name) for name in FIELDS})


@given(applications)
def test_every_valid_application_becomes_finite_numbers_in_order(given_):
    numbers = encode(CreditApplication.model_validate_json(json.dumps(given_)))
    assert len(numbers) == len(FEATURES) == 17
    assert all(math.isfinite(number) for number in numbers)
    for i in CATEGORICAL:
        assert FEATURES[i].categories[int(numbers[i])] == given_[FEATURES[i].name]
    for i in NUMERIC:
        assert numbers[i] == given_[FEATURES[i].name]


@given(applications, st.sampled_from(sorted(FIELDS)), st.data())
def test_one_bad_value_is_refused_and_not_shown(given_, name, choice):
    bad = choice.draw(
        st.one_of(
            st.text(alphabet="QXZ", min_size=12, max_size=30),
            st.floats(),
            st.integers(10**9),
            st.integers(max_value=-(10**9)),
            st.none(),
            st.lists(st.integers(), min_size=1),
        )
    )
    with pytest.raises(ValidationError) as caught:
        CreditApplication.model_validate({**given_, name: bad})
    assert "input_value" not in str(caught.value)
    if isinstance(bad, str):
        assert bad not in str(caught.value)


@given(applications, st.sampled_from(sorted(FIELDS)))
def test_a_missing_field_is_refused(given_, name):
    del given_[name]
    with pytest.raises(ValidationError, match=name):
        CreditApplication.model_validate(given_)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_described(name):
    assert FIELDS[name].description
    assert FIELDS[name].is_required()


def test_every_field_of_the_answer_is_described():
    assert all(field.description for field in Decision.model_fields.values())


def test_the_example_is_valid(example):
    CreditApplication.model_validate(example)


def test_every_category_of_the_schema_occurs_in_the_data():
    rows = [encode(application) for application in load().applications]
    for i in CATEGORICAL:
        assert {int(row[i]) for row in rows} == set(range(len(FEATURES[i].categories)))
