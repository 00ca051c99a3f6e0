"""The connector's protocol (TCLIService) over the sessions."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

from warehouse.local_warehouse.arrow_results import Result, success
from warehouse.local_warehouse.engine import Engine
from warehouse.local_warehouse.errors import describe
from warehouse.local_warehouse.parameters import Parameter
from warehouse.local_warehouse.rules.connections import without_secrets
from warehouse.local_warehouse.rules.information_schema import rows_of
from warehouse.local_warehouse.rules.rule import text_rows
from warehouse.local_warehouse.sessions import Session, Workspace
from warehouse.local_warehouse.statement_log import LoggedStatement, StatementLog
from warehouse.local_warehouse.switches import Switches

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = logging.getLogger(__name__)
_PROTOCOL = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8
_WAIT_SECONDS = 10.0
_PAGE_ROWS = 100_000
_THREADS = 16


class Operation:
    """A statement on its way; finished when its future is."""

    def __init__(self, handle: Any, work: Future[Result], cancel: Callable[[], None]) -> None:
        self.handle = handle
        self.work = work
        self.cancel = cancel
        self.cancelled = False

    def wait(self, seconds: float) -> None:
        try:
            self.work.exception(timeout=seconds)
        except StillRunning:
            return

    @property
    def status(self) -> Any:
        states = ttypes.TOperationState
        answer = ttypes.TGetOperationStatusResp(status=success(), hasResultSet=True)
        error = self.work.exception() if self.work.done() else None
        if self.cancelled:
            answer.operationState = states.CANCELED_STATE
        elif not self.work.done():
            answer.operationState = states.RUNNING_STATE
        elif isinstance(error, StatementError):
            answer.operationState, answer.hasResultSet = states.ERROR_STATE, False
            answer.errorMessage = answer.displayMessage = error.text
            answer.sqlState = error.state
        else:
            answer.operationState = states.FINISHED_STATE
        return answer


class StatementError(Exception):
    """An error with the text and SQLSTATE that the client sees."""

    def __init__(self, text: str, state: str) -> None:
        super().__init__(text)
        self.text = text
        self.state = state


@dataclass
class Connection:
    """An opened session; one statement at a time."""

    session: Session
    lock: threading.Lock
    name: str


class WarehouseService:
    """The calls of TCLIService that the connector makes."""

    def __init__(
        self,
        workspace: Workspace,
        new_engine: Callable[[], Engine],
        log: StatementLog,
        switches: Switches,
    ) -> None:
        self._workspace = workspace
        self._new_engine = new_engine
        self._log = log
        self._switches = switches
        self._connections: dict[bytes, Connection] = {}
        self._operations: dict[bytes, Operation] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")
        self._processor = TCLIService.Processor(self)

    def answer(self, request: bytes) -> bytes:
        """One call of the protocol."""
        output = TMemoryBuffer()
        self._processor.process(TBinaryProtocol(TMemoryBuffer(request)), TBinaryProtocol(output))
        return bytes(output.getvalue())

    def forget(self) -> None:
        """Close every session."""
        self._connections.clear()
        self._operations.clear()

    # Sessions -------------------------------------------------------------------------------

    def OpenSession(self, request: Any) -> Any:
        namespace = request.initialNamespace or ttypes.TNamespace()
        try:
            session = Session(
                self._workspace, self._new_engine(), namespace.catalogName, namespace.schemaName
            )
            session.configure(request.configuration or {})
        except Exception as error:  # noqa: BLE001 - the client gets every error as an answer
            text, state = describe(error)
            failed = ttypes.TStatus(
                statusCode=ttypes.TStatusCode.ERROR_STATUS, errorMessage=text, sqlState=state
            )
            return ttypes.TOpenSessionResp(status=failed, serverProtocolVersion=_PROTOCOL)
        identity = _new_identity()
        name = uuid.UUID(bytes=identity.guid).hex[:8]
        self._connections[identity.guid] = Connection(session, threading.Lock(), name)
        return ttypes.TOpenSessionResp(
            status=success(),
            serverProtocolVersion=_PROTOCOL,
            sessionHandle=ttypes.TSessionHandle(
                sessionId=identity, serverProtocolVersion=_PROTOCOL
            ),
            initialNamespace=ttypes.TNamespace(
                catalogName=session.catalog, schemaName=session.schema
            ),
            canUseMultipleCatalogs=True,
            configuration={},
        )

    def CloseSession(self, request: Any) -> Any:
        connection = self._connections.pop(request.sessionHandle.sessionId.guid, None)
        if connection is not None:
            with connection.lock:
                connection.session.close()
        return ttypes.TCloseSessionResp(status=success())

    # Statements -----------------------------------------------------------------------------

    def ExecuteStatement(self, request: Any) -> Any:
        parameters = [_parameter(item) for item in request.parameters or ()]

        def work(connection: Connection) -> pa.Table:
            return self._run(connection, request.statement, parameters)

        return self._start(ttypes.TExecuteStatementResp, request, work)

    def _run(self, connection: Connection, sql: str, parameters: Sequence[Parameter]) -> pa.Table:
        start, route, failure = time.monotonic(), "none", None
        self._switches.before(sql)
        try:
            with connection.lock:
                answer = connection.session.execute(sql, parameters)
            route = answer.route
        except Exception as error:
            text, state = describe(error)
            failure = StatementError(connection.session.catalogs.spoken(text), state)
            if state == "HY000":
                _LOG.exception("statement failed: %s", without_secrets(sql))
            raise failure from error
        else:
            return answer.rows
        finally:
            self._log.add(
                LoggedStatement(
                    sql=without_secrets(sql),
                    route=route,
                    seconds=round(time.monotonic() - start, 3),
                    session=connection.name,
                    error=failure.text if failure else None,
                    state=failure.state if failure else None,
                )
            )

    def _start(self, answer: Any, request: Any, work: Callable[[Connection], pa.Table]) -> Any:
        """Run in a thread; answer at once when it is quick, else let the client ask again."""
        connection = self._connections.get(request.sessionHandle.sessionId.guid)
        if connection is None:
            invalid = ttypes.TStatus(
                statusCode=ttypes.TStatusCode.INVALID_HANDLE_STATUS,
                errorMessage="Invalid SessionHandle",
            )
            return answer(status=invalid)
        handle = ttypes.TOperationHandle(
            operationId=_new_identity(),
            operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
            hasResultSet=True,
        )
        future = self._pool.submit(lambda: Result(work(connection)))
        operation = Operation(handle, future, connection.session.engine.cancel)
        self._operations[handle.operationId.guid] = operation
        if request.getDirectResults is None:
            return answer(status=success(), operationHandle=handle)
        operation.wait(_WAIT_SECONDS)
        direct = self._direct(operation, request.getDirectResults.maxRows or _PAGE_ROWS)
        return answer(status=success(), operationHandle=handle, directResults=direct)

    def _direct(self, operation: Operation, rows: int) -> Any:
        status = operation.status
        direct = ttypes.TSparkDirectResults(operationStatus=status)
        if status.operationState != ttypes.TOperationState.FINISHED_STATE:
            return direct
        result = operation.work.result()
        direct.resultSetMetadata = result.metadata
        direct.resultSet = result.page(rows)
        if result.exhausted:
            direct.closeOperation = ttypes.TCloseOperationResp(status=success())
            self._operations.pop(operation.handle.operationId.guid, None)
        return direct

    def _operation(self, request: Any) -> Operation:
        return self._operations[request.operationHandle.operationId.guid]

    def GetOperationStatus(self, request: Any) -> Any:
        operation = self._operation(request)
        operation.wait(1.0)
        return operation.status

    def GetResultSetMetadata(self, request: Any) -> Any:
        operation = self._operation(request)
        if operation.cancelled:
            return ttypes.TGetResultSetMetadataResp(status=_cancelled())
        return operation.work.result().metadata

    def FetchResults(self, request: Any) -> Any:
        operation = self._operation(request)
        if operation.cancelled:
            return ttypes.TFetchResultsResp(status=_cancelled())
        return operation.work.result().page(request.maxRows or _PAGE_ROWS)

    def CloseOperation(self, request: Any) -> Any:
        self._operations.pop(request.operationHandle.operationId.guid, None)
        return ttypes.TCloseOperationResp(status=success())

    def CancelOperation(self, request: Any) -> Any:
        operation = self._operations.get(request.operationHandle.operationId.guid)
        if operation is not None:
            operation.cancelled = True
            operation.cancel()
        return ttypes.TCancelOperationResp(status=success())

    # Metadata calls of cursors ----------------------------------------------------------------

    def GetCatalogs(self, request: Any) -> Any:
        rows = [(name,) for name in self._workspace.catalogs.names]
        work = _constant(text_rows("TABLE_CAT", rows))
        return self._start(ttypes.TGetCatalogsResp, request, work)

    def GetSchemas(self, request: Any) -> Any:
        def work(connection: Connection) -> pa.Table:
            named = _like(request.schemaName)
            rows = [
                (schema, catalog)
                for catalog, schema in connection.session.engine.schemas()
                if _is(request.catalogName, catalog) and named.match(schema)
            ]
            return text_rows("TABLE_SCHEM TABLE_CATALOG", rows)

        return self._start(ttypes.TGetSchemasResp, request, work)

    def GetTables(self, request: Any) -> Any:
        def work(connection: Connection) -> pa.Table:
            schemas, tables = _like(request.schemaName), _like(request.tableName)
            rows = [
                (*item.name, "VIEW" if item.is_view else "TABLE", item.comment)
                for item in connection.session.relations("system")
                if _is(request.catalogName, item.name.catalog)
                and schemas.match(item.name.schema)
                and tables.match(item.name.table)
            ]
            return text_rows("TABLE_CAT TABLE_SCHEM TABLE_NAME TABLE_TYPE REMARKS", rows)

        return self._start(ttypes.TGetTablesResp, request, work)

    def GetColumns(self, request: Any) -> Any:
        def work(connection: Connection) -> pa.Table:
            schemas, tables = _like(request.schemaName), _like(request.tableName)
            catalog = (request.catalogName or "system").lower()
            columns = rows_of(connection.session, catalog, "columns").to_pylist()
            rows = [
                (
                    item["table_catalog"],
                    item["table_schema"],
                    item["table_name"],
                    item["column_name"],
                    item["data_type"],
                )
                for item in columns
                if schemas.match(item["table_schema"]) and tables.match(item["table_name"])
            ]
            return text_rows("TABLE_CAT TABLE_SCHEM TABLE_NAME COLUMN_NAME TYPE_NAME", rows)

        return self._start(ttypes.TGetColumnsResp, request, work)


def _cancelled() -> Any:
    return ttypes.TStatus(
        statusCode=ttypes.TStatusCode.ERROR_STATUS,
        errorMessage="[OPERATION_CANCELED] Operation has been canceled. SQLSTATE: HY008",
        sqlState="HY008",
    )


def _new_identity() -> Any:
    return ttypes.THandleIdentifier(guid=uuid.uuid4().bytes, secret=b"0" * 16)


def _constant(rows: pa.Table) -> Callable[[Connection], pa.Table]:
    def work(connection: Connection) -> pa.Table:
        del connection
        return rows

    return work


def _is(wanted: str | None, catalog: str) -> bool:
    return not wanted or wanted.lower() == catalog


def _like(pattern: str | None) -> re.Pattern[str]:
    """A pattern of the metadata calls: `%` and `_`, with a backslash before a plain `_`."""
    text = re.escape(pattern or "%").replace(r"\\_", "\0").replace("%", ".*").replace("_", ".")
    return re.compile("^" + text.replace("\0", "_") + "$", re.IGNORECASE)


def _parameter(item: Any) -> Parameter:
    value = item.value.stringValue if item.value is not None else None
    items = tuple(_argument(argument) for argument in item.arguments or ())
    return Parameter(item.name or None, item.type, value, items)


def _argument(argument: Any) -> Parameter:
    items = tuple(_argument(inner) for inner in argument.arguments or ())
    return Parameter(None, argument.type, argument.value, items)
