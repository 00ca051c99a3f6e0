"""Python specs say the same as YAML, and loading them leaves no trace."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from textwrap import dedent

import pytest
from diagnostic_cases import BASE, diagnostics, write_data

from mlforge_sql.errors import SpecErrors
from mlforge_sql.loading.load import load
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.specs import Specs
from mlforge_sql.workflows.compile import compile_project

YAML = """\
entities:
  - {name: customer, join_key: customer_id, from_columns: [first_name, last_name, birth]}
  - {name: merchant, join_key: merchant_id, description: A shop}
sources:
  - name: transactions
    path: data/transactions.parquet
    timestamp: {column: at_text, format: "%Y-%m-%d %H:%M:%S"}
    where: amount is not null
    dedupe: {key: transaction_id, order_by: at_epoch}
    delay: 5m
features:
  - name: spend
    description: What was spent.
    source: transactions
    entities: [customer, merchant]
    interval: 1d
    query: SELECT amount, kind FROM transactions WHERE flag
    tags: [core, spending]
    metrics:
      - {windows: [7d, 30d, lifetime], offset: 1d, aggregations: {amount: [sum, mean], "*": count}}
      - field: kind
        function: count
        windows: 90d
        name: kinds
        unit: kinds
        where: kind <> 'x'
        default: 3
    validators:
      amount: [{greater_than_or_equal: 0}, {less_than: 100000}, {in_range: {min: 0, max: 9}}]
      customer_id: [not_null]
      kind: [{is_in: [a, b]}, {matches_regex: "^[a-z]$"}, unique]
  - name: last
    description: The last amount.
    source: transactions
    entities: [merchant]
    query: SELECT amount * 2 AS twice FROM transactions
    tie_breaker: [kind]
    version: 2
  - name: everything
    source: transactions
    entities: [merchant]
    boundary: inclusive
    metrics: [{windows: 12h, aggregations: {score: max}}]
"""

PYTHON = '''\
from datetime import timedelta

import mlforge_sql as mlf

customer = mlf.Entity(
    name="customer", join_key="customer_id", from_columns=["first_name", "last_name", "birth"]
)
merchant = mlf.Entity(name="merchant", join_key=["merchant_id"], description="A shop")
transactions = mlf.Source(
    "transactions",
    path="data/transactions.parquet",
    timestamp=mlf.Timestamp("at_text", format="%Y-%m-%d %H:%M:%S"),
    where="amount is not null",
    dedupe=mlf.Dedupe(key="transaction_id", order_by=["at_epoch"]),
    delay=timedelta(minutes=5),
)


@mlf.feature(
    source=transactions,
    entities=[customer, "merchant"],
    interval=timedelta(days=1),
    tags=["core", "spending"],
    metrics=[
        mlf.Rolling(
            windows=["7d", timedelta(days=30), "lifetime"],
            offset=timedelta(days=1),
            aggregations={"amount": ["sum", "mean"], "*": "count"},
        ),
        mlf.Aggregate(
            field="kind",
            function="count",
            windows=timedelta(days=90),
            name="kinds",
            unit="kinds",
            where="kind <> 'x'",
            default=3,
        ),
    ],
    validators={
        "amount": [
            mlf.greater_than_or_equal(0),
            mlf.less_than(value=100000),
            mlf.in_range(min=0, max=9),
        ],
        "customer_id": mlf.not_null(),
        "kind": [mlf.is_in(["a", "b"]), mlf.matches_regex("^[a-z]$"), mlf.unique()],
    },
)
def spend(df):
    """What was
    spent.

    More about it.
    """
    return df.select("amount", "kind").where("flag")


@mlf.feature(source="transactions", entities=merchant, tie_breaker="kind", version=2)
def last(df):
    """The last amount."""
    return "SELECT amount * 2 AS twice FROM transactions"


@mlf.feature(
    source="transactions",
    entities=(name for name in ["merchant"]),
    boundary="inclusive",
    metrics=mlf.Rolling(windows=timedelta(hours=12), aggregations={"score": ["max"]}),
)
def everything(df):
    return None
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "features").mkdir(parents=True)
    (root / "data").mkdir()
    write_data(root / "data" / "transactions.parquet")
    (root / "mlforge.yaml").write_text(BASE["mlforge.yaml"])
    return root


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / "features" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
    return root


def empty(root: Path) -> Path:
    for file in (root / "features").rglob("*"):
        if file.is_file():
            file.unlink()
    return root


def compiled(root: Path) -> dict[str, str]:
    """The compiled project without what says where a spec was written."""
    files = compile_project(root).files
    return {
        str(path): re.sub(r"features/[\w/]+\.(py|yml)", "SPEC", text.split("\n", 1)[1])
        for path, text in files.items()
    }


def names(specs: Specs) -> list[str]:
    return [item.spec.name for item in specs.features]


def test_python_and_yaml_compile_to_the_same_bytes(root: Path) -> None:
    from_yaml = compiled(put(root, {"spec.yml": YAML}))
    from_python = compiled(put(empty(root), {"spec.py": PYTHON}))
    assert list(from_python) == list(from_yaml)
    assert from_python == from_yaml
    assert any("kinds_90d" in text for text in from_yaml.values())


def test_the_specs_are_equal_models(root: Path) -> None:
    from_yaml = load(put(root, {"spec.yml": YAML}))
    from_python = load(put(empty(root), {"spec.py": PYTHON}))
    assert [item.spec for item in from_yaml.entities] == [
        item.spec for item in from_python.entities
    ]
    assert [item.spec for item in from_yaml.sources] == [item.spec for item in from_python.sources]
    for written, made in zip(from_yaml.features, from_python.features, strict=True):
        assert written.spec == made.spec


def test_any_split_into_files_and_languages_is_the_same(root: Path) -> None:
    whole = compiled(put(root, {"spec.py": PYTHON}))
    entities, sources = YAML.split("sources:\n")
    sources = "sources:\n" + sources.split("features:\n")[0]
    features = "import mlforge_sql as mlf\n" + PYTHON.split("\n\n\n", 1)[1].replace(
        "source=transactions", 'source="transactions"'
    ).replace("customer, ", '"customer", ').replace("entities=merchant,", 'entities="merchant",')
    features = "from datetime import timedelta\n" + features
    first, rest = features.split("\n\n\n@mlf.feature", 1)
    head = "from datetime import timedelta\nimport mlforge_sql as mlf\n\n@mlf.feature"
    files = {
        "a/entities.yml": entities,
        "a/b/sources.yaml": sources,
        "one.py": first,
        "deep/two.py": head + rest,
    }
    split = compiled(put(empty(root), files))
    assert split.keys() == whole.keys()
    assert split == whole


def test_files_import_each_other_and_helpers(root: Path) -> None:
    files = {
        "shops.py": """
            import mlforge_sql as mlf
            merchant = mlf.Entity(name="merchant", join_key="merchant_id")
            transactions = mlf.Source(
                "transactions", path="data/transactions.parquet", timestamp="at"
            )
        """,
        "tools/windows.py": "WEEK = '7d'\ndef days(count): return f'{count}d'\n",
        "a_first.py": """
            import mlforge_sql as mlf
            from shops import merchant, transactions
            from tools.windows import WEEK, days

            @mlf.feature(
                source=transactions,
                entities=merchant,
                metrics=[mlf.Rolling(windows=[WEEK, days(3)], aggregations={"amount": "sum"})],
            )
            def spend(df):
                return df.select("amount")
        """,
    }
    specs = load(put(root, files))
    assert names(specs) == ["spend"]
    assert [item.spec.name for item in specs.entities] == ["merchant"]
    assert "spend" in {feature.name for feature in compile_project(root).project.features}


def test_features_made_in_a_loop(root: Path) -> None:
    files = {
        "base.yml": BASE["features/base.yml"],
        "loop.py": """
            import mlforge_sql as mlf

            def make(column):
                @mlf.feature(
                    name=f"last_{column}", source="transactions", entities=["merchant"]
                )
                def feature(df):
                    return df.select(column)

                return feature

            FEATURES = [make(column) for column in ("amount", "score", "kind")]
            for days in (7, 30):
                mlf.Feature(
                    name=f"sum_{days}",
                    source="transactions",
                    entities=["merchant"],
                    metrics=[mlf.Rolling(windows=f"{days}d", aggregations={"amount": "sum"})],
                )
        """,
    }
    specs = load(put(root, files))
    assert names(specs) == ["last_amount", "last_score", "last_kind", "sum_7", "sum_30"]
    place = specs.features[0].origin.at("name")
    assert (place.path, place.line) == ("features/loop.py", 6)
    assert len(compile_project(root).project.features) == 5


def test_a_decorated_function_becomes_its_feature(root: Path) -> None:
    files = {
        "base.yml": BASE["features/base.yml"],
        "spec.py": """
            import mlforge_sql as mlf

            @mlf.feature(source="transactions", entities="merchant", description="Given")
            def given(df):
                "Ignored."
                return df.select("amount")

            @mlf.feature(source="transactions", entities="merchant", name="other")
            def renamed(df):
                return df.select("amount").where("amount > 1").where("kind = 'a'")

            assert isinstance(given, mlf.Feature)
            group = mlf.Definitions(name="group", features=[given, renamed])
            assert [item.name for item in group.all_features()] == ["given", "other"]
        """,
    }
    given, other = load(put(root, files)).features
    assert given.spec.description == "Given"
    assert other.spec.description is None
    assert other.spec.query == ("SELECT amount FROM transactions WHERE amount > 1 AND kind = 'a'")


def test_definitions_of_modules(root: Path) -> None:
    files = {
        "base.yml": BASE["features/base.yml"],
        "first.py": """
            import mlforge_sql as mlf

            @mlf.feature(source="transactions", entities="merchant")
            def one(df):
                return df.select("amount")
        """,
        "second.py": """
            import first
            import mlforge_sql as mlf
            names = [f.name for f in mlf.Definitions(name="x", features=[first]).all_features()]
            assert names == ["one"], names
        """,
    }
    assert diagnostics(put(root, files)) == []
    assert names(load(root)) == ["one"]


def test_loading_again_sees_changed_files(root: Path) -> None:
    spec = (
        "import mlforge_sql as mlf\nfrom helper import NAME\nmlf.Entity(name=NAME, join_key='k')\n"
    )
    put(root, {"spec.py": spec, "helper.py": "NAME = 'first'\n"})
    stamp = (root / "features" / "helper.py").stat().st_mtime_ns
    assert [item.spec.name for item in load(root).entities] == ["first"]
    put(
        root, {"helper.py": "NAME = 'other'\n"}
    )  # of the same length and, to the clock, the same age
    os.utime(root / "features" / "helper.py", ns=(stamp, stamp))
    assert [item.spec.name for item in load(root).entities] == ["other"]
    put(root, {"spec.py": spec.replace("helper", "added"), "added.py": "NAME = 'third'\n"})
    assert [item.spec.name for item in load(root).entities] == ["third"]
    (root / "features" / "helper.py").unlink()
    assert [item.spec.name for item in load(root).entities] == ["third"]


@pytest.mark.parametrize("ending", ["", "raise ValueError('stop')\n"])
def test_nothing_is_left_in_sys_or_on_disk(root: Path, ending: str) -> None:
    files = {
        "base.yml": BASE["features/base.yml"],
        "helper.py": "X = 1\n",
        "package/__init__.py": "Y = 2\n",
        "package/inner.py": "Z = 3\n",
        "space/inner.py": "Z = 4\n",
        "spec.py": "import helper, package.inner, space.inner, package\n" + ending,
    }
    put(root, files)
    before = (
        dict(sys.modules),
        list(sys.path),
        list(sys.meta_path),
        dict(sys.path_importer_cache),
        sys.dont_write_bytecode,
    )
    with pytest.raises(SpecErrors) if ending else nullcontext():
        load(root)
    after = (
        dict(sys.modules),
        list(sys.path),
        list(sys.meta_path),
        dict(sys.path_importer_cache),
        sys.dont_write_bytecode,
    )
    assert set(after[0]) - set(before[0]) == set()
    assert after[1:3] == before[1:3]
    assert set(after[3]) == set(before[3])
    assert after[4] == before[4]
    assert not list(root.rglob("__pycache__"))


def test_modules_of_the_same_name_come_back(root: Path) -> None:
    import harness

    put(
        root,
        {
            "base.yml": BASE["features/base.yml"],
            "harness.py": "MINE = 1\n",
            "use.py": "import harness\nharness.MINE\n",
        },
    )
    load(root)
    assert sys.modules["harness"] is harness


@pytest.mark.parametrize(
    "name", ["types", "json", "email", "queue", "sqlglot", "mlforge_sql", "pydantic"]
)
def test_a_file_may_have_the_name_of_a_module_we_need(root: Path, name: str) -> None:
    text = "import mlforge_sql as mlf\nmlf.Entity(name='x', join_key='k')\n"
    put(
        root,
        {"base.yml": BASE["features/base.yml"], f"{name}.py": text, "use.py": f"import {name}\n"},
    )
    assert [item.spec.name for item in load(root).entities] == ["customer", "merchant", "x"]
    assert sys.modules.get(name) is None or "features" not in str(sys.modules[name].__file__)


def test_hidden_and_private_files_are_not_specs(root: Path) -> None:
    bad = "raise ValueError\n"
    files = {
        "base.yml": BASE["features/base.yml"],
        ".hidden.py": bad,
        ".hidden/spec.py": bad,
        "__pycache__/spec.py": bad,
        "__init__.py": bad,
        "notes.txt": "features: [",
    }
    assert diagnostics(put(root, files)) == []


def test_a_latin_1_file_says_its_encoding(root: Path) -> None:
    put(root, {"base.yml": BASE["features/base.yml"]})
    text = (
        "# -*- coding: latin-1 -*-\nimport mlforge_sql as mlf\nmlf.Entity(name='é', join_key='k')\n"
    )
    (root / "features" / "latin.py").write_bytes(text.encode("latin-1"))
    (said,) = diagnostics(root)
    assert said.startswith("features/latin.py:3:17: error[MF014]: `é` is not a usable name")


def test_specs_made_outside_a_project_are_plain_values() -> None:
    feature = Feature(name="a", source="b", entities=("c",))
    assert feature == Feature(name="a", source="b", entities=("c",))


def test_what_spec_files_print_goes_to_stderr(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data of the command line goes to stdout, and nothing else."""
    (root / "features" / "talks.py").write_text("print('hello')\n")
    load(root)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\n")
