"""The vocabulary: durations, types, expressions, and text that must survive dbt."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from mlforge_sql.dbt.escape import jinja_safe, safe_values
from mlforge_sql.dbt.external import external_location
from mlforge_sql.dbt.headers import header, is_ours
from mlforge_sql.dbt.paths import in_project, project_dir
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.durations import MAX_MICROSECONDS, MICROSECONDS, ZERO, Duration
from mlforge_sql.expressions import Expr, ExpressionError, parse_expression, parse_row_query
from mlforge_sql.formats import CsvForm
from mlforge_sql.sql.text import escape_jinja
from mlforge_sql.types import ColumnType, FileSchema, Kind, StoredColumn, parse_type

quick = settings(max_examples=150, deadline=None, derandomize=True)
JINJA = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
TEXT = st.text(
    st.one_of(st.sampled_from("{}%#'\"\\ \n\r\tavr()_-"), st.characters(codec="utf-8")), max_size=30
)


# Durations


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1s", 1_000_000),
        ("30m", 1_800_000_000),
        ("12h", 43_200_000_000),
        ("7d", 604_800_000_000),
        ("4w", 2_419_200_000_000),
        ("0d", 0),
        ("007d", 604_800_000_000),
        ("36525d", MAX_MICROSECONDS),
    ],
)
def test_durations(text: str, microseconds: int) -> None:
    assert Duration.parse(text) == Duration(microseconds, text)
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "7 d",
        " 7d",
        "7d ",
        "7d\n",
        "-7d",
        "+7d",
        "1.5d",
        "7D",
        "7days",
        "1h30m",
        "36526d",
        "\u0667d",
        "9" * 30 + "d",
    ],
)
def test_texts_that_are_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not (a duration|between 0 and 100 years)$"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=90), "90d"),
        (timedelta(weeks=1), "7d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61), "61s"),
        (timedelta(0), "0d"),
    ],
)
def test_timedeltas(value: timedelta, text: str) -> None:
    assert Duration.parse(value).text == text


@pytest.mark.parametrize("value", [timedelta(milliseconds=1), timedelta(days=-1), timedelta.max])
def test_timedeltas_that_are_no_duration(value: timedelta) -> None:
    with pytest.raises(ValueError, match="is not"):
        Duration.parse(value)


@quick
@given(st.integers(0, 36_525), st.sampled_from(sorted(MICROSECONDS)))
def test_a_duration_and_its_timedelta_are_equal(count: int, unit: str) -> None:
    written = f"{count}{unit}"
    if count * MICROSECONDS[unit] > MAX_MICROSECONDS:
        return
    duration = Duration.parse(written)
    assert Duration.parse(timedelta(microseconds=duration.microseconds)) == duration
    assert Duration.parse(duration) is duration
    assert (duration > ZERO) == (count > 0)


def test_durations_compare_by_length() -> None:
    assert Duration.parse("7d") == Duration.parse("1w")
    assert hash(Duration.parse("7d")) == hash(Duration.parse("168h"))
    assert sorted(map(Duration.parse, ["2d", "1w", "30h"]))[0].text == "30h"


# Types


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("BOOLEAN", Kind.BOOLEAN, "boolean"),
        ("bool", Kind.BOOLEAN, "boolean"),
        ("TINYINT", Kind.INTEGER, "tinyint"),
        ("UTINYINT", Kind.INTEGER, "smallint"),
        ("USMALLINT", Kind.INTEGER, "integer"),
        ("UINTEGER", Kind.INTEGER, "bigint"),
        ("UBIGINT", Kind.DECIMAL, "decimal(20, 0)"),
        ("int", Kind.INTEGER, "integer"),
        ("long", Kind.INTEGER, "bigint"),
        ("FLOAT", Kind.FLOAT, "float"),
        (" Double ", Kind.FLOAT, "double"),
        ("DECIMAL", Kind.DECIMAL, "decimal(18, 3)"),
        ("numeric(5)", Kind.DECIMAL, "decimal(5, 0)"),
        ("DECIMAL(10,2)", Kind.DECIMAL, "decimal(10, 2)"),
        ("decimal(10, 2)", Kind.DECIMAL, "decimal(10, 2)"),
        ("VARCHAR", Kind.TEXT, "text"),
        ("string", Kind.TEXT, "text"),
        ("varchar(20)", Kind.TEXT, "text"),
        ("DATE", Kind.DATE, "date"),
        ("TIMESTAMP", Kind.TIMESTAMP, "timestamp"),
        ("timestamp_ntz", Kind.TIMESTAMP, "timestamp"),
        ("TIMESTAMP_NS", Kind.TIMESTAMP, "timestamp_ns"),
        ("TIMESTAMP WITH TIME ZONE", Kind.TIMESTAMP_TZ, "timestamp_tz"),
        ("INTEGER[]", Kind.OTHER, "integer[]"),
        ("STRUCT(a INTEGER)", Kind.OTHER, "struct(a integer)"),
        ("ENUM('A', 'b')", Kind.OTHER, "enum('a', 'b')"),
        ("BLOB", Kind.OTHER, "blob"),
        ("", Kind.OTHER, ""),
    ],
)
def test_types(text: str, kind: Kind, said: str) -> None:
    assert parse_type(text).family is kind
    assert str(parse_type(text)) == said


DUCKDB_TYPES = [
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "float",
    "double",
    "decimal(10,2)",
    "decimal(38,0)",
    "varchar",
    "date",
    "timestamp",
    "timestamp_s",
    "timestamp_ms",
    "timestamp_ns",
    "timestamptz",
]


@pytest.mark.parametrize("name", DUCKDB_TYPES)
def test_duckdb_reads_back_the_names_of_its_types(name: str) -> None:
    described = duckdb.sql(f"select cast(null as {name}) as x").types[0]
    kind = parse_type(str(described))
    assert kind.family is not Kind.OTHER
    assert parse_type(str(kind)) == kind
    again = duckdb.sql(f"select cast(null as {str(kind).replace('_tz', ' with time zone')}) as x")
    assert parse_type(str(again.types[0])) == kind


def test_order_and_number() -> None:
    assert [
        item.is_numeric for item in map(parse_type, ("int", "decimal(4,1)", "real", "date"))
    ] == [
        True,
        True,
        True,
        False,
    ]
    assert not ColumnType(Kind.OTHER, text="map").is_ordered


# Expressions


@pytest.mark.parametrize(
    ("text", "sql", "columns"),
    [
        ("amount", "amount", ("amount",)),
        ("Amount", "Amount", ("Amount",)),
        ('"order"', '"order"', ("order",)),
        ("amount>0 AND kind='a'", "amount > 0 AND kind = 'a'", ("amount", "kind")),
        ("a ** 2", "POWER(a, 2)", ("a",)),
        ("a // 2", "a // 2", ("a",)),
        ("a % 2 = 1", "a % 2 = 1", ("a",)),
        ("a::double / b", "CAST(a AS DOUBLE) / b", ("a", "b")),
        ("kind in ('a', 'b')", "kind IN ('a', 'b')", ("kind",)),
        ("kind like 'a%'", "kind LIKE 'a%'", ("kind",)),
        ("x between 1 and 2", "x BETWEEN 1 AND 2", ("x",)),
        ("coalesce(a, b, 0)", "COALESCE(a, b, 0)", ("a", "b")),
        ("case when a then 1 else b end", "CASE WHEN a THEN 1 ELSE b END", ("a", "b")),
        ("a is not null", "NOT a IS NULL", ("a",)),
        ("date_trunc('day', at_time)", "DATE_TRUNC('DAY', at_time)", ("at_time",)),
        ("'it''s'", "'it''s'", ()),
        ("'a;b'", "'a;b'", ()),
        ("'{{ not jinja }}'", "'{{ not jinja }}'", ()),
        ("a /* why */ + 1 -- because", "a + 1", ("a",)),
        ("1", "1", ()),
        ("true", "TRUE", ()),
    ],
)
def test_expressions(text: str, sql: str, columns: tuple[str, ...]) -> None:
    parsed = parse_expression(text)
    assert parsed.sql == sql
    assert parsed.columns == columns
    assert parse_expression(parsed.sql) == parsed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "MF040"),
        ("  \n", "MF040"),
        ("a +", "MF040"),
        ("'a", "MF040"),
        ("a b c", "MF040"),
        ("?", "MF040"),
        ("$x", "MF040"),
        ("{{ x }}", "MF040"),
        ("{% if x %}1{% endif %}", "MF040"),
        ("drop table x", "MF040"),
        ("a; b", "MF041"),
        ("a;", "MF041"),
        ("sum(a)", "MF042"),
        ("count(*)", "MF042"),
        ("max(a) over ()", "MF042"),
        ("(select 1)", "MF042"),
        ("exists (select 1)", "MF042"),
        ("a in (select 1)", "MF042"),
        ("unnest(a)", "MF042"),
        ("columns('a') is null", "MF042"),
        ("random()", "MF042"),
        ("now() > a", "MF042"),
        ("current_date", "MF042"),
        ("uuid()", "MF042"),
        ("list_transform(x, y -> sum(y))", "MF042"),
    ],
)
def test_expressions_that_are_refused(text: str, code: str) -> None:
    if text == "now() > a":  # known to DuckDB only: `SchemaReader.volatile` refuses it
        assert parse_expression(text).functions == ("now",)
        return
    with pytest.raises(ExpressionError) as error:
        parse_expression(text)
    assert error.value.code == code


def test_functions_are_calls_and_not_texts() -> None:
    assert parse_expression("kind = 'now()'").functions == ()
    assert parse_expression('"now"() > a').functions == ("now",)


@pytest.mark.parametrize("text", ["select * from T", "select t.* from t", "select x.* from t x"])
def test_queries_of_all_columns(text: str) -> None:
    assert parse_row_query(text).projections is None


@pytest.mark.parametrize(
    "text",
    [
        "select * exclude (a) from t",
        "select * replace (b + 1 as a) from t",
        "select * rename (a as b) from t",
        "select t.* exclude (a) from t",
        "select x.* from t",
        "select columns('a.*') from t",
        "select a from t as x(a)",
    ],
)
def test_queries_whose_columns_are_not_plain(text: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_row_query(text)
    assert error.value.code == "MF042"


def test_queries() -> None:
    query = parse_row_query('select t.a, b + 1 as "c d" from t where t.a > 0')
    assert query.source == "t"
    assert query.where == parse_expression("a > 0")
    assert query.projections == (("a", Expr.of_column("a")), ("c d", parse_expression("b + 1")))
    everything = parse_row_query("select * from t")
    assert everything.projections is None
    assert everything.where is None


def test_substitution_keeps_precedence() -> None:
    values = {"a": parse_expression("x + 1"), "b": parse_expression("y")}
    assert parse_expression("A * b").substitute(values).sql == "(x + 1) * y"
    assert parse_expression("a").substitute(values) == parse_expression("x + 1")
    assert parse_expression("c").substitute(values).sql == "c"


@quick
@given(st.text(max_size=40))
@example("[")
@example("'")
@example('"')
@example("a.b.c.d.e")
@example("(" * 20)
def test_any_text_is_an_expression_or_a_problem(text: str) -> None:
    for parse in (parse_expression, parse_row_query):
        problem = None
        try:
            parse(text)
        except ExpressionError as error:
            problem = error
        assert problem is None or (problem.code.startswith("MF04") and problem.message)


# Text that dbt renders


def render(text: str) -> str:
    return JINJA.from_string(text).render()


@quick
@given(TEXT)
@example("{{ x }}")
@example("{% raw %}")
@example("{# gone #}")
@example("a\\")
@example("{{\\'}}")
@example("line\nline\r\nline\rline")
@example("ends\n")
@example("}}'{{")
@example("var('x')")
def test_jinja_safe_text_arrives_as_it_was(text: str) -> None:
    assert render(jinja_safe(text)) == text


@quick
@given(TEXT)
@example("{{ 'x' }}")
@example("{{{")
@example("{ {")
@example("{%- x -%}")
@example("{")
@example("ends {")
def test_sql_with_jinja_in_it_arrives_as_it_was(text: str) -> None:
    sql = "select '" + text.replace("'", "''").replace("\r", "") + "' as x"
    assert render(escape_jinja(sql)) == sql


def test_nested_values_are_safe() -> None:
    value = {"a": ["{{ x }}", 1, None, ("{% y %}",)], "b": {"c": "plain"}}
    assert safe_values(value) == {
        "a": ["{{ '{{ x }}' }}", 1, None, ["{{ '{% y %}' }}"]],
        "b": {"c": "plain"},
    }


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )
)
@example({"yes": "no", "on": "1.0", "null": "~", "date": "2024-01-01", "e": "1e5", "empty": ""})
def test_yaml_text_is_read_back(value: Any) -> None:
    assert yaml.safe_load(yaml_text(value)) == value


# Where the rows of a source are


PARQUET = FileSchema({"x": StoredColumn(parse_type("integer"), "integer")})
ODD_NAMES = [
    "plain.parquet",
    "with space.parquet",
    "it's.parquet",
    "100%.parquet",
    "%s %(x)s.parquet",
    "{{ x }}.parquet",
    "{% raw %}.parquet",
    "{# x #}.parquet",
    "{brace}.parquet",
    'quo"te.parquet',
    "é🙂.parquet",
    "a;b--c.parquet",
    "back`tick$.parquet",
]


@pytest.mark.parametrize("folder", ["plain", "it's 100% {{ odd }}"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_duckdb_finds_files_with_odd_names(name: str, folder: str, tmp_path: Path) -> None:
    root = tmp_path / folder
    (root / "data").mkdir(parents=True)
    duckdb.sql("select 42 as x").write_parquet(str(tmp_path / "rows.parquet"))
    shutil.copy(tmp_path / "rows.parquet", root / "data" / name)
    shutil.copy(tmp_path / "rows.parquet", tmp_path / name)
    relative = external_location(f"data/{name}", PARQUET, "dbt")
    absolute = external_location(str(root / "data" / name), PARQUET, "dbt")
    for text in (relative, absolute):
        found = JINJA.from_string(text).render(env_var=lambda _, __: str(root)) % {}
        assert duckdb.sql(f"select x from {found}").fetchall() == [(42,)]


@pytest.mark.parametrize("column", ["x", "it's", "100%", "%(x)s", "{{ x }}", "a, b", 'quo"te', "é"])
def test_duckdb_reads_csv_columns_with_odd_names(column: str, tmp_path: Path) -> None:
    quoted = column.replace('"', '""')
    duckdb.sql(f"""select '007' as "{quoted}" """).write_csv(str(tmp_path / "x.csv"))
    files = FileSchema(
        {column: StoredColumn(parse_type("varchar"), "text")}, CsvForm.usual("x.csv").options
    )
    text = external_location("x.csv", files, "dbt")
    found = JINJA.from_string(text).render(env_var=lambda _, __: str(tmp_path)) % {}
    assert duckdb.sql(f"select * from {found}").fetchall() == [("007",)]
    assert duckdb.sql(f"select * from {found}").columns == [column]


def test_json_columns_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": "1", "b": 2}\n')
    columns = {
        "a": StoredColumn(parse_type("varchar"), "json"),
        "b": StoredColumn(parse_type("double"), "json"),
    }
    text = external_location("x.json", FileSchema(columns), "deep/dbt")
    assert "env_var('MLFORGE_PROJECT_DIR', '../..')" in text
    found = JINJA.from_string(text).render(env_var=lambda _, __: str(tmp_path)) % {}
    assert [str(kind) for kind in duckdb.sql(f"from {found}").types] == ["JSON", "JSON"]


@pytest.mark.parametrize(
    ("folder", "expression"),
    [
        ("dbt", "env_var('MLFORGE_PROJECT_DIR', '..')"),
        ("out/dbt", "env_var('MLFORGE_PROJECT_DIR', '../..')"),
        (".", "env_var('MLFORGE_PROJECT_DIR', '.')"),
    ],
)
def test_the_way_back_to_the_project(folder: str, expression: str) -> None:
    assert project_dir(folder) == expression
    assert in_project("store/x.duckdb", folder) == f"{{{{ {expression} }}}}/store/x.duckdb"
    assert in_project("/abs/x.duckdb", folder) == "/abs/x.duckdb"


# Headers


@pytest.mark.parametrize("path", ["a.sql", "a.yml", ".gitignore", "models/x/y.sql"])
@pytest.mark.parametrize("specs", [(), ("features/a.yml",), ("features/b.py", "features/a.yml")])
def test_headers_are_known_again(path: str, specs: tuple[str, ...]) -> None:
    line = header(PurePosixPath(path), specs)
    assert is_ours(line)
    assert is_ours(line + "\n")
    assert "\n" not in line
    assert line == header(PurePosixPath(path), reversed([*specs, *specs]))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "select 1",
        "-- Generated by mlforge",
        "-- Generated by somebody. Do not edit.",
        "# Do not edit.",
    ],
)
def test_other_lines_are_not_ours(line: str) -> None:
    assert not is_ours(line)
