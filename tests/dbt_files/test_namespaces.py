"""Macros call each other by the name of their package, and by nothing else."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from mlforge_sql.dbt.namespaces import qualified

MACRO = PurePosixPath("macros/one.sql")
OTHER = PurePosixPath("macros/two.sql")
CALLED = "{% macro called(x) %}{% endmacro %}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ called(1) }}", "{{ shop.called(1) }}"),
        ("{%- set x = called(called(1)) -%}", "{%- set x = shop.called(shop.called(1)) -%}"),
        ("{% do called({'a': {'b': called(1)}}) %}", "{% do shop.called({'a': {'b': shop.called(1)}}) %}"),
        ("{{ adapter.dispatch('called')(1) }}", "{{ adapter.dispatch('called', 'shop')(1) }}"),
        ("{{ other.called(1) }}", "{{ other.called(1) }}"),
        ("{{ shop.called(1) }}", "{{ shop.called(1) }}"),
        ("{{ called }}", "{{ called }}"),
        ("{{ 'called(1)' }}", "{{ 'called(1)' }}"),
        ("{# called(1) #}", "{# called(1) #}"),
        ("select called(1)", "select called(1)"),
        ("{{ unknown(1) }}", "{{ unknown(1) }}"),
        ("{{ '}}' ~ called(1) }}", "{{ '}}' ~ shop.called(1) }}"),
    ],
)  # fmt: skip
def test_calls_have_the_name_of_the_package(text: str, expected: str) -> None:
    files = qualified({MACRO: CALLED, OTHER: text}, "shop")

    assert files == {MACRO: CALLED, OTHER: expected}


def test_models_stay_as_they_are() -> None:
    model = PurePosixPath("models/features/spend.sql")

    assert qualified({MACRO: CALLED, model: "{{ called(1) }}"}, "shop")[model] == "{{ called(1) }}"


def test_generic_tests_call_by_the_name_too() -> None:
    path = PurePosixPath("tests/generic/fine.sql")

    files = qualified(
        {MACRO: CALLED, path: "{% test fine(x) %}{{ called(x) }}{% endtest %}"}, "shop"
    )

    assert files[path] == "{% test fine(x) %}{{ shop.called(x) }}{% endtest %}"
