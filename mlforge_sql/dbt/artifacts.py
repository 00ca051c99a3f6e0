"""dbt's artifacts: what a run did, told in the words of the specs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlforge_sql.locks import take

_NOT_SHOWN = frozenset({"model", "databricks_pattern"})
"""Arguments of a test that say nothing to its reader."""

RESULTS = "run_results.json"
_MANIFEST = "manifest.json"

FAILED = frozenset({"error", "fail", "runtime error"})


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One model, test or hook of a dbt run.

    Attributes:
        name: Its name in the project.
        kind: ``model``, ``test`` or another of dbt's resource types.
        status: dbt's word: success, error, skipped, pass, fail, warn.
        seconds: How long it took.
        message: dbt's message, if any.
        failures: Rows that a test found, if it ran.
        about: For tests: what is tested, such as ``amount less_than 100``.
        on: For tests: the model that is tested.
        meta: What the node is to us: ``config.meta.mlforge``.
        relation: For tests that store their failures: the table with them.
    """

    name: str
    kind: str
    status: str
    seconds: float
    message: str | None
    failures: int | None
    about: str | None = None
    on: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    relation: str | None = None

    @property
    def failed(self) -> bool:
        """True when the node failed."""
        return self.status in FAILED


def read_results(target: Path) -> tuple[NodeResult, ...]:
    """The results of the last run, from ``run_results.json`` and ``manifest.json``."""
    results = _read(target / RESULTS)
    nodes: Mapping[str, Any] = _read(target / _MANIFEST).get("nodes", {})
    return tuple(
        _result(item, nodes.get(item["unique_id"], {})) for item in results.get("results", ())
    )


def known_columns(target: Path) -> frozenset[str]:
    """The columns of all models and sources of the project, from ``manifest.json``."""
    manifest = _read(target / "manifest.json")
    nodes = [*manifest.get("nodes", {}).values(), *manifest.get("sources", {}).values()]
    return frozenset(name for node in nodes for name in node.get("columns") or ())


def _read(file: Path) -> Any:
    if not file.is_file():
        return {}
    return json.loads(file.read_text(encoding="utf-8"))


def _result(item: Mapping[str, Any], node: Mapping[str, Any]) -> NodeResult:
    unique_id = str(item["unique_id"])
    return NodeResult(
        name=str(node.get("name") or unique_id.split(".")[2]),
        kind=unique_id.split(".", 1)[0],
        status=str(item["status"]),
        seconds=float(item.get("execution_time") or 0.0),
        message=item.get("message"),
        failures=item.get("failures"),
        about=_about(node),
        on=str(node["attached_node"]).rsplit(".", 1)[-1] if node.get("attached_node") else None,
        meta=_meta(node),
        relation=node.get("relation_name"),
    )


def publish(own: Path, target: Path) -> None:
    """Put what a run wrote into its own folder where the last run's is; one run at a time."""
    with _alone(target):
        for item in own.iterdir():
            place = target / item.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)
            item.replace(place)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY)
    try:
        take(lock)
        yield
    finally:
        os.close(lock)


def _about(node: Mapping[str, Any]) -> str | None:
    metadata = node.get("test_metadata")
    if not metadata:
        return None
    arguments = {
        key: value for key, value in metadata.get("kwargs", {}).items() if key not in _NOT_SHOWN
    }
    column = arguments.pop("column", None)
    test = str(metadata["name"]).removeprefix("mlforge_")
    if test == "rows_counted":
        keys = ", ".join(f"`{key}`" for key in arguments["keys"])
        return f"left out, without {keys} or a finite `{arguments['timestamp']}`"
    rest = " ".join(
        str(value) if key in {"value", "pattern", "values"} else f"{key} {value}"
        for key, value in arguments.items()
    )
    return " ".join(part for part in (column and f"`{column}`", test, rest) if part)


def failed_tests(target: Path, profile: str) -> dict[str, str] | None:
    """By feature, a test of the last run that did not pass; None when that was elsewhere, or there is none.

    A test is about a feature when it is written at a model of the feature, or reads nothing but such
    models, or audits its table; a comparison with the online table does not count. ``mlforge_failed_tests`` is the same as a
    macro, for builds, in which nothing is compared.

    Args:
        target: dbt's target folder.
        profile: The profile that the run must have been in.
    """
    run = _read(target / RESULTS)
    if (run.get("args") or {}).get("target") != profile:
        return None
    nodes: Mapping[str, Any] = _read(target / _MANIFEST).get("nodes", {})
    failed: dict[str, str] = {}
    results = [(item, nodes.get(item["unique_id"], {})) for item in run.get("results", ())]
    if _only_compares(node for _, node in results):
        return None
    for item, node in results:
        if node.get("resource_type") != "test" or item["status"] not in FAILED:
            continue
        meta = _meta(node)
        if meta.get("kind") == "online":  # a sync is what mends it
            continue
        if meta.get("kind") == "feature_audit":
            failed[str(meta["feature"])] = str(node["name"])
            continue
        attached = node.get("attached_node")
        about = [attached] if attached else (node.get("depends_on") or {}).get("nodes", ())
        features = {_meta(nodes.get(name, {})).get("feature") for name in about}
        if len(features) == 1 and (feature := features.pop()) is not None:
            failed[feature] = str(node["name"])
    return failed


def _only_compares(nodes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a run did nothing but compare online tables, which says nothing of the features."""
    tests = [node for node in nodes if node.get("resource_type") is not None]
    return bool(tests) and all(_meta(node).get("kind") == "online" for node in tests)


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return ((node.get("config") or {}).get("meta") or {}).get("mlforge") or {}
