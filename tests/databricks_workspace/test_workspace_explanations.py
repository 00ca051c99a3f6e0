"""Errors in plain words: what the adapter said on the local warehouse, and what workspaces say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlforge_sql.databricks_workspace.explanations import explain, hide_secrets
from mlforge_sql.dbt.artifacts import NodeResult
from mlforge_sql.dbt.problems import problems
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.errors import CODES

CONTRACT = """Compilation Error in model last_payment (models/features/last_payment.sql)
  This model has an enforced contract that failed.
  Please ensure the name, data_type, and number of columns in your contract match the columns in your model's definition.

  | column_name | definition_type | contract_type | mismatch_reason       |
  | ----------- | --------------- | ------------- | --------------------- |
  | last_amount | string          | double        | data type mismatch    |
  | gone        |                 | bigint        | missing in definition |
  | more        | int             |               | missing in contract   |


  > in macro assert_columns_equivalent (macros/relations/column/columns_spec_ddl.sql)"""

CASES = [
    (
        (
            "Compilation Error in operation shop-on-run-start-0 (./dbt_project.yml)\n"
            "  the source `payments` (lab.raw.payments) is not as it was compiled: `a` is date, not int\n"
            "  > in macro mlforge_check_sources (macros/sources/mlforge_check_sources.sql)"
        ),
        "MF079",
        "the source `payments` (lab.raw.payments) is not as it was compiled: `a` is date, not int",
    ),
    (
        "Database Error\n      Error during request to server: Invalid access token.. ",
        "MF078",
        "Databricks does not accept the token in DATABRICKS_TOKEN",
    ),
    (
        "Error during request to server. 401 Client Error: Unauthorized",
        "MF078",
        "Databricks does not accept the token in DATABRICKS_TOKEN",
    ),
    (
        "Error during request to server. invalid_client: Client authentication failed",
        "MF078",
        (
            "Databricks does not accept the service principal in DATABRICKS_CLIENT_ID with "
            "DATABRICKS_CLIENT_SECRET"
        ),
    ),
    (
        "validate: more than one authorization method configured: oauth and pat. Config: host=x",
        "MF078",
        "the environment has DATABRICKS_TOKEN and the variables of another login",
    ),
    (
        "Error 403: Source IP address: 10.1.2.3 is blocked by Databricks IP ACL for workspace: 1",
        "MF078",
        "the workspace's IP access list does not admit this machine",
    ),
    (
        "[NO_SUCH_CATALOG_EXCEPTION] Catalog 'nope' was not found. Please verify the catalog name",
        "MF079",
        "the catalog `nope` does not exist, or you may not see it",
    ),
    (
        "[CATALOG_NOT_FOUND] The catalog `my cat` cannot be found.",
        "MF079",
        "the catalog `my cat` does not exist, or you may not see it",
    ),
    (
        "Catalog 'nope' does not exist.",
        "MF079",
        "the catalog `nope` does not exist, or you may not see it",
    ),
    (
        "[SCHEMA_NOT_FOUND] The schema `main`.`raw` cannot be found. Verify the spelling",
        "MF079",
        "the schema `main.raw` does not exist, or you may not see it",
    ),
    (
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `h2`.`raw`.`payments` cannot be found.",
        "MF079",
        "the table `h2.raw.payments` does not exist, or you may not see it",
    ),
    (
        (
            "[INSUFFICIENT_PERMISSIONS] Insufficient privileges:\n    User does not have CREATE SCHEMA."
            " SQLSTATE: 42501"
        ),
        "MF079",
        "the privilege CREATE SCHEMA is missing",
    ),
    (
        "PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.features'.",
        "MF079",
        "the privilege USE SCHEMA is missing on schema `main.features`",
    ),
    (
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: Table 'x' is not owned by you.",
        "MF079",
        "Databricks refuses it: a privilege is missing",
    ),
    (
        "RESOURCE_DOES_NOT_EXIST: No SQL warehouse with id abc",
        "MF079",
        "the workspace has no such SQL warehouse",
    ),
    (
        "Error properties: attempt=1/6, http-code=404, method=OpenSession",
        "MF079",
        "the workspace has no such SQL warehouse",
    ),
    (
        (
            "HTTPSConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: /sql/1.0 "
            "(Caused by NewConnectionError('[Errno 111] Connection refused'))"
        ),
        "MF077",
        "the SQL warehouse stopped answering",
    ),
    (
        "('Connection aborted.', RemoteDisconnected('Remote end closed connection'))",
        "MF077",
        "the SQL warehouse stopped answering",
    ),
    (
        (
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /sql (Caused by "
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]')))"
        ),
        "MF077",
        "the workspace's certificate is not trusted here",
    ),
    (
        "Error during request to server: TEMPORARILY_UNAVAILABLE: the endpoint is starting",
        "MF077",
        "the SQL warehouse did not start in time",
    ),
    (
        CONTRACT,
        "MF079",
        (
            "the columns are not those that were compiled: `last_amount` is string, not double, "
            "`gone` is missing, `more` is new"
        ),
    ),
    (
        (
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name "
            "`amount` cannot be resolved. Did you mean one of the following? [`amt`]"
        ),
        "MF079",
        "there is no column `amount`",
    ),
    (
        (
            '[CAST_INVALID_INPUT] The value \'abc\' of the type "STRING" cannot be cast to "DOUBLE" '
            "because it is malformed."
        ),
        "MF079",
        "a value of type string is no double",
    ),
    (
        '[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES] Cannot resolve "(a = b)"',
        "MF079",
        "types do not fit (DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES)",
    ),
]


@pytest.mark.parametrize(("text", "code", "message"), CASES)
def test_what_is_known(text: str, code: str, message: str) -> None:
    found = explain(text)
    assert found is not None
    assert (found.code, found.message) == (code, message)
    assert found.code in CODES
    assert len(found.hint) > 20
    assert "Error" not in found.message + found.hint


def test_the_next_step_for_a_privilege_can_be_copied() -> None:
    found = explain("User does not have CREATE TABLE on Schema 'main.features'.")
    assert found is not None
    assert "`grant create table on schema main.features to ...`" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "Compilation Error: 'mlforge_tick' is undefined",
        "[DIVIDE_BY_ZERO] Division by zero.",
        "User does not have time for that",
        "",
    ],
)
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert explain(text) is None


def test_secrets_are_hidden() -> None:
    environment = {"DATABRICKS_TOKEN": "dapi-1", "DATABRICKS_CLIENT_SECRET": "dose-2", "SALT": "s4"}
    text = "dapi-1 and dose-2 and s4"
    assert hide_secrets(text, environment, ["SALT"]) == (
        "<DATABRICKS_TOKEN> and <DATABRICKS_CLIENT_SECRET> and <SALT>"
    )
    assert hide_secrets(text, {"DATABRICKS_TOKEN": ""}) == text


def failed(name: str, text: str, kind: str = "model") -> NodeResult:
    return NodeResult(name, kind, "error", 1.0, text, None)


def finished(
    *results: NodeResult, databricks: bool = True, errors: list[str] | None = None
) -> DbtRun:
    return DbtRun(Path(), Path(), [], databricks, results=results, errors=errors or [])


def test_one_reason_for_many_nodes_is_one_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    run = finished(
        failed("a", "Connection refused dapi-secret"),
        failed("b", "odd"),
        failed("c", "Connection refused as well"),
    )
    first, second = problems(run)
    assert [node.name for node in first.nodes] == ["a", "c"]
    assert first.text == "Connection refused <DATABRICKS_TOKEN>"
    assert first.explanation is not None
    assert ([node.name for node in second.nodes], second.explanation) == (["b"], None)


@pytest.mark.parametrize("databricks", [True, False])
def test_the_salt_of_keys_is_hidden(databricks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt's messages may hold the SQL that it ran, and so the salt."""
    monkeypatch.setenv("KEY_SALT", "pepper-secret")
    run = finished(failed("a", "odd: 'pepper-secret'"), databricks=databricks)
    run.secrets = ("KEY_SALT",)
    (only,) = problems(run)
    assert only.text == "odd: '<KEY_SALT>'"
    run = finished(databricks=databricks, errors=["odd 'pepper-secret'"])
    run.secrets = ("KEY_SALT",)
    (only,) = problems(run)
    assert only.text == "odd '<KEY_SALT>'"


def test_hooks_are_not_named() -> None:
    from mlforge_sql.cli._problems import _listed

    assert _listed((failed("shop-on-run-start-0", "", "operation"), failed("a", ""))) == "model `a`"
    many = tuple(failed(str(number), "") for number in range(7))
    assert _listed(many).endswith("model `4` and 2 more")


def test_nothing_is_explained_on_duckdb() -> None:
    run = finished(failed("a", "Connection refused"), databricks=False)
    (only,) = problems(run)
    assert only.explanation is None


def test_a_run_that_could_not_begin_has_one_reason() -> None:
    errors = ["log: Exception", "log: ... http-code=403 ...", "Database Error\n  Error to server"]
    (only,) = problems(finished(errors=errors))
    assert only.explanation is not None
    assert only.explanation.code == "MF078"
    assert only.text == "Database Error\n  Error to server"
    assert len(problems(finished(errors=errors, databricks=False))) == 3
