"""Macros call each other by the name of their package, and by nothing else."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import events
import pytest
from harness import CONFIG, compile_and_run, write_parquet, write_project

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


@pytest.mark.parametrize(
    "text",
    [
        "{% macro one(labels) %}{{ called(labels) }}{% endmacro %}",
        "{% macro one() %}{% set labels = 1 %}{{ called(1) }}{% endmacro %}",
        "{% macro one(x) %}{% for labels in x %}{{ called(1) }}{% endfor %}{% endmacro %}",
        "{{ labels.type }}{{ called(1) }}",
    ],
)
def test_a_package_that_is_called_like_a_variable_keeps_short_names(text: str) -> None:
    files = {MACRO: CALLED, OTHER: text}
    assert qualified(files, "labels") == files


@pytest.mark.parametrize(
    "text", ["{{ x.labels }}", "{{ 'labels' }}", "{# labels #}", "labels {{ 1 }}", "{{ labels_ }}"]
)
def test_other_places_of_the_word_do_not_matter(text: str) -> None:
    called = f"{text}{{{{ called(1) }}}}"
    assert "labels.called(1)" in qualified({MACRO: CALLED, OTHER: called}, "labels")[OTHER]


@pytest.mark.parametrize("name", ["features", "labels", "source", "columns", "target", "value"])
def test_such_projects_build(tmp_path: Path, name: str) -> None:
    """Training sets are where arguments have these names."""
    document = events.spec([events.feature(select={"amount": "amount"})])
    document["training_sets"] = [
        {"name": "train", "labels": {"source": "events"}, "features": ["f"]}
    ]
    rows = [{"user_id": "u1", "event_time": events.at("01-01 12:00"), "amount": 1.0}]
    write_project(tmp_path, document, {**CONFIG, "name": name})
    write_parquet(tmp_path / events.PARQUET, events.SCHEMA, rows)
    assert compile_and_run(tmp_path).rows("train")
