"""Projects in the style of mlforge: they load as they are, and what comes out is the rule of time's.

The projects of ``projects/`` are written as for mlforge, with `import mlforge_sql as mlf` alone changed.
"""

from __future__ import annotations

import random
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import Run, compile_and_run, write_parquet
from oracle import (
    Clock,
    Column,
    Event,
    Row,
    latest_at,
    microseconds,
    split_by_entity,
    surrogate_key,
    value_at,
)

import mlforge_sql as mlf
from mlforge_sql.api.project import load as load_project
from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.loading.load import load
from mlforge_sql.project.selectors import select
from mlforge_sql.workflows.compile import compile_project

PROJECTS = Path(__file__).parent / "projects"
START = datetime(2024, 3, 1)
DAY, HOUR = 86_400_000_000, 3_600_000_000


def copied(tmp_path: Path, name: str) -> Path:
    """One of the projects, without data."""
    return Path(shutil.copytree(PROJECTS / name, tmp_path / name))


def instant(draw: random.Random, days: int = 20) -> datetime:
    return START + timedelta(seconds=draw.randrange(days * 86_400))


def built(root: Path) -> Run:
    (root / "feature_store").mkdir(exist_ok=True)
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        return compile_and_run(root, connection=connection)


def window(name: str, field: str, function: Any, length: int) -> tuple[str, Column]:
    return name, Column(name, field, function, length)


def check(  # noqa: PLR0917 - what the rule of time is about
    found: list[dict[str, Any]],
    labels: list[dict[str, Any]],
    feature: str,
    events: dict[Any, list[Event]],
    key: Any,
    clock: Clock,
    columns: list[tuple[str, Column]],
) -> None:
    """Compare each value of each label with the oracle's."""
    assert len(found) == len(labels) > 0
    seen = 0
    for row, label in zip(found, labels, strict=True):
        mine = events.get(key(label), [])
        for name, column in columns:
            expected = value_at(column, mine, clock, 0, microseconds(label["at"]))
            value = row[f"{feature}__{name}"]
            seen += value is not None and value != 0
            if expected is None or value is None:
                assert value is expected, (feature, name, label)
            else:
                assert isinstance(expected, int | float), (name, label)
                assert value == pytest.approx(expected, rel=1e-9), (name, label)
    assert seen > 10


def payments() -> list[dict[str, Any]]:
    draw = random.Random(5)
    people = [
        ("Ada", "Berg", datetime(1980, 1, 2).date()),
        ("Bo", "Lind", datetime(1991, 5, 6).date()),
    ]
    rows = []
    for number in range(300):
        first, last, born = draw.choice(people)
        rows.append(
            {
                "first_name": first,
                "last_name": last,
                "born": born,
                "shop": f"shop {draw.randrange(4)}",
                "card_no": f"4{draw.randrange(5)}",
                "shop_kind": draw.choice(["food", "fuel", "web"]),
                "paid_at": instant(draw).strftime("%Y-%m-%d %H:%M:%S"),
                "amount": draw.randrange(1, 9000) / 100,
                "number": number,
            }
        )
    return rows


PAYMENT_TYPES = {
    "first_name": "VARCHAR",
    "last_name": "VARCHAR",
    "born": "DATE",
    "shop": "VARCHAR",
    "card_no": "VARCHAR",
    "shop_kind": "VARCHAR",
    "paid_at": "VARCHAR",
    "amount": "DOUBLE",
    "number": "BIGINT",
}


def test_fraud(tmp_path: Path) -> None:
    """Surrogate keys, a time that the features say, polars' own columns, a training script beside."""
    root = copied(tmp_path, "fraud")
    rows = payments()
    write_parquet(root / "data" / "payments.parquet", PAYMENT_TYPES, rows)
    specs = load(root)
    assert [item.spec.name for item in specs.sources] == ["payments"]
    assert specs.config.spec.name == "fraud"
    built(root)
    events: list[Row] = [
        {
            **row,
            "paid_at": datetime.strptime(row["paid_at"], "%Y-%m-%d %H:%M:%S"),
            "holder_id": surrogate_key([row["first_name"], row["last_name"], row["born"]]),
            "shop_id": surrogate_key([row["shop"]]),
        }
        for row in rows
    ]
    draw = random.Random(7)
    labels = [{**draw.choice(rows), "at": instant(draw, 30)} for _ in range(80)]
    wanted = ["holder_spend", "shop_spend", "card_velocity", "card_last"]
    given = duckdb.connect()
    write_parquet(tmp_path / "labels.parquet", PAYMENT_TYPES | {"at": "TIMESTAMP"}, labels)
    table = given.sql(f"from '{tmp_path / 'labels.parquet'}'").to_arrow_table()
    found = load_project(root).get_training_data(wanted, table, "at").to_pylist()
    assert [row["number"] for row in found] == [row["number"] for row in labels]
    daily, hourly = Clock(DAY), Clock(HOUR)
    spending = [
        window("spent_1d", "amount", "sum", DAY),
        window("spent_7d", "amount", "sum", 7 * DAY),
        window("usual_7d", "amount", "mean", 7 * DAY),
        window("payments_1d", "amount", "count", DAY),
        window("spread_7d", "amount", "std", 7 * DAY),
    ]
    holders = split_by_entity(events, ["holder_id"], "paid_at")
    shops = split_by_entity(events, ["shop_id"], "paid_at")
    cards = split_by_entity(events, ["card_no"], "paid_at")

    def holder(label: Row) -> Any:
        return (surrogate_key([label["first_name"], label["last_name"], label["born"]]),)

    check(found, labels, "holder_spend", holders, holder, daily, spending)
    check(
        found,
        labels,
        "shop_spend",
        shops,
        lambda label: (surrogate_key([label["shop"]]),),
        daily,
        spending,
    )
    velocity = [
        window("amount_count_1h", "amount", "count", HOUR),
        window("amount_max_6h", "amount", "max", 6 * HOUR),
        window("amount_count_6h", "amount", "count", 6 * HOUR),
    ]
    check(
        found, labels, "card_velocity", cards, lambda label: (label["card_no"],), hourly, velocity
    )
    for row, label in zip(found, labels, strict=True):
        mine = cards.get((label["card_no"],), [])
        chosen = {"last_amount": "amount", "last_kind": "shop_kind"}
        rest = ("amount", "shop_kind")
        last = latest_at(chosen, mine, Clock(), 0, microseconds(label["at"]), remaining=rest)
        for column in chosen:
            assert row[f"card_last__{column}"] == (last or {}).get(column)


def test_recommendation(tmp_path: Path) -> None:
    """Keys in the place of entities, paths in the place of sources, several keys, SQL in `select`."""
    root = copied(tmp_path, "recommendation")
    draw = random.Random(11)
    events: list[dict[str, Any]] = [
        {
            "visitor_id": f"v{draw.randrange(6)}",
            "item_id": draw.randrange(5),
            "kind": draw.choice(["view", "view", "click", "buy"]),
            "seen_at": instant(draw),
        }
        for _ in range(400)
    ]
    types = {
        "visitor_id": "VARCHAR",
        "item_id": "BIGINT",
        "kind": "VARCHAR",
        "seen_at": "TIMESTAMP",
    }
    write_parquet(root / "data" / "events.parquet", types, events)
    (root / "data" / "stock-levels.csv").write_text(
        "item_id,counted_at,pieces\n1,2024-03-02 08:00:00,7\n1,2024-03-05 08:00:00,4\n2,2024-03-03 09:00:00,0\n",
        encoding="utf-8",
    )
    (root / "store").mkdir()
    with duckdb.connect(str(root / "store" / "features.duckdb")) as connection:
        run = compile_and_run(root, connection=connection)
        features = {item.name: item for item in run.compiled.project.features}
        assert [key.name for key in features["visitor_item"].keys] == ["visitor_id", "item_id"]
    labels: list[dict[str, Any]] = [
        {
            "visitor_id": f"v{draw.randrange(7)}",
            "item_id": draw.randrange(6),
            "at": instant(draw, 30),
        }
        for _ in range(80)
    ]
    write_parquet(
        tmp_path / "labels.parquet",
        {"visitor_id": "VARCHAR", "item_id": "BIGINT", "at": "TIMESTAMP"},
        labels,
    )
    wanted = ["visitor_engagement", "visitor_item", "item_popularity", "item_stock"]
    data = load_project(root).get_training_data(wanted, tmp_path / "labels.parquet", "at")
    found = data.to_pylist()
    rows: list[Row] = [
        {**row, "viewed": int(row["kind"] == "view"), "bought": int(row["kind"] == "buy")}
        for row in events
    ]
    daily = Clock(DAY)
    by_visitor = split_by_entity(rows, ["visitor_id"], "seen_at")
    by_item = split_by_entity(rows, ["item_id"], "seen_at")
    by_both = split_by_entity(rows, ["visitor_id", "item_id"], "seen_at")
    engagement = [
        window("views_1d", "viewed", "sum", DAY),
        window("views_7d", "viewed", "sum", 7 * DAY),
        window("purchases_7d", "bought", "sum", 7 * DAY),
    ]
    check(
        found,
        labels,
        "visitor_engagement",
        by_visitor,
        lambda row: (row["visitor_id"],),
        daily,
        engagement,
    )
    popularity = [window("visitor_id_count_7d", "visitor_id", "count", 7 * DAY)]
    check(
        found, labels, "item_popularity", by_item, lambda row: (row["item_id"],), daily, popularity
    )
    pairs = [window("count_7d", "*", "count", 7 * DAY)]
    check(
        found,
        labels,
        "visitor_item",
        by_both,
        lambda row: (row["visitor_id"], row["item_id"]),
        Clock(),
        pairs,
    )
    stock: dict[Any, list[tuple[datetime, int]]] = {
        1: [(datetime(2024, 3, 2, 8), 7), (datetime(2024, 3, 5, 8), 4)],
        2: [(datetime(2024, 3, 3, 9), 0)],
    }
    for row, label in zip(found, labels, strict=True):
        counted = stock.get(label["item_id"], [])
        known = [pieces for at, pieces in counted if microseconds(at) < microseconds(label["at"])]
        assert row["item_stock__pieces_left"] == (known[-1] if known else None)


def test_accounts(tmp_path: Path) -> None:
    """Two event times of one source, by hand; and only what the `Definitions` name."""
    root = copied(tmp_path, "accounts")
    types = {
        "account_id": "BIGINT",
        "booked_at": "TIMESTAMP",
        "valued_at": "TIMESTAMP",
        "amount": "DECIMAL(12,2)",
        "cancelled": "BOOLEAN",
    }
    rows: list[dict[str, Any]] = [
        {
            "account_id": 1,
            "booked_at": datetime(2024, 3, day, 10),
            "valued_at": datetime(2024, 3, day + shift, 12),
            "amount": amount,
            "cancelled": cancelled,
        }
        for day, shift, amount, cancelled in (
            (1, 0, "10.00", False),
            (2, 2, "-3.50", False),
            (3, 0, "100.00", True),
            (5, 3, "7.25", False),
        )
    ]
    write_parquet(root / "data" / "bookings.parquet", types, rows)
    run = built(root)
    assert [item.name for item in run.compiled.project.features] == [
        "account_booked",
        "account_valued",
    ]
    labels = [{"account_id": 1, "at": datetime(2024, 3, day)} for day in (1, 2, 3, 4, 5, 6, 9)]
    write_parquet(tmp_path / "labels.parquet", {"account_id": "BIGINT", "at": "TIMESTAMP"}, labels)
    data = load_project(root).get_training_data(
        ["account_booked", "account_valued"], tmp_path / "labels.parquet", "at"
    )
    found = data.to_pylist()
    booked = [row["account_booked__amount_sum_30d"] for row in found]
    assert [None if item is None else float(item) for item in booked] == [
        *(None, 10.0, 6.5, 6.5, 6.5, 13.75, 13.75)
    ]
    valued = [row["account_valued__amount_sum_30d"] for row in found]
    assert [None if item is None else float(item) for item in valued] == [
        *(None, 10.0, 10.0, 110.0, 106.5, 106.5, 113.75)
    ]
    assert [float(row["account_booked__amount_min_30d"] or 0) for row in found][-1] == -3.5


def test_the_definitions_of_a_script_find_their_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copied(tmp_path, "accounts")
    write_parquet(
        root / "data" / "bookings.parquet",
        {
            "account_id": "BIGINT",
            "booked_at": "TIMESTAMP",
            "valued_at": "TIMESTAMP",
            "amount": "DOUBLE",
            "cancelled": "BOOLEAN",
        },
        [
            {
                "account_id": 1,
                "booked_at": START,
                "valued_at": START,
                "amount": 2.0,
                "cancelled": False,
            }
        ],
    )
    built(root)
    monkeypatch.syspath_prepend(str(root / "src"))
    scope: dict[str, Any] = {}
    exec("from accounts.definitions import defs", scope)
    labels = duckdb.sql("select 1::bigint as account_id, timestamp '2024-03-05' as at")
    found = scope["defs"].get_training_data(None, labels, "at").fetchall()
    assert [float(value) for value in found[0][-1:]] == [2.0]


def project(
    tmp_path: Path, text: str, config: str | None = None, file: str = "src/shop/definitions.py"
) -> Path:
    """A project of one file in a package."""
    root = tmp_path / "shop"
    (root / file).parent.mkdir(parents=True)
    (root / "src" / "shop" / "__init__.py").touch()
    (root / file).write_text(
        f"import mlforge_sql as mlf\nimport polars as pl\n{text}", encoding="utf-8"
    )
    config = config or "profiles: {dev: {offline_store: {KIND: local, path: ./feature_store}}}\n"
    (root / "mlforge.yaml").write_text(config, encoding="utf-8")
    write_parquet(
        root / "data" / "orders.parquet",
        {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "DOUBLE"},
        [{"user_id": "u", "at": START, "amount": 1.0}],
    )
    return root


def said(root: Path) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load(root)
    return [plain(item) for item in caught.value.diagnostics]


FEATURE = """
@mlf.feature(keys=["user_id"], source="data/orders.parquet", timestamp="at")
def last(df):
    return {rows}

defs = mlf.Definitions("shop", features=[last]{more})
"""
PLACE = "src/shop/definitions.py"
OTHERWISE: dict[str, tuple[str, list[str]]] = {
    "a store": (
        FEATURE.format(
            rows='df.select("amount")', more=', offline_store=mlf.LocalStore("./store")'
        ),
        [
            (
                f"{PLACE}:8:63: error[MF175]: `LocalStore` is said otherwise in mlforge-sql; remove it: "
                "`mlforge.yaml` says where features are, such as "
                "`profiles: {dev: {offline_store: {KIND: local, path: ./feature_store}}}`"
            )
        ],
    ),
    "a polars expression": (
        FEATURE.format(rows='df.select((pl.col("amount") * 2).alias("twice"))', more=""),
        [
            (
                f"{PLACE}:6:12: error[MF175]: an expression of a data frame cannot be compiled: the rows of "
                'a feature are selected by SQL; write it as SQL text, such as `"case when ... end as twice"`'
            )
        ],
    ),
    "a method of a data frame": (
        FEATURE.format(rows='df.filter(pl.col("amount") > 2)', more=""),
        [
            (
                f"{PLACE}:6:12: error[MF175]: `df.filter(...)` is of a data frame, and the rows of a feature "
                'are selected by SQL; write `df.where("amount > 0")`'
            )
        ],
    ),
    "aggregated by hand": (
        FEATURE.format(rows='df.group_by("user_id").agg(1)', more=""),
        [
            (
                f"{PLACE}:6:12: error[MF175]: `df.agg(...)` is of a data frame, and the rows of a feature are "
                "selected by SQL; say it as metrics: "
                '`metrics=[mlf.Rolling(windows=["7d"], aggregations={"amount": ["sum"]})]`'
            )
        ],
    ),
    "a build in the file": (
        FEATURE.format(rows='df.select("amount")', more="") + "defs.build()\n",
        [
            (
                f"{PLACE}:9:1: error[MF175]: `defs.build()` is said otherwise in mlforge-sql; run `mlforge "
                "build`, with `--features` or `--tags` for some"
            )
        ],
    ),
    "an alias of the time": (
        'mlf.Timestamp("at", alias="when")\n' + FEATURE.format(rows='df.select("amount")', more=""),
        [
            (
                f"{PLACE}:3:21: error[MF010]: unknown key `alias`; remove it: the time of every feature table "
                "is called `feature_timestamp`"
            )
        ],
    ),
    "a format of the source": (
        'mlf.Source("data/orders.parquet", format=mlf.ParquetFormat())\n',
        [
            (
                f"{PLACE}:3:35: error[MF010]: unknown key `format`; remove it: the ending of the path says the "
                "format, such as `.csv`"
            ),
            (
                f"{PLACE}:3:42: error[MF175]: `ParquetFormat` is said otherwise in mlforge-sql; remove it: the "
                "ending of the path says the format, such as `.csv`"
            ),
        ],
    ),
    "entities and keys": (
        FEATURE.format(rows="df", more="").replace("keys=", 'entities=["user"], keys='),
        [
            f"{PLACE}:4:23: error[MF017]: `entities` and `keys` both say what the feature is about; keep one"
        ],
    ),
    "no time": (
        FEATURE.format(rows='df.select("amount")', more="").replace(', timestamp="at"', ""),
        [f"{PLACE}:4:2: error[MF011]: key `timestamp` is missing"],
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_said_otherwise_is_said_at_its_place(tmp_path: Path, name: str) -> None:
    text, expected = OTHERWISE[name]
    if "Definitions(" not in text:
        text += 'defs = mlf.Definitions("shop")\n'
    assert said(project(tmp_path, text)) == expected


def test_every_place_at_once(tmp_path: Path) -> None:
    text = FEATURE.format(rows="df.sort()", more=", online_store=mlf.RedisStore()")
    second = FEATURE.format(rows="df.drop(1)", more="").replace("last", "next_")
    text = text.replace("defs =", f"{second.partition('defs')[0]}defs =")
    assert [
        item.partition(";")[0].partition("error")[2] for item in said(project(tmp_path, text))
    ] == [
        "[MF175]: `df.sort(...)` is of a data frame, and the rows of a feature are selected by SQL",
        "[MF175]: `df.drop(...)` is of a data frame, and the rows of a feature are selected by SQL",
        "[MF175]: `RedisStore` is said otherwise in mlforge-sql",
    ]


STORES = {
    "offline_store: {KIND: s3, bucket: b}": "error[MF176]: there is no store `s3` here; files in a bucket are none",
    "offline_store: {KIND: gcs, bucket: b}": "error[MF176]: there is no store `gcs` here",
    "offline_store: {KIND: unity-catalog, catalog: c, schema: s}": "error[MF176]: there is no store `unity-catalog` here; write `KIND: unity_catalog`",
    "offline_store: {KIND: local, path: x}, online_store: {KIND: redis}": "error[MF176]: there is no store `redis` here; write `KIND: postgres`",
    "offline_store: {KIND: local, path: x}, online_store: {KIND: dynamodb}": "error[MF176]: there is no store `dynamodb` here",
    "offline_store: {KIND: local, path: x}, online_store: {KIND: databricks-online-tables}": "write `KIND: databricks_online`",
    "offline_store: {KIND: local, path: x}, databricks: {host: h}": "unknown key `databricks`; remove it: the login comes from the environment",
}


@pytest.mark.parametrize("store", STORES)
def test_stores_that_are_none_here(tmp_path: Path, store: str) -> None:
    root = project(
        tmp_path,
        FEATURE.format(rows='df.select("amount")', more=""),
        f"profiles:\n  dev: {{{store}}}\n",
    )
    (problem,) = said(root)
    assert problem.startswith("mlforge.yaml:2:")
    assert STORES[store] in problem


def test_values_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = """\
default_profile: ${oc.env:SHOP_PROFILE,dev}
profiles:
  dev: {offline_store: {KIND: local, path: "${oc.env:SHOP_ROOT}/${oc.env:SHOP_STORE, store}"}}
"""
    root = project(tmp_path, FEATURE.format(rows='df.select("amount")', more=""), config)
    assert said(root) == [
        (
            "mlforge.yaml:3:44: error[MF177]: the environment variable `SHOP_ROOT` is not set; set it, or "
            "write a default: `${oc.env:SHOP_ROOT,value}`"
        )
    ]
    monkeypatch.setenv("SHOP_ROOT", "./here")
    config_found = load(root).config.spec
    assert config_found.name == "shop"
    assert config_found.profiles["dev"].offline_store.model_dump()["path"] == "./here/store"
    (root / "mlforge.yaml").write_text(config.replace("oc.env:SHOP_ROOT", "profiles.x"), "utf-8")
    assert said(root) == [
        (
            "mlforge.yaml:3:44: error[MF177]: `${profiles.x}` stands for nothing here; of what stands in "
            "`${...}`, only variables are read: `${oc.env:VAR}`"
        )
    ]


def test_words_of_mlforge_outside_of_a_project() -> None:
    with pytest.raises(
        AttributeError, match="`LocalStore` is said otherwise in mlforge-sql: remove it"
    ):
        mlf.LocalStore  # noqa: B018 - it is the asking that counts
    with pytest.raises(AttributeError, match="has no attribute `Nothing`"):
        mlf.Nothing  # noqa: B018 - as above
    assert not hasattr(mlf, "RedisStore")
    with pytest.raises(SpecErrors, match=r"MF175.*run `mlforge build`"):
        mlf.Definitions("x").build()
    with pytest.raises(SpecErrors, match=r"MF175.*run `mlforge build`"):
        mlf.Definitions("x").materialize(force=True)


def test_a_folder_of_specs_comes_first(tmp_path: Path) -> None:
    root = project(tmp_path, FEATURE.format(rows='df.select("amount")', more=""))
    (root / "features").mkdir()
    assert load(root).features == ()


def test_no_definitions_in_src(tmp_path: Path) -> None:
    root = project(tmp_path, "# mlf.Definitions(\n")
    assert said(root) == [
        (
            "mlforge.yaml:1:1: error[MF004]: there is no folder `features`; create it, or name another "
            "folder as `features_dir` in `mlforge.yaml`"
        )
    ]


def test_lists_of_columns_in_any_feature(tmp_path: Path) -> None:
    rows = 'df.where("amount > 0").select(["amount"], ("user_id",))'
    root = project(tmp_path, FEATURE.format(rows=rows, more=""))
    query = load(root).features[0].spec.query
    assert query == "SELECT amount, user_id FROM orders WHERE amount > 0"


def test_the_page_is_a_project(tmp_path: Path) -> None:
    page = (PROJECTS.parents[2] / "docs" / "from-mlforge.md").read_text(encoding="utf-8")
    _, block = re.findall(r"(?s)```python\n(.*?)```", page)
    root = tmp_path / "page"
    (root / "src" / "fraud").mkdir(parents=True)
    (root / "src" / "fraud" / "definitions.py").write_text(block, encoding="utf-8")
    config = "profiles: {dev: {offline_store: {KIND: local, path: ./feature_store}}}\n"
    (root / "mlforge.yaml").write_text(config, encoding="utf-8")
    write_parquet(root / "data" / "payments.parquet", PAYMENT_TYPES, payments())
    run = compile_and_run(root)
    assert [item.name for item in run.compiled.project.features] == ["holder_spend", "card_last"]
    assert run.connection.execute("select count(*) from card_last").fetchall() == [(300,)]


SPEC = """\
entities: [{name: user, join_key: account}]
sources: [{name: orders, path: data/orders.parquet}, {name: orders_by_at, path: data/orders.parquet, timestamp: at}]
features:
- {name: a, source: orders, keys: [user_id], timestamp: at, select: {last: amount}}
- {name: b, source: orders, keys: user_id, timestamp: {column: at, timezone: Europe/Berlin}, select: {last: amount}}
- {name: c, source: orders_by_at, keys: [user_id], timestamp: at, select: {last: amount}}
"""


def test_yaml_says_the_same(tmp_path: Path) -> None:
    root = project(tmp_path, "")
    (root / "features").mkdir()
    spec = root / "features" / "a.yml"
    spec.write_text(SPEC, encoding="utf-8")
    specs = load(root)
    sources = {item.spec.name: item.spec.timestamp.timezone for item in specs.sources}
    assert sources == {"orders": None, "orders_by_at": None, "orders_by_at_2": "Europe/Berlin"}
    assert [item.spec.source for item in specs.features] == [
        "orders",
        "orders_by_at_2",
        "orders_by_at",
    ]
    assert [(item.spec.name, item.spec.join_key) for item in specs.entities] == [
        ("user", ("account",)),
        ("user_id", ("user_id",)),
    ]
    assert {item.spec.entities for item in specs.features} == {("user_id",)}
    assert select(specs, ["source:orders+"]).features == ("a", "b"), "by whatever time it is read"
    assert select(specs, ["source:orders_by_at+"]).features == ("c",)
    spec.write_text(SPEC.replace("timestamp: at, select", "timestamp: amt, select"), "utf-8")
    with pytest.raises(SpecErrors) as caught:
        compile_project(root)
    places = [str(item.location) for item in caught.value.diagnostics if item.code == "MF022"]
    assert places == ["features/a.yml:4:57", "features/a.yml:6:63"]


@pytest.mark.parametrize(
    "second",
    [
        "features: [{name: b, source: old/orders.csv, keys: user_id, select: {last: amount}}]",
        "features: [{name: b, source: old/orders.parquet, keys: user_id, timestamp: at, select: {last: amount}}]",
        "sources: [{name: orders, path: data/orders.parquet, timestamp: at}]",
        "sources: [{name: Orders, path: data/orders.parquet, timestamp: at}]",
    ],
)
def test_two_files_of_one_name_are_told_apart(tmp_path: Path, second: str) -> None:
    root = project(tmp_path, "")
    (root / "features").mkdir()
    first = "features: [{name: a, source: data/orders.csv, keys: user_id, timestamp: at, select: {last: amount}}]"
    (root / "features" / "a.yml").write_text(f"{first}\n", encoding="utf-8")
    (root / "features" / "b.yml").write_text(f"{second}\n", encoding="utf-8")
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "orders.csv").write_text(
        "user_id,at,amount\n1,2024-01-01,2\n", encoding="utf-8"
    )
    with pytest.raises(SpecErrors) as caught:
        load(root)
    (problem,) = caught.value.diagnostics
    assert "error[MF013]: the source of `" in plain(problem)
    assert "would both be called `orders`; declare a source" in plain(problem)


@pytest.mark.parametrize("where", ["default_profile", "KIND", "name"])
def test_what_the_environment_says_is_not_shown(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a secret that stands in the wrong place."""
    monkeypatch.setenv("SHOP_SECRET", "Q7X p@ss w0rd")
    values = {"name": "shop", "KIND": "local", "default_profile": "dev"}
    values[where] = "${oc.env:SHOP_SECRET}"
    text = (
        f'name: "{values["name"]}"\ndefault_profile: "{values["default_profile"]}"\n'
        f'profiles:\n  dev: {{offline_store: {{KIND: "{values["KIND"]}", path: ./store}}}}\n'
    )
    (tmp_path / "mlforge.yaml").write_text(text, "utf-8")
    (tmp_path / "features").mkdir()
    with pytest.raises(SpecErrors) as caught:
        load(tmp_path)
    said = " ".join(f"{item.message} {item.hint}" for item in caught.value.diagnostics)
    assert "Q7X" not in said, said
    assert "${oc.env:SHOP_SECRET}" in said


def test_labels_of_a_source_with_several_times(tmp_path: Path) -> None:
    """No order of files decides which time they have."""
    (tmp_path / "features").mkdir()
    (tmp_path / "mlforge.yaml").write_text(
        "profiles: {dev: {offline_store: {KIND: local, path: ./store}}}\n", "utf-8"
    )
    shared = "entities: [user], select: {x: amount}"
    text = (
        "entities: [{name: user, join_key: user_id}]\n"
        "sources: [{name: pay, path: data/pay.parquet}]\n"
        f"features: [{{name: a, source: pay, timestamp: at, {shared}}}, "
        f"{{name: b, source: pay, timestamp: settled, {shared}}}]\n"
        "training_sets:\n- {name: train, labels: {source: pay}, features: [a]}\n"
    )
    file = tmp_path / "features" / "all.yml"
    file.write_text(text, "utf-8")
    with pytest.raises(SpecErrors) as caught:
        load(tmp_path)
    (problem,) = caught.value.diagnostics
    assert plain(problem) == (
        "features/all.yml:5:3: error[MF011]: features read source `pay` by several times: `at`, "
        "`settled`; which one labels have is not said; give the training set a `timestamp`, or the source"
    )
    file.write_text(text.replace("pay}, f", "pay}, timestamp: at, f"), "utf-8")
    load(tmp_path)
