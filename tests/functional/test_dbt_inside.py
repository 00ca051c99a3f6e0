"""Features as a package in a dbt project of somebody else's: one `dbt build` across both, and the commands after it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest
from test_dbt_build import DBT, compile_and_write

pytestmark = pytest.mark.functional

THEIRS = {
    "dbt_project.yml": """
        name: shop
        version: 1.0.0
        profile: warehouse
        vars: {first_day: '2024-01-01'}
        models:
          shop:
            staging: {+schema: staging, +materialized: view}
          shop_features:
            features: {+schema: features}
        flags:
          require_ref_searches_node_package_before_root: true
    """,
    "profiles.yml": """
        warehouse:
          target: dev
          outputs:
            dev: {type: duckdb, path: store/features.duckdb, schema: main, settings: {TimeZone: UTC}}
            databricks: {type: databricks, host: x.invalid, http_path: /x, token: x, catalog: main, schema: shop}
    """,
    "packages.yml": """
        packages:
          - local: features/dbt
    """,
    "seeds/raw_orders.csv": """
        order_id,customer_id,ordered_at,amount
        0,1,2023-12-31 12:00:00,7
        1,1,2024-01-01 12:00:00,10
        2,1,2024-01-02 09:00:00,100
        3,2,2024-01-02 18:00:00,1000
    """,
    "macros/generate_schema_name.sql": """
        {% macro generate_schema_name(custom, node) -%}
            {{ custom if custom == 'staging' else target.schema }}
        {%- endmacro %}
        {% macro as_money(column) %}cast({{ column }} as double){% endmacro %}
    """,
    "snapshots/orders_history.yml": """
        snapshots:
          - name: orders_history
            relation: ref('stg_orders')
            config: {strategy: check, unique_key: order_id, check_cols: [amount]}
    """,
    "models/staging/stg_orders.sql": """
        select
            order_id,
            customer_id,
            cast(ordered_at as timestamp) as ordered_at,
            {{ as_money('amount') }} as amount
        from {{ ref('raw_orders') }}
        where ordered_at >= '{{ var("first_day") }}'
    """,
    "models/order_labels.sql": """
        select order_id, customer_id, ordered_at as label_time from {{ ref('stg_orders') }}
    """,
    "models/by_macro.sql": """
        {{ shop_features.training_set(ref('order_labels'), 'label_time', ['customer_spend']) }}
    """,
    "models/by_join.sql": """
        {{ shop_features.asof_join(
            ref('order_labels'), ref('shop_features', 'customer_spend'), ['customer_id'],
            'label_time', 'feature_timestamp', ['amount_sum_2d']
        ) }}
    """,
    "models/int_customer_spend__input.sql": """
        select 'theirs' as whose
    """,
    "models/theirs.yml": """
        version: 2
        models:
          - name: int_customer_spend__input
            config: {schema: staging}
    """,
}
OURS = {
    "features/mlforge.yaml": """
        name: shop_features
        profiles:
          dev:
            offline_store: {KIND: local, path: ../store}
          databricks:
            offline_store: {KIND: unity_catalog, catalog: main, schema: shop}
    """,
    "features/features/spend.yml": """
        entities:
          - {name: customer, join_key: customer_id}
        sources:
          - name: orders
            model: stg_orders
            timestamp: ordered_at
            columns: {order_id: integer, customer_id: integer, ordered_at: timestamp, amount: double}
        features:
          - name: customer_spend
            source: orders
            entities: [customer]
            interval: 1d
            metrics:
              - {windows: [1d, 2d], aggregations: {amount: [sum, count]}}
        training_sets:
          - name: orders_training
            labels:
              model: order_labels
              columns: {order_id: integer, customer_id: integer, label_time: timestamp}
            timestamp: label_time
            features: [customer_spend]
    """,
}
VALUES = [(1, None, None, 0, 0), (2, 10.0, 10.0, 1, 1), (3, None, None, 0, 0)]


@dataclass(frozen=True)
class Inside:
    """Their project, with ours in it.

    Attributes:
        root: Its folder.
        before: Their files, before anything was compiled or run.
        build: `dbt build` of it all.
    """

    root: Path
    before: dict[str, bytes]
    build: subprocess.CompletedProcess[str]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        file = self.root / "store" / "features.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            return list(connection.execute(sql).fetchall())


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt in their folder, on a machine that is not in UTC."""
    return subprocess.run(
        [*DBT, "--no-use-colors", "--warn-error", *arguments],
        cwd=root,
        env={**os.environ, "TZ": "America/New_York", "DBT_PROFILES_DIR": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    root = tmp_path_factory.mktemp("inside")
    (root / "store").mkdir()
    for name, text in {**THEIRS, **OURS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text).lstrip(), encoding="utf-8")
    before = {name: (root / name).read_bytes() for name in THEIRS}
    compile_and_write(root / "features")
    deps = run(root, "deps")
    assert deps.returncode == 0, deps.stdout
    return Inside(root, before, run(root, "build"))


def test_one_build_makes_their_models_and_our_features(inside: Inside) -> None:
    assert inside.build.returncode == 0, inside.build.stdout
    found = inside.rows("select * from customer_spend order by customer_id, feature_timestamp")
    assert [(row[0], str(row[1])[:10], *row[2:]) for row in found] == [
        (1, "2024-01-02", 10.0, 10.0, 1, 1),
        (1, "2024-01-03", 100.0, 110.0, 1, 2),
        (1, "2024-01-04", None, 100.0, 0, 1),
        (1, "2024-01-05", None, None, 0, 0),
        (2, "2024-01-03", 1000.0, 1000.0, 1, 1),
        (2, "2024-01-04", None, 1000.0, 0, 1),
        (2, "2024-01-05", None, None, 0, 0),
    ]


@pytest.mark.parametrize("model", ["orders_training", "by_macro"])
def test_training_sets_of_ours_and_in_their_models(inside: Inside, model: str) -> None:
    found = inside.rows(f"select * exclude (customer_id, label_time) from {model} order by 1")
    assert found == VALUES


def test_the_join_in_a_model_of_theirs(inside: Inside) -> None:
    found = inside.rows("select order_id, amount_sum_2d from by_join order by 1")
    assert found == [(1, None), (2, 10.0), (3, None)]


def test_a_model_of_theirs_with_a_name_of_ours_is_not_read(inside: Inside) -> None:
    assert inside.rows("from staging.int_customer_spend__input") == [("theirs",)]


def test_nothing_of_theirs_is_written(inside: Inside) -> None:
    assert {name: (inside.root / name).read_bytes() for name in THEIRS} == inside.before


def test_a_selection_takes_what_comes_before_in_both(inside: Inside) -> None:
    listed = run(inside.root, "ls", "-q", "--select", "+customer_spend", "--resource-type", "model")

    assert listed.stdout.split() == [
        "shop.staging.stg_orders",
        "shop_features.features.customer_spend",
        "shop_features.intermediate.int_customer_spend__input",
        "shop_features.intermediate.int_orders__customer_id__1d_tiles",
        "shop_features.staging.stg_orders__typed",
    ]


def test_it_parses_for_databricks(inside: Inside) -> None:
    parsed = run(inside.root, "parse", "--target", "databricks")

    assert parsed.returncode == 0, parsed.stdout


def test_commands_that_do_not_run_dbt_find_the_store(inside: Inside) -> None:
    labels = inside.root / "labels.csv"
    labels.write_text("customer_id,t\n1,2024-01-03\n", encoding="utf-8")
    command = [sys.executable, "-m", "mlforge_sql.cli", "training-data", str(labels)]

    done = subprocess.run(
        [*command, "--timestamp", "t", "--features", "customer_spend"],
        cwd=inside.root / "features",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines()[1:] == ["1,2024-01-03,100.0,110.0,1,2"], done.stderr
