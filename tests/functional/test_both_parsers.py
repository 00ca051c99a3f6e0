"""What is compiled is clean for dbt v1 and for the stricter v2 parser, for every target of a project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import CONFIG
from test_names import odd_project

from mlforge_sql.workflows.compile import compile_project, write_project

pytestmark = pytest.mark.functional

EXAMPLE = Path(__file__).parents[2] / "example_project"
PARSER = Path(sys.executable).parent / "dbt-core-experimental-parser"
NOWHERE = {
    "DATABRICKS_HOST": "nowhere.invalid",
    "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/none",
    "DATABRICKS_TOKEN": "none",
}
V1 = """
import sys
from dbt.cli.main import dbtRunner
for target in sys.argv[1:]:
    options = ["--no-partial-parse", "--profiles-dir", ".", "--target", target]
    result = dbtRunner().invoke(["--warn-error", "--no-use-colors", "parse", *options])
    if not result.success:
        sys.exit(f"{target}: {result.exception}")
"""


def unity(schema: str, sync_mode: str | None = None, **more: str) -> dict[str, Any]:
    store = {"KIND": "unity_catalog", "catalog": "it's", "schema": schema}
    online = {
        "KIND": "databricks_online",
        "catalog": "c",
        "schema": "o",
        "sync_mode": sync_mode,
    } | more
    return {"offline_store": store, **({"online_store": online} if sync_mode else {})}


def example(root: Path) -> None:
    ignore = shutil.ignore_patterns("data", "dbt", "feature_store", "__pycache__")
    shutil.copytree(EXAMPLE, root, ignore=ignore)
    command = [sys.executable, "generate_data.py", "--rows", "100", "--out", "data"]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=60)


def odd(root: Path) -> None:
    """Odd names, texts, tags and units, a table each mode of sync, a pinned training set; incremental on DuckDB."""
    odd_project(root)
    profiles = {
        **CONFIG["profiles"],
        "bricks": unity("a", "triggered", foreign_catalog="lakebase"),
        "snapshot": unity("b", "snapshot"),
        "offline": unity("c-d"),
    }
    config = {**CONFIG, "default_profile": "dev", "profiles": profiles, "incremental": True}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    table = {
        "name": "fresh",
        "table": "it's.a b.c",
        "timestamp": {"column": "at", "format": "%d.%m.%Y"},
        "delay": "1d",
        "columns": {"group": "varchar", "at": "varchar"},
        "freshness": {"warn_after": "90m", "error_after": "2d"},
    }
    seen = {"name": "seen", "source": "fresh", "entities": ["select"], "select": {"x": "at"}}
    document = {
        "sources": [table],
        "features": [seen],
        "training_sets": [
            {
                "name": "training",
                "description": "It's 5\\\\6 {{ of }} it\\\\",
                "labels": {
                    "sql": "select 1",
                    "columns": {
                        "group": "varchar",
                        "t": "timestamp",
                        "a b": "double",
                        "it's": "date",
                    },
                },
                "timestamp": "t",
                "features": ["order", {"name": "select", "version": 3}],
                "tags": ["a b", "it's {{ x }}"],
            }
        ],
    }
    file = root / "features" / "training.yml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def only_databricks(root: Path) -> None:
    """No Jinja at all in the properties."""
    odd(root)
    config = {**CONFIG, "profiles": {"bricks": unity("a", "continuous")}}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.fixture(
    scope="module", params=[example, odd, only_databricks], ids=lambda make: make.__name__
)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parsers") / "project"
    request.param(root)
    write_project(compile_project(root))
    return root / "dbt"


def targets(folder: Path) -> list[str]:
    (profile,) = yaml.safe_load((folder / "profiles.yml").read_text(encoding="utf-8")).values()
    return list(profile["outputs"])


def run(folder: Path, *command: str) -> str:
    """A command in a project; it succeeds. What it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **NOWHERE},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_v1(project: Path) -> None:
    output = run(project, sys.executable, "-c", V1, *targets(project))
    assert "warn" not in output.lower()
    assert "deprecat" not in output.lower()


def test_v2(project: Path) -> None:
    assert PARSER.is_file(), "pip install dbt-core-experimental-parser"
    for target in targets(project):
        output = run(project, str(PARSER), "parse", "--profiles-dir", ".", "--target", target)
        assert f"Finished 'parse' successfully for target '{target}'" in output
        assert "warning" not in output.lower(), output
        assert "error" not in output.lower(), output


def test_v2_says_what_is_wrong(project: Path, tmp_path: Path) -> None:
    """The check above can fail: a key that is none is found."""
    copy = Path(shutil.copytree(project, tmp_path / "dbt"))
    file = next((copy / "models" / "features").glob("*.yml"))
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("      meta:\n", "      no_such_key: 1\n      meta:\n", 1), encoding="utf-8"
    )
    done = subprocess.run(
        [str(PARSER), "parse", "--profiles-dir", ".", "--target", targets(project)[0]],
        cwd=copy,
        env={**os.environ, **NOWHERE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "no_such_key" in done.stdout + done.stderr


@pytest.mark.parametrize("windows", ["merged", "sliding"])
def test_v2_compiles_every_model_for_databricks(
    project: Path, windows: str, tmp_path: Path
) -> None:
    """Offline: all but the hooks, for which the v2 engine wants a connection whatever they say.

    It stops at those that check the session and the sources' tables at the start, so they are left out here.

    A pinned training set asks the history of a table. A window counts its tiles unless it is told its form.
    """
    place = project
    project = Path(shutil.copytree(place, tmp_path / "dbt"))
    file = project / "dbt_project.yml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    hooks = [
        "{{ mlforge_check_target() }}",
        "{{ mlforge_check_settings() }}",
        "{{ mlforge_check_sources() }}",
    ]
    kept = ["{{ mlforge_create_states() }}"]
    assert settings.pop("on-run-start") in (hooks, [*hooks, *kept])
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    offline = ["on-run-end"]
    offline += ["training"] if (project / "models" / "training" / "training.sql").is_file() else []
    target = next(name for name in targets(project) if name != "dev")
    done = subprocess.run(
        [
            str(PARSER),
            *("compile", "--profiles-dir", ".", "--target", target),
            *("--vars", f"{{mlforge_windows: {windows}}}"),
        ],
        cwd=project,
        env={**os.environ, **NOWHERE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    found = re.search(r"Summary: (\d+) total \| (\d+) success \| (\d+) error", output)
    assert found is not None, output
    failed = re.findall(r"Failed \[[^\]]*\] +\w+ +(\S+)", output)
    assert int(found[3]) == len(offline) == len(failed), output
    assert all(any(word in name for name in failed) for word in offline), output
    compiled = [
        path.read_text("utf-8") for path in (project / "target" / "compiled").rglob("*.sql")
    ]
    assert len(compiled) >= int(found[2]) - len(offline)
    assert not any(word in text for text in compiled for word in ("asof left", "epoch_us("))
