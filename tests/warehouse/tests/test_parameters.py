from __future__ import annotations

import pytest

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.parameters import Parameter, bind


def test_named_parameters_have_their_type() -> None:
    given = [Parameter("id", "INT", "3"), Parameter("at", "TIMESTAMP", "2024-01-01 00:00:00")]
    assert bind("select :id, :at, ':id', a::int", given) == (
        "select cast('3' as INT), cast('2024-01-01 00:00:00' as TIMESTAMP), ':id', a::int"
    )


def test_parameters_by_position() -> None:
    given = [Parameter(None, "STRING", "it's"), Parameter(None, "VOID")]
    assert bind("select ?, ?", given) == "select cast('it\\'s' as STRING), null"


def test_arrays_are_parameters_too() -> None:
    items = (Parameter(None, "INT", "1"), Parameter(None, "INT", "2"))
    given = [Parameter("ids", "ARRAY", items=items)]
    assert bind("select :ids", given) == "select array(cast('1' as INT), cast('2' as INT))"


def test_an_unbound_marker_is_an_error() -> None:
    with pytest.raises(WarehouseError, match="unbound parameter: b"):
        bind("select :a, :b", [Parameter("a", "INT", "1")])


def test_without_parameters_nothing_changes() -> None:
    assert bind("select :a", []) == "select :a"
