"""Run statements through the real connector: one JSON document per line in and out.

Tests start it in the warehouse's environment, so theirs needs neither Spark nor the connector.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from typing import Any

import pyarrow as pa
from databricks import sql


def _encoded(rows: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode()


def _answer(connection: Any, request: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(request["sql"], request.get("parameters") or None)
            rows = cursor.fetchall_arrow()
        except sql.Error as error:
            return {"error": str(error), "state": (error.context or {}).get("sql-state")}
        return {"rows": _encoded(rows)}


def main() -> None:
    """Answer until the input ends."""
    parser = argparse.ArgumentParser("query_worker", description=__doc__)
    for name in ("--host", "--port", "--certificate", "--token", "--http-path"):
        parser.add_argument(name, required=True)
    parser.add_argument("--catalog")
    parser.add_argument("--schema")
    given = parser.parse_args()
    connection = sql.connect(
        server_hostname=given.host,
        http_path=given.http_path,
        access_token=given.token,
        catalog=given.catalog,
        schema=given.schema,
        enable_telemetry=False,
        use_cloud_fetch=False,
        _connection_uri=f"https://{given.host}:{given.port}{given.http_path}",
        _tls_trusted_ca_file=given.certificate,
        _retry_stop_after_attempts_count=2,
        _retry_stop_after_attempts_duration=30,
        _retry_delay_max=5,  # the connector waits the maximum after every 503
    )
    for line in sys.stdin:
        print(json.dumps(_answer(connection, json.loads(line))), flush=True)
    connection.close()


if __name__ == "__main__":
    main()
