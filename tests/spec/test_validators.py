"""A validator is whole: its word, its function, its dbt test, and cases on both engines."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import pytest
from test_validators_on_both import CASES

import mlforge_sql as mlf
from mlforge_sql.spec.validators import PARAMETERS, ValidatorName

TESTS = Path(__file__).parents[2] / "templates" / "dbt" / "tests" / "generic"


def test_the_words_are_those_with_parameters() -> None:
    assert get_args(ValidatorName) == tuple(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_validator_is_whole(name: str) -> None:
    function = getattr(mlf, name)
    assert name in mlf.__all__
    assert tuple(inspect.signature(function).parameters) == PARAMETERS[name]
    text = (TESTS / f"mlforge_{name}.sql").read_text(encoding="utf-8")
    (found,) = re.findall(rf"{{% test mlforge_{name}\((.*?)\)", text)
    arguments = [item.partition("=")[0] for item in found.split(", ")]
    assert set(arguments) >= {"model", "column", *PARAMETERS[name]}
    assert any(given["test"] == name for _, given in CASES)
