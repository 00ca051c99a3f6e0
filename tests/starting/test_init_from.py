"""``mlforge init --from``: what is proposed compiles, says why, and holds no value of the file."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from mlforge_sql.cli import main
from mlforge_sql.errors import Severity
from mlforge_sql.loading.load import load
from mlforge_sql.project.model import Project
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.specs import Located
from mlforge_sql.workflows.compile import compile_project


def call(folder: Path, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(folder), *arguments])


def write(file: Path, columns: str, rows: int = 200) -> Path:
    """Write rows: ``i`` counts them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {columns} from range({rows}) t(i)) to '{file}'")
    return file


TIME = "timestamp '2024-01-01 08:00:00' + to_hours(cast(7 * i as integer))"
ORDERS = f"'o' || i as order_id, 'c' || i % 9 as customer_id, {TIME} as ordered_at, (i % 50)::decimal(10,2) as amount, 'web' || i % 3 as color, 'street ' || i % 9 as address"


def project_entities(root: Path) -> tuple[Located[Entity], ...]:
    return load(root).entities


def propose(folder: Path, file: str) -> tuple[str, Project]:
    """The spec file that is written, and the project that it compiles to, without a warning."""
    result = call(folder, "init", "new", "--from", file)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    (spec,) = (folder / "new" / "features").glob("*.yml")
    project = compile_project(folder / "new").project
    assert not [item for item in project.warnings if item.severity is Severity.WARNING]
    return spec.read_text(encoding="utf-8"), project


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_a_file_becomes_a_project(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "data" / f"orders.{kind}", ORDERS)
    text, project = propose(tmp_path, f"data/orders.{kind}")
    (source,) = project.sources
    assert (source.spec.name, source.spec.path) == ("orders", f"../data/orders.{kind}")
    assert source.spec.timestamp.columns == ("ordered_at",)
    assert [item.spec.name for item in project.features] == [
        "customer_orders",
        "customer_orders_latest",
    ]
    rolling, latest = (item.spec for item in project.features)
    assert rolling.entities == latest.entities == ("customer",)
    assert latest.tie_breaker == ("order_id",)
    assert set(latest.select or {}) == {"last_amount", "last_color"}
    assert set(rolling.validators) == {"customer_id", "amount"}
    assert [item.name for item in project.training_sets] == ["orders_training"]
    for reason in ("9 different values, 22.2 rows for each", "`address`", "every 2.6 days"):
        assert reason in " ".join(text.replace("#", "").split())
    assert "street" not in text
    assert "web" not in text


def test_it_builds(tmp_path: Path) -> None:
    write(tmp_path / "orders.parquet", ORDERS)
    result = call(tmp_path, "init", "--from", "orders.parquet")
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith("\nnext:\n  mlforge build\n")
    assert max(map(len, result.stderr.splitlines())) <= 80
    built = call(tmp_path, "build")
    assert built.exit_code == 0, built.output
    assert not [line for line in built.stderr.splitlines() if "warn" in line]
    with duckdb.connect(str(tmp_path / "feature_store" / "features.duckdb")) as connection:
        found = connection.sql(
            "select count(*), sum(customer_orders__orders_30d) from orders_training"
        )
        count, orders = found.fetchall()[0]
    assert count == 200
    assert orders > 1000


test_it_builds = pytest.mark.functional(test_it_builds)


TIMES: dict[str, tuple[str, str | dict[str, str]]] = {
    "timestamp": (f"{TIME} as at", "at"),
    "zoned": (f"({TIME})::timestamptz as at", "at"),
    "date": ("date '2024-01-01' + cast(i // 3 as integer) as day", "day"),
    "midnights": ("(date '2024-01-01' + cast(i // 3 as integer))::timestamp as day", "day"),
    "seconds": (f"epoch({TIME})::bigint as ts", {"unit": "s"}),
    "milliseconds": (f"epoch_ms({TIME}) as event_time", {"unit": "ms"}),
    "nanoseconds": (f"epoch_ns({TIME}) as created_at", {"unit": "ns"}),
    "iso text": (f"strftime({TIME}, '%Y-%m-%dT%H:%M:%SZ') as at", {"format": "%Y-%m-%dT%H:%M:%SZ"}),
    "german text": (f"strftime({TIME}, '%d.%m.%Y %H:%M') as at", {"format": "%d.%m.%Y %H:%M"}),
    "dates in words": (f"strftime({TIME}, '%b %-d %Y') as at", {"format": "%b %d %Y"}),
    "offsets": (
        f"strftime({TIME}, '%Y-%m-%d %H:%M:%S') || '+02:00' as at",
        {"format": "%Y-%m-%d %H:%M:%S%z"},
    ),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_read_as_they_are_stored(tmp_path: Path, name: str) -> None:
    expression, expected = TIMES[name]
    write(tmp_path / "visits.parquet", f"i % 7 as user_id, {expression}, i * 0.5 as score")
    _, project = propose(tmp_path, "visits.parquet")
    timestamp = project.sources[0].spec.timestamp
    said = {"format": timestamp.format, "unit": timestamp.unit}
    given = {key: value for key, value in said.items() if value is not None}
    assert given == ({} if isinstance(expected, str) else expected)


def test_a_format_that_can_be_two_is_said(tmp_path: Path) -> None:
    first = "'0' || (1 + i % 9) || '/0' || (1 + i % 8) || '/2024' as day"
    write(tmp_path / "visits.csv", f"'u' || i % 7 as user_id, {first}, i as n")
    text, project = propose(tmp_path, "visits.csv")
    assert project.sources[0].spec.timestamp.format == "%m/%d/%Y"
    assert "# check the format: every value fits `%d/%m/%Y` as well" in text


def test_the_event_time_is_not_one_of_the_others(tmp_path: Path) -> None:
    columns = f"'u' || i % 7 as user_id, {TIME} as updated_at, {TIME} as paid_at, date '1990-01-01' + cast(i as integer) as birth_date"
    write(tmp_path / "visits.parquet", columns)
    text, project = propose(tmp_path, "visits.parquet")
    assert project.sources[0].spec.timestamp.columns == ("paid_at",)
    assert "the others that are times: `updated_at`, `birth_date`" in " ".join(
        text.replace("#", "").split()
    )


def test_names_that_cannot_be_names(tmp_path: Path) -> None:
    columns = f'\'s\' || i % 7 as "Station Code", {TIME} as "when", i * 1.5 as "wind.speed", \'x\' || i % 5 as "no"'
    write(tmp_path / "2024 Weather.parquet", columns)
    text, project = propose(tmp_path, "2024 Weather.parquet")
    assert project.sources[0].spec.name == "_2024_weather"
    names = {item.spec.name: item.spec.join_key for item in project_entities(tmp_path / "new")}
    assert names["station"] == ("station_code_key",)
    rolling = project.features[0]
    assert "wind_speed_mean_7d" in {column.name for column in rolling.columns}
    assert "computed, because that name cannot be the name of a key" in text


def test_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    key = "case when i % 10 > 0 then 'u' || i % 7 end as user_id"
    write(tmp_path / "visits.parquet", f"{key}, {TIME} as at, i * 1.5 as score")
    text, _ = propose(tmp_path, "visits.parquet")
    assert "# 20 rows have none: they are in no feature of it" in text
    assert "not_null" not in text


def test_several_files_share_their_entities(tmp_path: Path) -> None:
    write(tmp_path / "orders.parquet", ORDERS)
    write(tmp_path / "visits" / "1.csv", f"'c' || i % 9 as customer_id, {TIME} as at, i as pages")
    write(tmp_path / "visits" / "2.csv", f"'c' || i % 9 as customer_id, {TIME} as at, i as pages")
    write(tmp_path / "customers.csv", "'c' || i as customer_id, 'x' as name", 9)
    files = ["orders.parquet", "visits/*.csv", "customers.csv"]
    result = call(tmp_path, "init", "shop", *(word for file in files for word in ("--from", file)))
    assert result.exit_code == 0, result.output
    assert (
        "error[MF159]: no column of `../customers.csv` has the time of its events" in result.stderr
    )
    project = compile_project(tmp_path / "shop").project
    assert [item.spec.name for item in project.sources] == ["orders", "visits"]
    assert [item.spec.name for item in project_entities(tmp_path / "shop")] == ["customer"]


def test_a_project_that_is_there_gets_more(tmp_path: Path) -> None:
    write(tmp_path / "orders.parquet", ORDERS)
    assert call(tmp_path, "init", "--from", "orders.parquet").exit_code == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    write(tmp_path / "more" / "orders.parquet", ORDERS)
    result = call(tmp_path, "init", "--from", "more/orders.parquet")
    assert result.exit_code == 0, result.output
    assert all(file.read_bytes() == data for file, data in before.items())
    project = compile_project(tmp_path).project
    assert sorted(item.spec.name for item in project.sources) == ["orders", "orders_2"]
    assert [item.spec.name for item in project_entities(tmp_path)] == ["customer"]


BAD: dict[str, tuple[str, str]] = {
    "no time": (
        "'c' || i % 9 as customer_id, 2000 + i % 9 as year",
        "error[MF159]: no column of `x.parquet` has the time of its events",
    ),
    "no key": (
        f"{TIME} as at, i * 1.5 as price",
        "error[MF159]: no column of `x.parquet` says what its rows are about",
    ),
    "no key but unique": (
        f"{TIME} as at, 'u' || i as user_id",
        "error[MF159]: no column of `x.parquet` says what its rows are about",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_source_is_said_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    columns, message = BAD[name]
    write(tmp_path / "x.parquet", columns)
    result = call(tmp_path, "init", "--from", "x.parquet")
    assert result.exit_code == 1
    assert message in result.stderr.replace("\n  ", " ")
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = call(tmp_path, "init", "shop", "--from", "nothing.parquet")
    assert result.exit_code == 1
    assert "error[MF023]: no file matches `nothing.parquet`" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_or_a_file_is_needed(tmp_path: Path) -> None:
    result = call(tmp_path, "init")
    assert result.exit_code == 2
    assert "name a folder, such as `mlforge init shop`, or a file with --from" in result.stderr


def test_random_tables_compile(tmp_path: Path) -> None:
    draw = random.Random(3)
    kinds = [
        "i % 7",
        "'t' || i % 4",
        "i * 0.25",
        "i % 2 = 0",
        TIME,
        "date '2024-02-01' - cast(i as integer)",
        "null",
        "[i]",
        "repeat('x', 80)",
        "uuid()",
        "i::utinyint",
        "i::hugeint",
        "'2024'",
    ]
    names = [
        "id",
        "a b",
        "Key",
        "sum",
        "feature_timestamp",
        "time",
        "amount",
        "é",
        "select",
        "user_id",
        "price",
        "no",
        "status",
    ]
    tried = 0
    for number in range(25):
        chosen = draw.sample(names, 5)
        columns = ", ".join(f'{draw.choice(kinds)} as "{name}"' for name in chosen)
        folder = tmp_path / str(number)
        write(folder / "x.parquet", f'{columns}, {TIME} as "at", \'k\' || i % 6 as "thing_id"')
        result = call(folder, "init", "--from", "x.parquet")
        assert result.exit_code == 0, (columns, result.output)
        compile_project(folder)
        tried += 1
    assert tried == 25


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    def make(kind: str) -> Path:
        columns = (
            f"{ORDERS}, uuid() as session, 3::utinyint as small, null as nothing, 'yes' as \"no\""
        )
        write(tmp_path / f"orders.{kind}", columns)
        assert call(tmp_path, "init", "--from", f"orders.{kind}").exit_code == 0
        return tmp_path

    return make


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_columns_can_be_pasted(project: Callable[[str], Path], kind: str) -> None:
    root = project(kind)
    result = call(root, "columns", "orders")
    assert (result.exit_code, result.stderr) == (0, "")
    assert '  "no": text\n' in result.stdout
    spec = root / "features" / "orders.yml"
    text = spec.read_text(encoding="utf-8")
    pasted = "\n".join(f"    {line}" for line in result.stdout.splitlines())
    text = re.sub(r"\n    columns: .*", "", text)  # what is there already is in what is printed
    assert text.count("\nfeatures:") == 1
    spec.write_text(text.replace("\nfeatures:", f"{pasted}\n\nfeatures:"), encoding="utf-8")
    with_file = compile_project(root)
    (root / f"orders.{kind}").unlink()
    without = compile_project(root)
    for one, other in zip(with_file.project.features, without.project.features, strict=True):
        assert one.columns == other.columns
    for path, text in with_file.files.items():
        if "features" in path.parts:
            assert without.files[path] == text


def test_columns_as_json(project: Callable[[str], Path]) -> None:
    found: dict[str, Any] = json.loads(
        call(project("parquet"), "columns", "orders", "--json").stdout
    )
    assert found["version"] == 1
    assert found["columns"][0] == {"name": "order_id", "type": "text"}
    assert {"name": "small", "type": "utinyint"} in found["columns"]


def test_columns_of_an_unknown_source(project: Callable[[str], Path]) -> None:
    result = call(project("parquet"), "columns", "order")
    assert result.exit_code == 1
    assert "error[MF021]: unknown source `order`" in result.stderr
    assert "did you mean `orders`?" in result.stderr


def test_columns_of_what_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "mlforge.yaml").write_text(
        "name: p\nprofiles: {dev: {offline_store: {KIND: local, path: x}}}\n", encoding="utf-8"
    )
    (tmp_path / "features" / "a.yml").write_text(
        "sources:\n- {name: a, model: stg, timestamp: t}\n- {name: b, table: c.s.t, timestamp: t}\n",
        encoding="utf-8",
    )
    for name, step in (
        ("a", "declare what the model's own `columns:` say"),
        ("b", "declare what `describe table c.s.t` says"),
    ):
        result = call(tmp_path, "columns", name)
        assert result.exit_code == 1
        assert f"error[MF023]: the columns of `{name}` are not read from here" in result.stderr
        assert step in result.stderr


def test_the_time_span_sets_the_windows(tmp_path: Path) -> None:
    quick = "timestamp '2024-01-01' + to_seconds(i * 300) as at"
    write(tmp_path / "clicks.parquet", f"'u' || i % 5 as user_id, {quick}, i * 1.0 as score")
    _, project = propose(tmp_path, "clicks.parquet")
    assert str(project.features[0].spec.interval) == "1h"


PEOPLE = (
    "'t' || i as transaction_id, 'c' || i % 9 as customer, 'w' || i % 9 || '@x.org' as contact,"
    " 'e' || i % 9 || '@x.org' as e_mail, i % 17 = 0 as is_fraud, i * 1.0 as amount"
)


@pytest.mark.functional
def test_labels_have_keys_time_and_target_and_nothing_personal(tmp_path: Path) -> None:
    write(tmp_path / "payments.parquet", f"{PEOPLE}, null::int as nothing, {TIME} as at")
    text, project = propose(tmp_path, "payments.parquet")
    (training_set,) = project.training_sets
    assert list(training_set.columns) == ["customer", "is_fraud", "at"]
    assert "`is_fraud` looks like what is to be predicted" in " ".join(
        text.replace("#", "").split()
    )
    built = call(tmp_path / "new", "build")
    assert built.exit_code == 0, built.output
    with duckdb.connect(str(tmp_path / "new" / "feature_store" / "features.duckdb")) as connection:
        found = connection.sql("select * from payments_training")
        assert found.columns[:3] == ["customer", "is_fraud", "at"]
        assert all("__" in name for name in found.columns[3:])
        assert not [name for name in found.columns if "contact" in name or "mail" in name]
        frauds = connection.sql(
            "select count(*), count(*) filter (is_fraud) from payments_training"
        )
        assert frauds.fetchall() == [(200, 12)]


def test_an_address_is_proposed_for_nothing(tmp_path: Path) -> None:
    """Also where no two rows have the same: neither as what tells rows apart nor to break ties."""
    columns = f"i % 9 as user_id, 'w' || i || '@x.org' as contact, i * 1.5 as amount, {TIME} as at"
    write(tmp_path / "people.parquet", columns)
    text, _ = propose(tmp_path, "people.parquet")
    named = [line for line in text.splitlines() if "contact" in line]
    assert not [line for line in named if "dedupe" in line or "tie_breaker" in line], named


def test_without_a_target_the_labels_are_keys_and_time(tmp_path: Path) -> None:
    write(tmp_path / "orders.csv", ORDERS)
    text, project = propose(tmp_path, "orders.csv")
    assert list(project.training_sets[0].columns) == ["customer_id", "ordered_at"]
    assert "looks like what is to be predicted" not in text


ABOUT: dict[str, tuple[str, str, list[str]]] = {
    "who acts comes first": (
        "payments",
        "'p' || i as payment_id, i % 31 as user, 'm' || i % 40 as merchant_id",
        ["user", "merchant_id"],
    ),
    "what a row is comes last": (
        "visits",
        "'v' || i // 2 as visit_id, 's' || i % 9 as site",
        ["site", "visit_id"],
    ),
    "lines of an order": (
        "order_lines",
        "i // 3 as order_id, i % 3 as line_no, 'c' || i // 20 as customer_no",
        ["customer_no", "order_id"],
    ),
    "codes and numbers of rows are none": (
        "trips",
        "i % 9 as vendor_id, i % 50 as zip_code, i % 23 as house_number, 200 + i % 7 as status_code",
        ["vendor_id"],
    ),
    "a code where there is nothing else": ("rows", "i % 50 as zip_code", ["zip_code"]),
    "no address": (
        "mails",
        "'a' || i % 9 || '@x.org' as account, 'b' || i % 8 as box_id",
        ["box_id"],
    ),
}


@pytest.mark.parametrize("name", ABOUT)
def test_what_rows_are_about(tmp_path: Path, name: str) -> None:
    source, columns, expected = ABOUT[name]
    write(tmp_path / f"{source}.parquet", f"{columns}, i * 0.5 as amount, {TIME} as at")
    propose(tmp_path, f"{source}.parquet")
    keys = [item.spec.join_key[0] for item in project_entities(tmp_path / "new")]
    assert keys == expected


def test_a_whole_amount_is_no_id_although_no_two_are_alike(tmp_path: Path) -> None:
    columns = f"'c' || i % 9 as customer_id, cast(3 * i + 7 as bigint) as total, {TIME} as at"
    write(tmp_path / "payments.parquet", columns)
    text, project = propose(tmp_path, "payments.parquet")
    assert "total_sum_7d" in {column.name for column in project.features[0].columns}
    assert "dedupe" not in text
