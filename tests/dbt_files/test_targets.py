"""Which profile a dbt target stands for: by where it writes, under any name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from mlforge_sql.dbt.macros import MacroError, Macros
from mlforge_sql.dbt.targets import target_files, writes_to
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.spec.config import ProjectConfig

LOCAL = {"KIND": "local", "path": "./store"}


def unity(catalog: str, schema: str) -> dict[str, str]:
    return {"KIND": "unity_catalog", "catalog": catalog, "schema": schema}


STORES = {
    "dev": LOCAL,
    "live": unity("main", "Features"),
    "eager": unity("main", "features"),
    "test": unity("test", "it's"),
}


def macros(
    target: tuple[str, ...], names: tuple[str, ...] = tuple(STORES), /, **variables: str
) -> Macros:
    profiles = {name: {"offline_store": STORES[name]} for name in names}
    config = ProjectConfig.model_validate(
        {"name": "shop", "profiles": profiles, "default_profile": names[0]}
    )
    about = dict(zip(("type", "name", "database", "schema"), target, strict=True))
    context: dict[str, Any] = {
        "target": SimpleNamespace(**about),
        "var": variables.get,
    }
    files = {**static_files(databricks=True), **target_files(config)}
    return Macros(files, target[0], str, context=context)


@pytest.mark.parametrize(
    ("target", "variables", "expected"),
    [
        (("duckdb", "dev", "features", "main"), {}, "dev"),
        (("duckdb", "anything", "features", "main"), {}, "anything"),
        (("databricks", "live", "main", "features"), {}, "live"),
        (("databricks", "eager", "MAIN", "FEATURES"), {}, "eager"),
        (("databricks", "databricks_cluster", "test", "it's"), {}, "test"),
        (("databricks", "live", "test", "It's"), {}, "test"),
        (("databricks", "job", "main", "features"), {"mlforge_profile": "eager"}, "eager"),
        (("databricks", "live", "main", "features"), {"mlforge_profile": "eager"}, "eager"),
    ],
)
def test_the_place_decides(
    target: tuple[str, ...], variables: dict[str, str], expected: str
) -> None:
    found = macros(target, **variables)
    assert found.call("mlforge_profile") == expected
    assert found.call("mlforge_check_target") == ""


@pytest.mark.parametrize(
    ("target", "variables", "expected"),
    [
        (
            ("databricks", "job", "main", "features"),
            {},
            (
                "the target `job` writes to main.features, as the profiles `live` and `eager` do: say "
                "which one it stands for, such as --vars 'mlforge_profile: live'"
            ),
        ),
        (
            ("databricks", "live", "main", "anna"),
            {},
            (
                "the target `live` writes to main.anna, and no profile does; there is `live` "
                "(main.features), `eager` (main.features), `test` (test.it's): give it the catalog and "
                "schema of one of them, or add a profile to mlforge.yaml and run `mlforge compile`"
            ),
        ),
        (
            ("databricks", "live", "main", "features"),
            {"mlforge_profile": "test"},
            (
                "the variable `mlforge_profile` is `test`, and no profile of that name writes to "
                "main.features, where the target `live` does; there is `live` (main.features), `eager` "
                "(main.features), `test` (test.it's)"
            ),
        ),
        (
            ("snowflake", "prod", "main", "features"),
            {},
            (
                "the target `prod` is of type snowflake, and this project is compiled for duckdb and "
                "databricks: add a profile for it to mlforge.yaml and run `mlforge compile`"
            ),
        ),
    ],
)
def test_other_targets_end_the_run(
    target: tuple[str, ...], variables: dict[str, str], expected: str
) -> None:
    found = macros(target, **variables)
    with pytest.raises(MacroError) as raised:
        found.call("mlforge_check_target")
    assert str(raised.value) == expected
    if target[0] == "databricks":
        assert found.call("mlforge_profile") is None


@pytest.mark.parametrize(
    ("names", "target", "engine"),
    [
        (("dev",), ("databricks", "dev", "main", "features"), "duckdb"),
        (("live",), ("duckdb", "live", "features", "main"), "databricks"),
    ],
)
def test_an_engine_that_was_not_compiled_for(
    names: tuple[str, ...], target: tuple[str, ...], engine: str
) -> None:
    with pytest.raises(MacroError, match=f"compiled for {engine}: add a profile for it"):
        macros(target, names).call("mlforge_check_target")


def test_the_condition_of_a_model() -> None:
    condition = jinja2.Environment().compile_expression(
        writes_to([("main", "features"), ("main", "features"), ("test", "it's")])
    )

    def holds(*target: str) -> bool:
        about = dict(zip(("type", "database", "schema"), target, strict=True))
        return bool(condition(target=about))

    assert holds("databricks", "Main", "FEATURES")
    assert holds("databricks", "test", "it's")
    assert not holds("databricks", "test", "features")
    assert not holds("duckdb", "main", "features")
