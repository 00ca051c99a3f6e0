"""The macros ``training_set`` and ``asof_join``, called by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import events
import pytest
from events import at
from harness import Run, project_macros
from judged import DAILY, EXACT, EXAMPLE, LAST, SECRET

import mlforge_sql as mlf
from mlforge_sql.dbt.macros import MacroError, Macros


@pytest.fixture
def project(tmp_path: Path) -> Run:
    """Features without training sets, and tables that no spec names."""
    features = [DAILY, EXACT, {**LAST, "ttl": "2d"}]
    found = events.run(tmp_path, events.spec(features, entities=[SECRET]), EXAMPLE)
    found.connection.execute(
        "create table orders as select * from (values "
        "(1, 'EUR', timestamp '2024-01-02 00:00'), (2, 'EUR', timestamp '2024-01-01 23:59:59.999999'), "
        "(3, 'USD', timestamp '2024-01-09 00:00'), (4, null, timestamp '2024-01-09 00:00'), "
        "(5, 'EUR', null), (6, 'EUR', timestamp '2024-01-09 00:00'), (6, 'EUR', timestamp '2024-01-09 00:00')"
        ") as orders(id, currency, ordered_at)"
    )
    found.connection.execute(
        "create table rates as select * from (values "
        "('EUR', timestamp '2024-01-02 00:00', 1.5::double, 'b'), ('EUR', timestamp '2024-01-04 00:00', 2.5, 'c')"
        ") as rates(code, valid_from, rate, bank)"
    )
    found.connection.execute(
        "create table chargebacks as select 'u1' as user_id, timestamp '2024-01-05' as label_time, 1 as row_id"
    )
    return found


@pytest.fixture
def macros(project: Run, tmp_path: Path, portable: frozenset[str]) -> Macros:
    """The project's macros in either formulation."""
    return project_macros(project.compiled, tmp_path, portable=portable)


@pytest.fixture
def native(project: Run, tmp_path: Path) -> Macros:
    """The project's macros as they are on DuckDB."""
    return project_macros(project.compiled, tmp_path)


def queried(project: Run, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = project.connection.execute(sql).fetchall()
    return found


def test_asof_join_by_names(project: Run, native: Macros) -> None:
    sql = native.render(
        "select id, ordered_at, code, rate from ({{ asof_join("
        "'select id, currency as code, ordered_at from orders', ref('rates'), ['code'], 'ordered_at', "
        "'valid_from', ['rate'], empty={'rate': '-1.0'}) }}) as priced order by id"
    )
    assert [(row[0], row[3]) for row in queried(project, sql)] == [
        (1, 1.5),
        (2, -1.0),
        (3, -1.0),
        (4, -1.0),
        (5, -1.0),
        (6, 2.5),
        (6, 2.5),
    ]


def test_asof_join_by_mappings_prefix_and_ttl(project: Run, native: Macros) -> None:
    start = (
        "asof_join(ref('orders'), ref('rates'), {'currency': 'code'}, 'ordered_at', 'valid_from'"
    )
    sql = native.render(f"{{{{ {start}, ['bank', 'rate'], prefix='of_') }}}}")
    found = project.connection.execute(sql)
    assert [item[0] for item in found.description or []] == ["id", "currency", "ordered_at", "of_bank", "of_rate"]  # fmt: skip
    sql = native.render(f"{{{{ {start}, {{'rate': 'the rate', 'bank': 'b'}}, ttl='5d') }}}}")
    assert queried(project, f'select id, "the rate", b from ({sql}) where b is not null order by id') == [
        (1, 1.5, "b"),
        (6, 2.5, "c"),
        (6, 2.5, "c"),
    ]  # fmt: skip
    sql = native.render(f"{{{{ {start}, ['rate'], ttl='119h') }}}}")
    assert queried(project, f"select id from ({sql}) where rate is not null") == [(1,)]


def test_asof_join_of_a_cte(project: Run, native: Macros) -> None:
    sql = native.render(
        "with late as (select * from orders where id > 5), known as (from rates) select id, rate from ("
        "{{ asof_join('late', 'known', {'currency': 'code'}, 'ordered_at', 'valid_from', ['rate']) }})"
    )
    assert queried(project, sql) == [(6, 2.5), (6, 2.5)]


def test_a_ttl_that_is_no_duration(native: Macros) -> None:
    said = macro_error(
        native,
        "{{ asof_join(ref('orders'), ref('rates'), ['code'], 'a', 'b', ['rate'], ttl='soon') }}",
    )
    assert (
        said
        == "'soon' is not a duration: write a whole number above 0 and s, m, h, d or w, such as 7d."
    )


COLUMNS = "label_columns={'user_id': 'text', 'label_time': 'timestamp', 'row_id': 'integer'}"


@pytest.mark.parametrize(
    "labels", ["ref('chargebacks')", "'select * from chargebacks'", "'from chargebacks'", "'cte'"]
)
def test_training_set_of_any_labels(project: Run, macros: Macros, labels: str) -> None:
    wanted = "['exact:amount_count_1d', {'name': 'last', 'columns': ['amount']}, {'name': 'exact'}]"
    sql = macros.render(
        "with cte as (select * from chargebacks) select * from ("
        f"{{{{ training_set({labels}, 'label_time', {wanted}, {COLUMNS}) }}}})"
    )
    found = project.connection.execute(sql)
    assert [item[0] for item in found.description or []] == [
        *("user_id", "label_time", "row_id"),
        *("exact__amount_count_1d", "exact__amount_sum_1d", "last__amount"),
    ]
    assert found.fetchall() == [("u1", at("01-05 00:00"), 1, 0, None, 5000.0)]


def test_training_set_of_a_cte_needs_keys_and_a_timestamp(project: Run, native: Macros) -> None:
    sql = native.render(
        "with cte as (select sha256('2:u1') as user_key, timestamp '2024-01-03' as t) "
        "select * exclude (user_key) from ({{ training_set('cte', 't', ['exact']) }})"
    )
    assert queried(project, sql) == [(at("01-03 00:00"), 1100.0, 2)]


class Relation:
    """As dbt's own: no text, but it has one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return f'"{self._name}"'


def asking(project: Run, macros: Macros) -> list[str]:
    """Has macros ask for columns, as under dbt; the queries that they ask with."""
    asked: list[str] = []

    def columns(query: str) -> list[SimpleNamespace]:
        asked.append(query)
        found = project.connection.execute(f"describe {query}").fetchall()
        return [SimpleNamespace(name=row[0], dtype=row[1]) for row in found]

    macros._context["adapter"].get_column_schema_from_query = columns
    macros._context["ref"] = Relation
    return asked


def test_training_set_asks_for_columns(project: Run, native: Macros) -> None:
    asked = asking(project, native)
    query = "'select user_id, label_time::timestamptz as t from chargebacks'"
    sql = native.render(f"{{{{ training_set({query}, 't', ['last:amount']) }}}}")
    assert [row[-1] for row in queried(project, sql)] == [5000.0]
    assert len(asked) == 1
    sql = native.render("{{ training_set(ref('chargebacks'), 'label_time', ['last:amount']) }}")
    assert [row[-1] for row in queried(project, sql)] == [5000.0]
    assert len(asked) == 2


def test_the_instant_may_be_sql(project: Run, macros: Macros) -> None:
    sql = macros.render(
        "{{ training_set('select user_id, 3 as day from chargebacks', 'day', ['exact:amount_sum_1d'], "
        "label_columns={'user_id': 'text', 'day': 'integer'}, "
        "label_instant='make_timestamp(2024, 1, labels.day, 0, 0, 0)') }}"
    )
    assert queried(project, sql) == [("u1", 3, 1100.0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            f"'label_time', ['exat'], {COLUMNS}",
            "training_set: unknown feature 'exat'. Known features: daily, exact, last",
        ),
        (
            f"'label_time', ['exact:amount'], {COLUMNS}",
            "training_set: feature 'exact' has no column 'amount'. It has: amount_sum_1d, amount_count_1d",
        ),
        (
            f"'label_time', [{{'name': 'exact', 'columns': ['x']}}], {COLUMNS}",
            "training_set: feature 'exact' has no column 'x'. It has: amount_sum_1d, amount_count_1d",
        ),
        (f"'label_time', [], {COLUMNS}", "training_set: no features are asked for"),
        (
            "'label_time', ['exact'], {'label_time': 'timestamp', 'user': 'text'}",
            (
                "training_set: feature 'exact' needs the column 'user_key', or user_id to compute "
                "it from. The labels have: label_time, user"
            ),
        ),
        (
            f"'labeltime', ['exact'], {COLUMNS}",
            "training_set: the labels have no column 'labeltime'. They have: user_id, label_time, row_id",
        ),
        (
            "'t', ['exact'], {'user_id': 'text', 't': 'bigint'}",
            (
                "training_set: label_time is bigint; it must be a timestamp, a date or ISO text. "
                "Give its SQL as label_instant."
            ),
        ),
        (
            "'t', ['last'], {'user_id': 'text', 't': 'date', 'Last__Amount': 'text'}",
            "training_set: the labels already have a column 'last__amount'. Rename it, or leave it out.",
        ),
    ],
)
def test_what_training_set_says(macros: Macros, arguments: str, said: str) -> None:
    assert macro_error(macros, f"{{{{ training_set(ref('chargebacks'), {arguments}) }}}}") == said


LOCAL = "select 'u1' as user_id, {} from (select timestamp '2024-01-02 18:30' as t)"


@pytest.mark.parametrize(
    ("stored", "time", "types", "more"),
    [
        ("t as at", "'at'", "{'user_id': 'text', 'at': 'timestamp'}", ""),
        ("t::text as at", "'at'", "{'user_id': 'text', 'at': 'text'}", ""),
        ("t::timestamp_ns as at", "'AT'", "{'user_id': 'text', 'at': 'timestamp_ns'}", ""),
        ("'2024-01-02 18:30+01' as at", "'at'", "{'user_id': 'text', 'at': 'text'}", ""),
        ("'2024-01-02T17:30Z' as at", "'at'", "{'user_id': 'text', 'at': 'varchar(20)'}", ""),
        ("t::date as d, t::time as c", "['d', 'c']", "{'user_id': 'text', 'd': 'date', 'c': 'time'}", ""),
        ("t::date as d, '18:30' as c", "['d', 'c']", "{'user_id': 'text', 'd': 'date', 'c': 'text'}", ""),
        ("30 as at", "'at'", "{'user_id': 'text', 'at': 'integer'}", ", label_instant='make_timestamp(2024, 1, 2, 18, labels.at, 0)'"),
    ],
)  # fmt: skip
def test_label_times_in_a_zone(
    project: Run, macros: Macros, stored: str, time: str, types: str, more: str
) -> None:
    """18:30 in Berlin is 17:30 UTC: before the event of 18:00."""
    query = LOCAL.format(stored).replace("'", "\\'")
    sql = macros.render(
        f"{{{{ training_set('{query}', {time}, ['exact:amount_sum_1d'], {types}, timezone='Europe/Berlin'{more}) }}}}"
    )
    assert [row[-1] for row in queried(project, sql)] == [100.0]


def test_asof_join_in_a_zone(project: Run, native: Macros) -> None:
    """Row 2, a microsecond before midnight, is an hour earlier still, and so is row 1, at midnight."""
    start = "asof_join(ref('orders'), ref('rates'), {'currency': 'code'}, 'ordered_at', 'valid_from', ['rate']"
    sql = native.render(f"{{{{ {start}, timezone='Europe/Berlin') }}}}")
    assert queried(project, f"select id from ({sql}) where rate is not null") == [(6,), (6,)]
    sql = native.render(f"{{{{ {start}, timezone='America/Chicago') }}}}")
    found = queried(project, f"select id from ({sql}) where rate is not null order by id")
    assert found == [(1,), (2,), (6,), (6,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            f"'label_time', ['exact'], {COLUMNS}, timezone='CET'",
            "'CET' is not the IANA name of a time zone. Write the zone of a place, such as Europe/Berlin.",
        ),
        (
            "'t', ['exact'], {'user_id': 'text', 't': 'timestamp_tz'}, timezone='Europe/Berlin'",
            "training_set: label_time is timestamp_tz, whose instants are known. Leave timezone out.",
        ),
        (
            "['t', 'u'], ['exact'], {'user_id': 'text', 't': 'date'}",
            "training_set: the labels have no column 'u'. They have: user_id, t",
        ),
    ],
)
def test_what_training_set_says_of_zones(macros: Macros, arguments: str, said: str) -> None:
    assert macro_error(macros, f"{{{{ training_set(ref('chargebacks'), {arguments}) }}}}") == said


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp_ns", "date", "varchar"])
def test_an_infinite_label_time_is_no_instant(
    project: Run, macros: Macros, kind: str, sign: str
) -> None:
    query = f"select \\'u1\\' as user_id, cast(\\'{sign}infinity\\' as {kind}) as t"
    types = f"{{'user_id': 'text', 't': '{kind}'}}"
    wanted = "['exact', 'daily:amount_count_1d', 'last']"
    sql = macros.render(f"{{{{ training_set('{query}', 't', {wanted}, {types}) }}}}")
    ((*_, total, count, daily, last, seen),) = queried(project, sql)
    assert (total, count, daily, last, seen) == (None, 0, 0, None, None)


def macro_error(macros: Macros, text: str) -> str:
    with pytest.raises(MacroError) as error:
        macros.render(text)
    return str(error.value)


OTHER = "{{ training_set('select * from other', 'label_time', ['last:amount', 'exact']) }}"

KEYS = {
    "number": ("1::bigint", "bigint"),
    "number with a point": ("1.5::double", "double"),
    "decimal": ("1.5::decimal(10, 2)", "decimal(10,2)"),
    "day": ("date '2024-01-01'", "date"),
}


@pytest.mark.parametrize(("value", "type_"), KEYS.values(), ids=KEYS)
def test_keys_of_labels_are_of_the_features_type(
    project: Run, macros: Macros, value: str, type_: str
) -> None:
    labels = (
        f"create table other as select {value} as user_id, timestamp '2024-01-05' as label_time"
    )
    project.connection.execute(labels)
    asking(project, macros)
    with pytest.raises(MacroError) as caught:
        macros.render(OTHER)
    assert str(caught.value) == (
        f"training_set: the column 'user_id' of the labels is {type_}, and 'user_id' of feature 'last' is text. "
        "Cast it to text: keys of different types are never silently converted."
    )


def test_what_keys_are_computed_from_is_of_its_type(project: Run, macros: Macros) -> None:
    asking(project, macros)
    with pytest.raises(MacroError) as caught:
        macros.render("{{ training_set('select 1 as user_id, now() as t', 't', ['exact']) }}")
    assert (
        "the column 'user_id' of the labels is integer, and 'user_id' of feature 'exact' is text"
        in str(caught.value)
    )


UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ALIKE = {
    "enum": ("'u1'::enum('u1', 'u2')", "u1"),
    "null": ("null", None),
    "uuid": (f"'{UUID.upper()}'::uuid", UUID),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_keys_that_have_one_text(project: Run, native: Macros, kind: str) -> None:
    """They are what a key is computed from."""
    value, user = ALIKE[kind]
    if user is not None:
        computed = [mlf.surrogate_key(user), mlf.surrogate_key("u1")]
        for table in ("last", "exact"):
            update = f"update {table} set user_key = $1 where user_key = $2"
            project.connection.execute(update, computed)
    labels = f"select {value} as user_id, timestamp '2024-01-05' as label_time"
    asking(project, native)
    sql = native.render(OTHER.replace("select * from other", labels.replace("'", "\\'")))
    ((amount, *_),) = queried(project, f"select last__amount from ({sql})")
    assert (amount is not None) == (user is not None)


def test_digits_of_decimals_on_databricks(project: Run, tmp_path: Path) -> None:
    """Its driver says `decimal` of all of them."""
    asked: list[str] = []

    def rows(query: str) -> SimpleNamespace:
        asked.append(query)
        return SimpleNamespace(rows=[("k", "decimal(10,2)"), ("t", "timestamp")])

    def columns(_query: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(name="k", dtype=kinds[0]),
            SimpleNamespace(name="t", dtype=kinds[1]),
        ]

    more = {"run_query": rows, "target": SimpleNamespace(type="databricks")}
    macros = project_macros(project.compiled, tmp_path, more=more)
    macros._context["adapter"].get_column_schema_from_query = columns
    kinds = ("decimal", "timestamp")
    assert macros.call("mlforge_columns_of", "labels") == {"k": "decimal(10,2)", "t": "timestamp"}
    assert asked == ["describe query select * from labels as labels where false"]
    kinds = ("string", "timestamp")
    assert macros.call("mlforge_columns_of", "labels") == {"k": "string", "t": "timestamp"}
    assert len(asked) == 1, "nothing more to ask"


NUMBERS = {
    "bigint": "integer",
    "smallint": "integer",
    "ubigint": "integer",
    "hugeint": "integer",
    "decimal(20,0)": "integer",
    "decimal(10, 2)": "decimal with 2 digits",
    "decimal": "decimal with 3 digits",
    "numeric": "decimal with 3 digits",
    "double": "float",
    "varchar": "text",
    "character varying": "text",
    "string": "text",
    "string collate UTF8_LCASE": "text",
    "character(3)": "text",
    "int8": "integer",
    "long": "integer",
    "numeric(10, 0)": "integer",
    "bool": "boolean",
    "timestamp_ns": "timestamp",
    "timestamp with time zone": "timestamp with time zone",
}


@pytest.mark.parametrize("type_", NUMBERS)
def test_kinds_of_keys(native: Macros, type_: str) -> None:
    assert native.call("mlforge_key_kind", type_) == NUMBERS[type_]
