"""The macros that publish, run without dbt against an API that answers what a test says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.online import OnlineTables
from mlforge_sql.dbt.targets import target_files
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.spec.config import ProjectConfig

_ARGUMENT = re.compile(r"(\w+) => '((?:[^'\\]|\\.)*)'", re.DOTALL)

NAME = "main.online.f_current"
SOURCE = "main.features.f_current"
LOOKUP = f"GET /2.0/database/synced_tables/{NAME}"
NEWER = f"GET /2.0/postgres/synced_tables/{NAME}"
PUBLISH = f"POST /2.0/feature-store/tables/{SOURCE}/publish"
UPDATE = "POST /2.0/pipelines/p1/updates"


def config(**online: Any) -> ProjectConfig:
    """A project with one profile, `live`, that publishes."""
    store = {"KIND": "databricks_online", "catalog": "main", "schema": "online", **online}
    offline = {"KIND": "unity_catalog", "catalog": "main", "schema": "features"}
    return ProjectConfig.model_validate(
        {
            "name": "fraud_features",
            "profiles": {"live": {"offline_store": offline, "online_store": store}},
        }
    )


def refusal(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"error_code": code, "message": message}


MISSING = refusal(404, "RESOURCE_DOES_NOT_EXIST", "there is none")


def table(state: str = "ONLINE_NO_PENDING_UPDATE", **changes: Any) -> tuple[int, Any]:
    """A synced table as the database API shows it."""
    spec = {"source_table_full_name": SOURCE, "scheduling_policy": "TRIGGERED"}
    spec |= {key: changes.pop(key) for key in ("scheduling_policy",) if key in changes}
    status = {"detailed_state": f"SYNCED_TABLE_{state}", "pipeline_id": "p1", **changes}
    return 200, {"name": NAME, "spec": spec, "data_synchronization_status": status}


@dataclass
class Jinja:
    """The macros of a profile, and what they did."""

    online: Mapping[str, Any] = field(default_factory=dict)
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    connections: set[str] = field(default_factory=set)
    logged: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    connected: bool = True

    def macros(self) -> Macros:
        files: dict[PurePosixPath, str] = static_files(databricks=True)
        profiles = config(**self.online)
        files |= {**target_files(profiles), **OnlineTables(profiles).files()}
        return Macros(files, "databricks", lambda name: name, context=self._context())

    def _context(self) -> dict[str, Any]:
        return {
            "target": SimpleNamespace(
                type="databricks", name="live", database="main", schema="features"
            ),
            "var": lambda _, default: default,
            "flags": SimpleNamespace(WHICH="build", EMPTY=False, FULL_REFRESH=False),
            "run_query": self._run_query,
            "tojson": json.dumps,
            "fromjson": _fromjson,
            "log": self._log,
            "exceptions": SimpleNamespace(warn=self.warned.append),
            "api": SimpleNamespace(Relation=SimpleNamespace(create=SimpleNamespace)),
            "graph": SimpleNamespace(nodes={}),
            "should_full_refresh": lambda: False,
            **self.context,
        }

    def _log(self, text: str, info: bool) -> None:
        assert info
        self.logged.append(text)

    def call(self, name: str, /, *arguments: Any) -> Any:
        return self.macros().call(name, *arguments)

    def refresh(self, *, full_refresh: bool = False) -> Any:
        """What the macro makes of the table `f_current`."""
        relation = SimpleNamespace(database="main", schema="features", identifier="f_current")
        return self.call("mlforge_online_refresh", relation, full_refresh)

    def _run_query(self, sql: str) -> Any:
        if sql == "show connections like 'mlforge_api'":
            return SimpleNamespace(rows=[("mlforge_api",)] if self.connected else [])
        if sql == "set use_cached_result = false":
            return SimpleNamespace(rows=[])
        assert sql.startswith("select to_json(http_request("), sql
        assert sql.endswith(")) as answer"), sql
        given = {name: _unescaped(text) for name, text in _ARGUMENT.findall(sql)}
        call = f"{given['method']} {given['path']}"
        body = json.loads(given["json"]) if "json" in given else None
        self.calls.append((call, body))
        self.connections.add(given["conn"])
        waiting = self.answers.get(call)
        assert waiting, f"no answer to {call}"
        status, document = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        text = document if isinstance(document, str | None) else json.dumps(document)
        cell = json.dumps({"status_code": status, "text": text})
        return SimpleNamespace(columns=[SimpleNamespace(values=lambda: [cell])])


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _fromjson(text: str, default: Any = None) -> Any:
    """As dbt has it."""
    try:
        return json.loads(text)
    except ValueError:
        return default
