"""Pivots and functions with an argument: Python says the same as YAML."""

from __future__ import annotations

from typing import Any

import mlforge_sql as mlf
from mlforge_sql.spec.feature import Aggregate, Rolling


def test_python_says_a_pivot_as_yaml_does() -> None:
    keys: dict[str, Any] = {
        "windows": ["7d"],
        "aggregations": {"amount": [mlf.percentile(0.95), mlf.weighted_mean("quantity")]},
        "by": mlf.By("merchant_category", ["Grocery & Food", "travel"], other=True),
    }
    said = mlf.Rolling(**keys)
    read = Rolling.model_validate(
        {
            "windows": "7d",
            "aggregations": {"amount": ["approx_percentile( .950 )", "weighted_mean( quantity )"]},
            "by": {
                "column": "merchant_category",
                "values": {"grocery_food": "Grocery & Food", "travel": "travel"},
                "other": True,
            },
        }
    )
    assert said == read
    assert said.aggregations == {"amount": ("percentile(0.95)", "weighted_mean(quantity)")}


def test_columns_that_need_quotes_are_told_in_quotes() -> None:
    call = mlf.arg_max("what, (else)")
    assert call == 'arg_max("what, (else)")'
    read = {"field": "amount", "windows": "7d", "function": 'arg_max( "what, (else)" )'}
    assert Aggregate.model_validate(read).function == call


def test_a_single_value_is_a_list_of_one() -> None:
    assert mlf.By("is_online", True).values == {"true": True}
    assert mlf.By("visits", [1, -1.5]).values == {"1": 1, "1_5": -1.5}
