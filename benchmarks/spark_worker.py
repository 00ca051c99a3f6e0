"""Run SQL on a local Spark and measure it; a process of its own, in the warehouse's environment.

Reads a JSON document from standard input: views to create (name and query), and what to time (a
label and a query, each as often as `repeat` says, in turns). Prints one JSON document: seconds,
rows, and bytes and records that went through shuffles.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def session(memory: str) -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("benchmark")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def shuffled(spark: Any, since: int) -> tuple[int, int, int]:
    """Bytes and records that stages after a number wrote to shuffles, and the newest number."""
    context = spark.sparkContext
    quantiles = context._gateway.new_array(context._jvm.double, 0)
    none = context._jvm.java.util.ArrayList()
    stages = context._jsc.sc().statusStore().stageList(none, False, False, quantiles, none)
    written = records = 0
    newest = since
    for index in range(stages.size()):
        stage = stages.apply(index)
        if stage.stageId() > since:
            written += stage.shuffleWriteBytes()
            records += stage.shuffleWriteRecords()
            newest = max(newest, stage.stageId())
    return written, records, newest


def main() -> None:
    request = json.load(sys.stdin)
    spark = session(request["memory"])
    for name, query in request["views"]:
        spark.sql(query).createOrReplaceTempView(name)
    results: list[dict[str, Any]] = []
    newest = -1
    for turn in range(request["repeat"] + 1):  # the first turn warms the JVM up
        for label, query in request["timed"]:
            frame = spark.sql(query)
            started = time.monotonic()
            frame.write.format("noop").mode("overwrite").save()
            seconds = time.monotonic() - started
            written, records, newest = shuffled(spark, newest)
            if turn:
                result = {"label": label, "seconds": seconds, "bytes": written, "records": records}
                results.append(result)
            print(f"{label}: {seconds:.1f} s", file=sys.stderr, flush=True)
    json.dump(results, sys.stdout)
    spark.stop()


if __name__ == "__main__":
    main()
