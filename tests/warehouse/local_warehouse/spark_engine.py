"""Spark with Delta Lake on this machine: one process, one session per connection."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.local_warehouse.catalog import DEFAULT_SCHEMA, Catalogs, Field, Relation
from warehouse.local_warehouse.governance import TableName

_NOWHERE = "`__nowhere`"
_TEXT_ONLY = re.compile("interval|variant|void")
_JVM_OPTIONS = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -Duser.timezone=UTC"
)


def _settings(folder: Path, jar: Path) -> dict[str, str]:
    delta = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.jars": str(jar),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": delta,
        "spark.sql.sources.default": "delta",
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.local.dir": str(folder / "scratch"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",  # of VACUUM too
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.merge.repartitionBeforeWrite.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": _JVM_OPTIONS,
    }


class SparkRuntime:
    """The one Spark application, its catalogs and its sessions."""

    def __init__(self, folder: Path, jar: Path, catalogs: Catalogs) -> None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").appName("local warehouse")
        for key, value in _settings(folder, jar).items():
            builder = builder.config(key, value)
        self.catalogs = catalogs
        self._spark: Any = builder.getOrCreate()
        self._spark.sparkContext.setLogLevel("ERROR")
        self._create_default_schemas()

    def _create_default_schemas(self) -> None:
        self._spark.sql(f"create schema if not exists {_NOWHERE}")
        for catalog in self.catalogs.names:
            schema = self.catalogs.physical(catalog, DEFAULT_SCHEMA)
            self._spark.sql(f"create schema if not exists {schema}")

    def new_session(self) -> SparkEngine:
        """A session with temporary views and settings of its own."""
        return SparkEngine(self._spark.newSession(), self.catalogs)

    def reset(self) -> None:
        """Drop every schema with its tables."""
        for row in self._spark.sql("show schemas").collect():
            if row[0] != DEFAULT_SCHEMA:
                self._spark.sql(f"drop schema if exists `{row[0]}` cascade")
        self._create_default_schemas()

    def stop(self) -> None:
        """Stop Spark and end its Java process."""
        from pyspark import SparkContext

        gateway: Any = SparkContext._gateway
        self._spark.stop()
        gateway.shutdown()
        process = getattr(gateway, "proc", None)
        if process is not None:
            process.stdin.close()  # the Java side ends when its input does
            try:
                process.wait(timeout=10)
            except Exception:  # noqa: BLE001 - whatever happened, it must not stay
                process.kill()


@dataclass(frozen=True)
class _Plan:
    """A query's columns, those without an Arrow type of Databricks' as text."""

    frame: Any

    def readable(self) -> Any:
        fields = self.frame.schema.fields
        unique = len({field.name for field in fields}) == len(fields)
        kinds = [field.dataType.simpleString() for field in fields]
        if not unique or not any(_TEXT_ONLY.match(kind) for kind in kinds):
            return self.frame
        return self.frame.selectExpr(*map(self._column, fields, kinds))

    @staticmethod
    def _column(field: Any, kind: str) -> str:
        name = "`" + field.name.replace("`", "``") + "`"
        if kind == "variant":
            return f"to_json({name}) as {name}"
        return f"cast({name} as string) as {name}" if _TEXT_ONLY.match(kind) else name


class SparkEngine:
    """One session; the protocol `Engine` says what each method is for."""

    def __init__(self, spark: Any, catalogs: Catalogs) -> None:
        self._spark = spark
        self._catalogs = catalogs
        self._tag = uuid.uuid4().hex

    @property
    def _catalog(self) -> Any:
        return self._spark._jsparkSession.sessionState().catalog()

    def sql(self, text: str) -> pa.Table:
        self._spark.sparkContext.addJobTag(self._tag)
        try:
            return self._result(text)
        finally:
            self._spark.sparkContext.removeJobTag(self._tag)

    def _result(self, text: str) -> pa.Table:
        frame = self._spark.sql(text)
        if not frame.schema.fields:
            return pa.table({})
        try:
            return _Plan(frame).readable().toArrow()
        except pa.ArrowInvalid:  # metrics of OPTIMIZE: nulls where the type says there are none
            return _collected(frame)

    def use(self, schema: str | None) -> bool:
        name = (schema or _NOWHERE).strip("`")
        exists = bool(self._catalog.databaseExists(name))
        self._spark.catalog.setCurrentDatabase(name if exists else _NOWHERE.strip("`"))
        return exists

    def set_time_zone(self, zone: str) -> None:
        self._spark.conf.set("spark.sql.session.timeZone", zone)

    def set_ansi(self, text: str) -> None:
        self._spark.conf.set("spark.sql.ansi.enabled", text.lower())

    def set_time_parser(self, policy: str) -> None:
        self._spark.conf.set("spark.sql.legacy.timeParserPolicy", policy.upper())

    def fields(self, relation: str) -> list[Field]:
        return [
            Field(
                name=field.name,
                type=field.dataType.simpleString(),
                json=field.dataType.jsonValue(),
                nullable=field.nullable,
                comment=field.metadata.get("comment"),
            )
            for field in self._spark.table(relation).schema.fields
        ]

    def relations(self, schema: tuple[str, str] | None = None) -> list[Relation]:
        catalog, found = self._catalog, []
        for database in _sequence(catalog.listDatabases()):
            logical = self._catalogs.logical(database)
            if logical is None or schema not in {None, logical}:
                continue
            for identifier in _sequence(catalog.listTables(database, "*", False)):
                try:
                    metadata = catalog.getTableMetadata(identifier)
                except Exception:  # noqa: BLE001 - another thread dropped it just now
                    continue
                found.append(_relation(TableName(*logical, identifier.table()), metadata))
        return found

    def schemas(self) -> list[tuple[str, str]]:
        names = map(self._catalogs.logical, _sequence(self._catalog.listDatabases()))
        return [name for name in names if name is not None]

    def is_temporary(self, name: str) -> bool:
        return bool(self._catalog.getTempView(name).isDefined())

    def show(self, view: str, rows: pa.Table) -> None:
        self._spark.createDataFrame(rows).createOrReplaceTempView(view)

    def hide(self, view: str) -> None:
        self._spark.catalog.dropTempView(view)

    def tree(self, relation: str) -> str:
        return str(self._spark.table(relation)._jdf.schema().treeString())

    def cancel(self) -> None:
        self._spark.sparkContext.cancelJobsWithTag(self._tag)

    def close(self) -> None:
        self.cancel()


def _sequence(items: Any) -> list[Any]:
    return [items.apply(position) for position in range(items.size())]


def _option(value: Any) -> str | None:
    return str(value.get()) if value.isDefined() else None


def _relation(name: TableName, metadata: Any) -> Relation:
    return Relation(
        name=name,
        kind=metadata.tableType().name(),
        provider=_option(metadata.provider()),
        comment=_option(metadata.comment()),
        created_ms=metadata.createTime(),
        view_text=_option(metadata.viewText()),
    )


def _collected(frame: Any) -> pa.Table:
    rows = frame.collect()

    def plain(value: Any) -> Any:
        return json.dumps(value.asDict(True), default=str) if hasattr(value, "asDict") else value

    return pa.table(
        {name: [plain(row[index]) for row in rows] for index, name in enumerate(frame.columns)}
    )
