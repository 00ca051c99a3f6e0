"""What DuckDB says in a run of dbt, in plain words."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlforge_sql.dbt.artifacts import NodeResult
from mlforge_sql.dbt.duckdb_errors import explain, no_room
from mlforge_sql.dbt.problems import problems
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.errors import Diagnostic, plain


def test_memory_that_is_used_up(tmp_path: Path) -> None:
    """``error[MF147]`` names the limit and what to set."""
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '10MB'")
        connection.execute("set max_temp_directory_size = '0KB'")
        with pytest.raises(duckdb.OutOfMemoryException) as error:
            connection.execute(
                "create table t as select range as x, random() as y from range(9000000)"
            )
    said = f"Runtime Error in model a\n  {error.value}"
    found = explain(said)
    assert found is not None
    assert plain(Diagnostic(found.code, found.message, hint=found.hint)).startswith(
        "error[MF147]: "
    )
    del tmp_path


def test_the_limit_is_named() -> None:
    said = (
        "Out of Memory Error: could not allocate block of size 256.0 KiB (38.1 MiB/38.1 MiB used)\n"
    )
    found = explain(f"Runtime Error in model spend\n  {said}\n  Possible solutions:")
    assert found is not None
    assert (found.message, found.hint) == (
        "DuckDB has used up its memory of 38.1 MiB",
        "raise `memory_limit` in the settings of the profile, or lower `threads` in them",
    )
    results = tuple(NodeResult(name, "model", "error", 1.0, said, None) for name in "ab")
    (problem,) = problems(DbtRun(Path(), Path(), [], results=results, exit_code=1))
    assert ([node.name for node in problem.nodes], problem.explanation) == (["a", "b"], found)


def test_a_run_that_says_nothing_is_told() -> None:
    (problem,) = problems(DbtRun(Path(), Path(), [], exit_code=2))
    assert problem.text == "dbt ended with exit code 2 and did not say why; see logs/dbt.log"


def test_other_words_are_not_explained() -> None:
    assert explain("Binder Error: no column x") is None


def test_no_room_is_told_from_other_errors() -> None:
    full = no_room(duckdb.OutOfMemoryException("Out of Memory Error: (9.5 MiB/9.5 MiB used)"))
    assert full is not None
    assert plain(full).startswith("error[MF147]: DuckDB has used up its memory of 9.5 MiB; raise")
    disk = no_room(duckdb.IOException("IO Error: could not write: No space left on device"))
    assert disk is not None
    assert "settings: {temp_directory: ...}" in plain(disk)
    assert no_room(duckdb.ConversionException("Conversion Error: no integer")) is None


def test_sums_that_no_decimal_holds() -> None:
    """`error[MF122]` has none of the digits."""
    wide = "select cast(repeat('9', 37) || range as decimal(38, 0)) as x from range(8)"
    with duckdb.connect() as connection, pytest.raises(duckdb.OutOfRangeException) as error:
        connection.execute(f"select sum(x) from ({wide})").fetchall()
    said = f"Runtime Error in model spend\n  {error.value}"
    results = (NodeResult("spend", "model", "error", 1.0, said, None),)
    (problem,) = problems(DbtRun(Path(), Path(), [], results=results, exit_code=1))
    assert problem.explanation is not None
    told = Diagnostic(problem.explanation.code, problem.explanation.message)
    assert plain(told).startswith("error[MF122]: a sum of decimals has more than 38 digits")
    assert "999" not in problem.text + plain(told)
