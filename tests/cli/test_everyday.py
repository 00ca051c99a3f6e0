"""Everyday commands: what is listed and inspected, selections, dry runs, completion, progress."""

from __future__ import annotations

import json
import math
from collections import Counter
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from harness import CONFIG, compile_and_run, write_project
from purchases import SPEC, build

from mlforge_sql.cli import _progress, main
from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.loading.load import load
from mlforge_sql.project.model import Project
from mlforge_sql.project.selectors import select
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.opening import open_store
from mlforge_sql.stores.statistics import BINS, table_statistics
from mlforge_sql.types import parse_type
from mlforge_sql.workflows.compile import plan_project

TAGGED = deepcopy(SPEC)
TAGGED["entities"][1]["description"] = "Where things are bought"
TAGGED["features"][0] |= {"tags": ["core", "money"], "description": "What is spent"}
TAGGED["features"][1] |= {"tags": ["core"]}
TAGGED["training_sets"][0] |= {"tags": ["weekly"], "description": "Who buys again"}


def call(root: Path, *arguments: str, columns: str = "100") -> Result:
    runner = CliRunner(env={"COLUMNS": columns, "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(root), *arguments])


def data(root: Path, *arguments: str) -> Any:
    result = call(root, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found.pop("version") == 1
    return found


def opened(root: Path, project: Project) -> DuckDbStore:
    store = open_store(root, project, None)
    assert isinstance(store, DuckDbStore)
    return store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tables are built."""
    folder = build(tmp_path_factory.mktemp("everyday"))
    return write_project(folder, TAGGED, CONFIG)


def test_entities_are_listed(root: Path) -> None:
    assert data(root, "list", "entities")["entities"] == [
        {
            "name": "user",
            "description": None,
            "join_key": ["user_id"],
            "from_columns": ["first_name", "born"],
            "features": ["spend", "last"],
        },
        {
            "name": "shop",
            "description": "Where things are bought",
            "join_key": ["shop_id"],
            "from_columns": [],
            "features": ["shop_spend"],
        },
    ]
    assert "user_id" in call(root, "list", "entities").stdout


def test_sources_are_listed(root: Path) -> None:
    events, labels = data(root, "list", "sources")["sources"]
    assert events == {
        "name": "events",
        "description": None,
        "path": "data/events.parquet",
        "table": None,
        "model": None,
        "timestamp": ["at"],
        "features": ["spend", "shop_spend", "last"],
    }
    assert labels["features"] == []
    assert "data/events.parquet" in call(root, "list", "sources").stdout


def test_tags_are_listed(root: Path) -> None:
    assert data(root, "list", "tags")["tags"] == [
        {"name": "core", "features": ["spend", "shop_spend"], "training_sets": []},
        {"name": "money", "features": ["spend"], "training_sets": []},
        {"name": "weekly", "features": [], "training_sets": ["train"]},
    ]
    assert call(root, "list", "tags").stdout.splitlines()[1].split()[0] == "core"


@pytest.mark.parametrize("what", ["entities", "sources", "tags", "features", "training-sets"])
def test_nothing_to_list(tmp_path: Path, what: str) -> None:
    write_project(tmp_path, {})
    result = call(tmp_path, "list", what)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"the project has no {what.replace('-', ' ')} yet\n"


def test_a_feature_in_full(root: Path) -> None:
    result = call(root, "inspect", "feature", "spend")
    said = {
        line.partition(":")[0]: line.partition(":")[2].strip()
        for line in result.stdout.splitlines()
    }
    assert said["meaning"] == "4 values of the events of each user_id, over 1d, 7d"
    assert said["entities"] == "user"
    assert said["lineage"].startswith("stg_events -> int_spend__input -> ")
    assert said["lineage"].endswith(" -> spend")
    assert said["training sets"] == "train"
    assert said["tables"] == "dev: spend in ./feature_store/features.duckdb"
    found = data(root, "inspect", "feature", "spend")["feature"]
    with duckdb.connect(str(root / "feature_store" / "features.duckdb"), read_only=True) as store:
        rows = store.execute("select amount_sum_7d from spend").fetchall()
    assert said["last build"] == f"{len(rows):,} rows"
    assert found["built"]["rows"] == len(rows)
    by_name = {item["name"]: item for item in found["built"]["columns"]}
    missing = sum(value is None for (value,) in rows) / len(rows)
    assert by_name["amount_sum_7d"]["null_share"] == pytest.approx(missing, abs=1e-6)
    assert by_name["amount_count_7d"]["null_share"] == 0


def test_the_bars_are_those_of_a_loop(root: Path) -> None:
    project, _ = plan_project(root)
    store = opened(root, project)
    column = ("amount_sum_7d", parse_type("decimal(38,2)"))
    found = table_statistics(store, "spend", [column])
    assert found is not None
    query = f"select amount_sum_7d from {store.relation('spend')} where amount_sum_7d is not null"
    values = [float(row[0]) for row in store.connection.execute(query).fetchall()]
    store.close()
    low, high = min(values), max(values)
    counts = Counter(min(BINS - 1, math.floor((v - low) / (high - low) * BINS)) for v in values)
    (statistics,) = found.columns
    assert (statistics.low, statistics.high) == (low, high)
    assert statistics.histogram == tuple(counts[part] for part in range(BINS))
    assert sum(statistics.histogram) == len(values)


STRANGE = {
    "nothing in it": ("select cast(null as double) as x from range(0)", (0, 0.0, ())),
    "all NULL": ("select cast(null as double) as x from range(3)", (3, 1.0, ())),
    "one value": ("select 5.0::double as x from range(4)", (4, 0.0, (4, *[0] * (BINS - 1)))),
    "not finite": (
        "select unnest([1.0, 2.0, 'nan'::double, 'inf'::double, null]) as x",
        (5, 0.2, (1, *[0] * (BINS - 2), 1)),
    ),
    "text": ("select 'a' as x from range(2)", (2, 0.0, ())),
    "huge": (
        "select unnest([-1.7e308, 1.7e308]) as x",
        (2, 0.0, (1, *[0] * (BINS - 2), 1)),
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_statistics_of_strange_columns(tmp_path: Path, name: str) -> None:
    query, expected = STRANGE[name]
    write_project(tmp_path, {})
    (tmp_path / "feature_store").mkdir()
    with duckdb.connect(str(tmp_path / "feature_store" / "features.duckdb")) as connection:
        connection.execute(f"create table t as {query}")
        (kind,) = connection.execute("select typeof(x) from t union all select null").fetchall()[0]
    project, _ = plan_project(tmp_path)
    store = opened(tmp_path, project)
    kind = kind or "double"
    found = table_statistics(store, "t", [("x", parse_type(kind.lower()))])
    absent = table_statistics(store, "nothing", [("x", parse_type("double"))])
    other = table_statistics(store, "t", [("y", parse_type("double"))])
    store.close()
    assert (absent, other) == (None, None)
    assert found is not None
    (column,) = found.columns
    rows, share, histogram = expected
    assert (found.rows, column.histogram) == (rows, histogram)
    assert column.null_share == pytest.approx(share)


def test_a_feature_that_is_not_built(tmp_path: Path) -> None:
    write_project(build(tmp_path), TAGGED)
    (tmp_path / "feature_store" / "features.duckdb").unlink()
    result = call(tmp_path, "inspect", "feature", "spend")
    assert result.exit_code == 0
    assert "last build" not in result.stdout
    assert data(tmp_path, "inspect", "feature", "spend")["feature"]["built"] is None


def test_a_feature_while_somebody_builds(tmp_path: Path) -> None:
    write_project(build(tmp_path), TAGGED)
    (tmp_path / "feature_store" / "features.duckdb").write_bytes(b"no database" * 1000)
    result = call(tmp_path, "inspect", "feature", "spend")
    assert result.exit_code == 0
    assert "amount_sum_7d" in result.stdout
    assert result.stderr.startswith("note: nothing is said of the tables: cannot open")


def test_a_training_set_in_full(root: Path) -> None:
    found = data(root, "inspect", "training-set", "train")["training_set"]
    assert found["tables"] == ["dev: train in ./feature_store/features.duckdb"]
    assert found["built"]["rows"] == 30
    assert {item["name"] for item in found["built"]["columns"]} >= {"spend__amount_sum_7d", "taken"}
    assert "30 rows" in call(root, "inspect", "training-set", "train").stdout


def test_a_source_in_full(root: Path) -> None:
    found = data(root, "inspect", "source", "events")["source"]
    assert found["meaning"] == "Events at at, read by 3 features"
    meanings = {item["name"]: item["meaning"] for item in found["columns"]}
    assert meanings["at"] == "the event's time"
    assert meanings["first_name"] == "part of the key user_id; in no feature table"
    assert meanings["shop_id"] == "a join key"
    assert data(root, "inspect", "source", "labels")["source"]["training sets"] == ["train"]
    assert "stg_events" in call(root, "inspect", "source", "events").stdout


def test_an_entity_in_full(root: Path) -> None:
    found = data(root, "inspect", "entity", "user")["entity"]
    assert found["meaning"] == "What user_id identifies, in 2 features"
    assert (found["computed from"], found["sources"]) == (["first_name", "born"], ["events"])
    assert "spend, last" in call(root, "inspect", "entity", "user").stdout


@pytest.mark.parametrize(
    ("kind", "code"), [("source", "MF021"), ("entity", "MF020"), ("feature", "MF051")]
)
def test_what_is_not_there_cannot_be_inspected(root: Path, kind: str, code: str) -> None:
    result = call(root, "inspect", kind, "shp_spend" if kind == "feature" else "shap")
    assert result.exit_code == 1
    assert f"error[{code}]: unknown {kind} `sh" in result.stderr


def test_the_sql_of_a_feature(root: Path) -> None:
    files = data(root, "inspect", "feature", "spend", "--sql")["models"]
    names = [Path(item["path"]).stem for item in files]
    assert names[0] == "stg_events"
    assert names[-2:] == ["spend", "spend_current"]
    compiled = compile_and_run(root).compiled
    assert {item["path"]: item["sql"] for item in files}.items() <= {
        str(path): text for path, text in compiled.files.items()
    }.items()
    assert (
        "-- dbt/models/features/spend.sql"
        in call(root, "inspect", "feature", "spend", "--sql").stdout
    )
    (staging,) = data(root, "inspect", "source", "events", "--sql")["models"]
    assert staging["path"] == "models/staging/stg_events.sql"
    labels, train = data(root, "inspect", "training-set", "train", "--sql")["models"]
    assert (Path(labels["path"]).stem, Path(train["path"]).stem) == ("int_train__labels", "train")


SELECTIONS = {
    "spend": (["spend"], []),
    "sh* last": (["shop_spend", "last"], []),
    "tag:core": (["spend", "shop_spend"], []),
    "tag:core,tag:money": (["spend"], []),
    "source:events+": (["spend", "shop_spend", "last"], ["train"]),
    "source:events+1": (["spend", "shop_spend", "last"], []),
    "source:events+2": (["spend", "shop_spend", "last"], ["train"]),
    "+train": (["spend", "shop_spend"], ["train"]),
    "1+train,tag:money": (["spend"], []),
    "last+": (["last"], []),
    "shop_spend+": (["shop_spend"], ["train"]),
    "@spend": (["spend", "shop_spend"], ["train"]),
    "entity:user": (["spend", "last"], []),
    "path:features": (["spend", "shop_spend", "last"], ["train"]),
    "path:features/spec.yml,tag:weekly": ([], ["train"]),
    "resource_type:training_set": ([], ["train"]),
    "name:spend fqn:last": (["spend", "last"], []),
}


@pytest.mark.parametrize("text", SELECTIONS)
def test_selections_are_dbts(root: Path, text: str) -> None:
    found = select(load(root), [text])
    assert (list(found.features), list(found.training_sets)) == SELECTIONS[text]


def test_selections_add_and_leave_out(root: Path) -> None:
    found = select(load(root), ["tag:core", "last"], ["tag:money"])
    assert found.features == ("shop_spend", "last")
    listed = data(root, "list", "features", "-s", "tag:core", "--exclude", "spend")["features"]
    assert [item["name"] for item in listed] == ["shop_spend"]
    listed = data(root, "list", "features", "--exclude", "spend")["features"]
    assert [item["name"] for item in listed] == ["shop_spend", "last"]


NONE = {
    "spnd": "nothing is `spnd`; did you mean `spend`?",
    "tag:cor": "nothing is `tag:cor`; did you mean `core`?",
    "source:evnts+": "nothing is `source:evnts`; did you mean `events`?",
    "owner:me": "`owner:me` is no selection; expected one of:",
    "spend++": "`spend++` is no selection; write a name",
    "tag:core,last": "no feature and no training set is `tag:core,last`; write a name",
}


@pytest.mark.parametrize("text", NONE)
def test_selections_that_nothing_fits(root: Path, text: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        select(load(root), [text])
    (problem,) = caught.value.diagnostics
    assert "error[MF178]" in plain(problem)
    assert f"{problem.message}; {problem.hint}".startswith(NONE[text])


def test_a_build_that_only_says_what_it_would_do(root: Path) -> None:
    before = sorted(root.rglob("*"))
    result = call(root, "build", "--dry-run", "--select", "shop_spend+")
    assert result.exit_code == 0, result.output
    *files, run = result.stdout.splitlines()
    assert "create dbt/models/features/spend.sql" in files
    assert run.startswith("run dbt build --target dev --select +shop_spend_current +train ")
    assert sorted(root.rglob("*")) == before


def test_what_is_excluded_is_not_built_for_others(root: Path) -> None:
    """Also what a training set reads: it takes the table as it is."""
    result = call(root, "build", "--dry-run", "--exclude", "spend")
    assert result.exit_code == 0, result.output
    run = result.stdout.splitlines()[-1].split()
    selected = run[run.index("--select") + 1 : run.index("--indirect-selection")]
    assert "+train" in selected
    assert "+spend_current" not in selected
    assert run[run.index("--exclude") + 1 :] == ["spend", "spend_current"]


def test_training_data_that_is_only_said(root: Path, tmp_path: Path) -> None:
    labels, out = str(root / "data" / "labels.parquet"), tmp_path / "out.parquet"
    asked = ("training-data", labels, "--timestamp", "taken", "--features", "spend:amount_sum_7d")
    result = call(root, *asked, "--out", str(out), "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split() == [
        "spend__amount_sum_7d",
        "spend",
        "amount_sum_7d",
    ]
    assert "nothing was written" in result.stderr
    found = json.loads(call(root, *asked, "--out", str(out), "--dry-run", "--json").stdout)
    assert found["columns"] == [
        {"name": "spend__amount_sum_7d", "feature": "spend", "column": "amount_sum_7d"}
    ]
    assert not out.exists()
    wrong = call(root, *asked[:-1], "nope", "--out", str(out), "--dry-run")
    assert wrong.exit_code == 1


def test_a_project_that_is_only_said(tmp_path: Path, root: Path) -> None:
    result = call(tmp_path, "init", "shop", "--dry-run")
    assert result.exit_code == 0
    assert "create shop/mlforge.yaml" in result.stdout.splitlines()
    file = str(root / "data" / "events.parquet")
    proposed = call(tmp_path, "init", "--from", file, "--dry-run")
    assert proposed.exit_code == 0, proposed.output
    assert "create features/events.yml" in proposed.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mlforge.yaml").touch()
    assert "error[MF158]" in call(tmp_path, "init", "shop", "--dry-run").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(tmp_path: Path, shell: str) -> None:
    result = call(tmp_path, "completion", shell)
    assert result.exit_code == 0
    assert "_MLFORGE_COMPLETE" in result.stdout
    assert call(tmp_path, "completion", "cmd").exit_code == 2


COMPLETED = {
    "inspect feature s": ["spend", "shop_spend"],
    "inspect source ": ["events", "labels"],
    "inspect entity u": ["user"],
    "inspect training-set ": ["train"],
    "build --features spend,l": ["spend,last"],
    "build --tags m": ["money"],
    "build --profile d": ["dev"],
}


@pytest.mark.parametrize("line", COMPLETED)
def test_names_are_completed(root: Path, line: str) -> None:
    words = ["mlforge", "--project-dir", str(root), *line.split(" ")]
    environment = {
        "_MLFORGE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner(env=environment).invoke(main, [], prog_name="mlforge")
    assert [item.partition(",")[2] for item in result.stdout.splitlines()] == COMPLETED[line]


def test_nothing_is_completed_outside_of_a_project(tmp_path: Path) -> None:
    words = f"mlforge --project-dir {tmp_path} inspect feature s"
    environment = {"_MLFORGE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "5"}
    result = CliRunner(env=environment).invoke(main, [], prog_name="mlforge")
    assert (result.exit_code, result.stdout.strip()) == (0, "")


def test_profiles_are_validated(root: Path, tmp_path: Path) -> None:
    found = data(root, "profile", "--validate")
    assert found["ok"] is True
    assert {item["name"] for item in found["checks"]["dev"]} >= {"python", "project", "sources"}
    broken = build(tmp_path)
    (broken / "data" / "events.parquet").unlink()
    result = call(broken, "profile", "dev", "--validate")
    assert result.exit_code == 1
    assert "fail     sources" in result.stdout or "fail     project" in result.stdout
    assert "ok" not in data(root, "profile")


def test_progress_is_a_bar_or_lines_or_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: Any = SimpleNamespace(index=3, total=10, status="success", name="spend", seconds=1.25)
    wrong: Any = SimpleNamespace(index=4, total=10, status="error", name="last", seconds=0.5)
    _progress.show_step(done, quiet=False)
    plain = capsys.readouterr().err
    assert plain.startswith(" 3/10 success spend")
    assert plain.endswith("1.2s\n")
    with _progress.step("joining", quiet=False):
        pass
    assert capsys.readouterr().err == ""
    _progress.show_step(done, quiet=True)
    with _progress.step("joining", quiet=True):
        pass
    _progress.end_steps(quiet=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _progress.show_step(done, quiet=False)
    bar = capsys.readouterr().err
    assert "━━━━━━ " in bar
    assert not bar.endswith("\n")
    _progress.show_step(wrong, quiet=False)
    assert capsys.readouterr().err.endswith("\n")
    with _progress.step("joining", quiet=False):
        pass
    _progress.end_steps(quiet=False)
    assert (
        capsys.readouterr().err
        == f"{_progress._CLEAR}joining ...{_progress._CLEAR}{_progress._CLEAR}"
    )
