"""Features read in an older version of their tables: what is compiled, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import events
import pytest
import yaml
from click.testing import CliRunner
from events import Document, at, feature
from harness import CONFIG, project_macros, write_parquet, write_project

import mlforge_sql as mlf
from mlforge_sql.cli import main
from mlforge_sql.dbt.macros import MacroError, Macros
from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.audit import Chosen, audited, unaudited
from mlforge_sql.workflows.build import build_features, unbuildable
from mlforge_sql.workflows.compile import Compiled, compile_project

UNITY = {"offline_store": {"KIND": "unity_catalog", "catalog": "c", "schema": "s"}}
BOTH = {**CONFIG, "default_profile": "dev", "profiles": {**CONFIG["profiles"], "databricks": UNITY}}
LABELS = {"sql": "select 1", "columns": {"user_id": "string", "t": "timestamp"}}
INSTANT = "2026-01-31T12:00:00Z"


def training_set(name: str, *features: Any) -> Document:
    return {"name": name, "labels": LABELS, "timestamp": "t", "features": list(features)}


def compiled(root: Path, *sets: Document) -> Compiled:
    features = [
        feature("f", select={"amount": "amount", "copy": "amount"}),
        feature("g", select={"amount": "amount"}),
    ]
    source = {
        "table": "c.raw.events",
        "columns": {"user_id": "text", "event_time": "timestamp", "amount": "double"},
    }
    document = events.spec(features, source=source)
    write_parquet(
        root / "data" / "events.parquet",
        events.SCHEMA,
        [{"user_id": "u1", "event_time": at("01-01"), "amount": 1.0}],
    )
    write_project(root, {**document, "training_sets": list(sets)}, BOTH)
    return compile_project(root)


PINNED = training_set(
    "pinned",
    {"name": "f", "version": 12},
    {"name": "g", "version_at": INSTANT, "columns": ["amount"]},
)
MIXED = training_set("mixed", {"name": "f", "version": 3, "columns": ["copy"]}, "g")
PLAIN = training_set("plain", "f", "g")


def test_the_model_says_which_version(tmp_path: Path) -> None:
    found = compiled(tmp_path, PINNED, MIXED, PLAIN)
    texts = {
        name: found.files[PurePosixPath(f"models/training/{name}.sql")]
        for name in ("pinned", "mixed", "plain")
    }
    assert "{'name': 'f', 'version': 12},\n" in texts["pinned"]
    assert f"{{'name': 'g', 'version_at': '{INSTANT}'}}\n" in texts["pinned"]
    assert "{'name': 'f', 'version': 3, 'columns': ['copy']},\n" in texts["mixed"]
    assert "version" not in texts["plain"]
    properties = yaml.safe_load(found.files[PurePosixPath("models/training/pinned.yml")])["models"][
        0
    ]
    assert properties["description"] == (
        "Training set `pinned`. Every label once, with its features as of `t`. "
        "`f` is read in version 12, and is not audited. "
        f"`g` is read in its version of {INSTANT}, and is not audited."
    )
    assert properties["config"]["meta"]["mlforge"]["pins"] == {
        "f": {"version": 12},
        "g": {"version_at": INSTANT},
    }


def test_what_is_pinned_has_no_audit(tmp_path: Path) -> None:
    """Its values come from events as they were then: those of now would be a false alarm."""
    found = compiled(tmp_path, PINNED, MIXED, PLAIN)
    names = sorted(path.name for path in found.files if path.parent.name == "audit")
    in_sets = ["audit_mixed__g.sql", "audit_plain__f.sql", "audit_plain__g.sql"]
    assert names == ["audit_feature__f.sql", "audit_feature__g.sql", *in_sets]


def sql(found: Compiled, *features: Any, adapter: str = "databricks", **more: Any) -> str:
    """The join as the macro writes it for Python, which asks no history."""
    macros = Macros(found.files, adapter, lambda name: f"c.s.{name}", context=more)
    return str(macros.call("training_set", "labels", "t", list(features)))


def test_the_join_reads_the_version(tmp_path: Path) -> None:
    found = compiled(tmp_path, PLAIN)
    text = sql(
        found, {"name": "f", "version": 0}, {"name": "g", "version_at": "2026-01-31T13:00:00+01:00"}
    )
    assert "from c.s.f version as of 0 as history" in text
    assert (
        "from c.s.g timestamp as of timestamp '2026-01-31 12:00:00.000000+00:00' as history" in text
    )
    assert "as of" not in sql(found, "f", {"name": "g"}, {"name": "f", "version": None})
    assert (
        sql(found, {"name": "f", "version": 1, "columns": ["copy"]}).count("version as of 1") == 1
    )


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([{"name": "f", "version": -1}], "the version of feature 'f' is '-1'; it must be a whole number, 0 or above."),
        ([{"name": "f", "version": "1"}], "the version of feature 'f' is '1'; it must be a whole number, 0 or above."),
        ([{"name": "f", "version": True}], "the version of feature 'f' is 'True'; it must be a whole number, 0 or above."),
        ([{"name": "f", "version": 1.5}], "the version of feature 'f' is '1.5'; it must be a whole number, 0 or above."),
        ([{"name": "f", "version_at": "noon"}], "the version_at of feature 'f' is 'noon'; write an instant such as 2026-01-31T12:00:00Z. Without an offset it is UTC."),
        ([{"name": "f", "version": 1, "version_at": INSTANT}], "feature 'f' has a version and a version_at; give one of them."),
        (["f", {"name": "f", "version": 1}], "feature 'f' is asked for in two versions."),
        ([{"name": "f", "version": 2}, {"name": "f", "version": 1}], "feature 'f' is asked for in two versions."),
    ],
)  # fmt: skip
def test_the_macro_refuses(tmp_path: Path, features: list[Any], message: str) -> None:
    found = compiled(tmp_path, PLAIN)
    with pytest.raises(MacroError) as caught:
        sql(found, *features)
    assert str(caught.value) == f"training_set: {message}"


@pytest.mark.parametrize(("pin", "what"), [({"version": 12}, "version 12"), ({"version_at": INSTANT}, "its version of 2026-01-31 12:00:00")])  # fmt: skip
def test_duckdb_keeps_no_versions(tmp_path: Path, pin: Document, what: str) -> None:
    found = compiled(tmp_path, PLAIN)
    with pytest.raises(MacroError) as caught:
        sql(
            found, {"name": "f", **pin}, adapter="duckdb", model=type("Model", (), {"name": "mine"})
        )
    assert str(caught.value) == (
        f"training_set: feature 'f' is pinned to {what}, and duckdb keeps no versions of a table. "
        "Run it on Databricks, or exclude it: dbt build --exclude mine"
    )


# In Python


@pytest.mark.parametrize(
    "value",
    [
        INSTANT,
        "2026-01-31 12:00:00",
        "2026-01-31T13:00:00+01:00",
        datetime(2026, 1, 31, 12),
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        datetime(2026, 1, 31, 7, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_instants(value: object) -> None:
    pin = mlf.FeatureSpec("f", version_at=value).pin
    assert pin is not None
    assert pin.argument == {"version_at": INSTANT}


def test_a_day_is_its_start() -> None:
    pin = mlf.FeatureSpec("f", version_at=date(2026, 1, 31)).pin
    assert pin is not None
    assert pin.instant == "2026-01-31T00:00:00Z"
    assert mlf.FeatureSpec("f").pin is None
    assert mlf.FeatureSpec("f", version=0).pin is not None


def build_by_hand(root: Path) -> None:
    """What a build leaves, as far as it matters here."""
    import duckdb

    (root / "feature_store").mkdir(exist_ok=True)
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        connection.execute(
            "create table f (user_id varchar, feature_timestamp timestamp, amount double, copy double)"
        )


def test_training_data_of_a_local_profile(tmp_path: Path) -> None:
    import pyarrow as pa

    compiled(tmp_path, PLAIN)
    build_by_hand(tmp_path)
    project = mlf.load_project(tmp_path)
    labels = pa.table({"user_id": ["u1"], "t": [at("01-02")]})
    assert project.get_training_data("f", labels, "t").num_rows == 1
    for pin, what in (
        ({"version": 12}, "version 12"),
        ({"version_at": INSTANT}, f"its version of {INSTANT}"),
    ):
        with pytest.raises(mlf.RetrievalError) as caught:
            project.get_training_data([mlf.FeatureSpec("f", **pin)], labels, "t")
        assert str(caught.value) == (
            f"error[MF090]: `f` cannot be read in {what}: profile `dev` keeps no versions of a table; "
            "use a profile with `KIND: unity_catalog`"
        )
    with pytest.raises(mlf.RetrievalError, match=r"MF091.*two versions: version 1 and version 2"):
        project.get_training_data(
            [mlf.FeatureSpec("f", version=1), mlf.FeatureSpec("f", version=2)], labels, "t"
        )


# Building and auditing in a profile that keeps no versions


def test_a_local_build_leaves_out_what_it_cannot_build(tmp_path: Path) -> None:
    found = compiled(tmp_path, PINNED, MIXED, PLAIN)
    assert unbuildable(found, "dev") == ("pinned", "mixed")
    assert unbuildable(found, "databricks") == ()
    assert build_features(found).arguments[-3:] == ["--exclude", "pinned", "mixed"]
    assert "--exclude" not in build_features(found, training_sets=["plain"]).arguments
    assert "--exclude" not in build_features(found, names=["f"]).arguments
    with pytest.raises(SpecErrors) as caught:
        build_features(found, training_sets=["plain", "mixed"])
    assert str(caught.value) == (
        "error[MF090]: training set `mixed` reads versions of tables, which profile `dev` does not keep; "
        "use a profile with `KIND: unity_catalog`"
    )


def test_what_an_audit_leaves_out(tmp_path: Path) -> None:
    found = compiled(tmp_path, PINNED, MIXED, PLAIN)
    assert [item.name for item in audited(found)] == ["plain"]
    assert [item.name for item in audited(found, profile="databricks")] == ["mixed", "plain"]
    assert [item.name for item in audited(found, Chosen(("pinned",)), profile="databricks")] == []
    left = unaudited(found, profile="databricks")
    assert [(item.training_set, item.feature, item.reason) for item in left] == [
        ("pinned", "f", "it is read in version 12 of its table"),
        ("pinned", "g", f"it is read in its version of {INSTANT} of its table"),
        ("mixed", "f", "it is read in version 3 of its table"),
    ]
    assert [item.reason for item in unaudited(found, Chosen(("mixed",)))] == [
        "it is read in version 3 of its table",
        "`mixed` needs versions of tables, which profile `dev` does not keep",
    ]


@pytest.mark.functional
def test_the_commands_say_so(tmp_path: Path) -> None:
    found = compiled(tmp_path, MIXED)
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    place = ["--project-dir", str(tmp_path)]
    result = runner.invoke(main, [*place, "audit"])
    assert result.exit_code == 1
    assert "profile `dev` has no `features.duckdb` yet" in " ".join(result.stderr.split())
    (tmp_path / "feature_store").mkdir()
    macros = project_macros(found, tmp_path)
    with duckdb.connect(str(tmp_path / "feature_store" / "features.duckdb")) as connection:
        for name in (node.name for node in found.plan.nodes):
            text = next(text for path, text in found.files.items() if path.name == f"{name}.sql")
            kind = "table" if name in {"f", "g"} else "view"
            connection.execute(f'create {kind} "{name}" as {macros.render(text)}')
    result = runner.invoke(main, [*place, "audit"])
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[-2:] == [
        "not audited: mixed, f: it is read in version 3 of its table",
        "not audited: mixed, g: `mixed` needs versions of tables, which profile `dev` does not keep",
    ]
    assert result.stdout.endswith(
        "PASS: entities, instants and values of 2 feature tables are what the events say\n"
    )
    result = runner.invoke(main, [*place, "audit", "--json"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["audits"] == []
    assert [(item["feature"], item["equal"]) for item in said["tables"]] == [
        ("f", True),
        ("g", True),
    ]
    assert [item["feature"] for item in said["not_audited"]] == ["f", "g"]
    result = runner.invoke(main, [*place, "inspect", "training-set", "mixed"])
    assert "pinned:        f: version 3\n" in result.stdout
    result = runner.invoke(main, [*place, "build", "--training-sets", "mixed"])
    assert result.exit_code == 1
    assert "MF090" in result.stderr
