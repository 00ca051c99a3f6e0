"""Keys that nobody means well with: a diagnostic or no entity, never a traceback, never an order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from purchases import START

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.cli import main
from mlforge_sql.errors import RetrievalError

AT = datetime(2024, 1, 5, 12)
BORN = START.date()
COUNT = "spend__amount_count_7d"
MARK = "Q7X"

TEXTS = {
    "empty": "",
    "NUL": "\0",
    "NUL within": f"{MARK}\0{MARK}",
    "a megabyte": MARK * 350_000,
    "a quote": "'",
    "a closed text": "' or '1'='1",
    "an order": "'; drop table spend; --",
    "a name": '"; drop table mlforge_online.spend; --',
    "a comment": "/* */ -- \n",
    "a variable": "${HOME}",
    "Jinja": "{{ env_var('HOME') }}{% raw %}",
    "parameters": "%s %(key)s $1 ? :key {0}",
    "backslashes": "\\N \\. \\' \\000",
    "csv": '","\r\n"',
    "a terminal": "\x1b[31m\x07",
    "direction": "\u202e\u2028\ufeff",
    "not a character": "\uffff\U0010ffff",
}
NOT_TEXTS: dict[str, Any] = {
    "a lone surrogate": f"{MARK}\ud800",
    "a byte of a file name": f"{MARK}\udcff",
    "bytes": MARK.encode(),
    "an integer": 2**70,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a decimal": Decimal("NaN"),
    "a list": [MARK],
    "a mapping": {MARK: MARK},
    "an instant": datetime(2031, 7, 17, tzinfo=UTC),
    "an object": object(),
}
NOT_INTEGERS: dict[str, Any] = {
    "text": MARK,
    "an order": "1; drop table shop_spend",
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "a fraction": 1.5,
    "a decimal": Decimal("sNaN"),
    "bytes": b"1",
    "a list": [1],
    "an object": object(),
    "complex": 1j,
}


class Lying(str):
    """A text that says something else of itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ValueError(MARK)


class Member(str, Enum):  # noqa: UP042 - users have these: their `str` is `Member.KEY`
    """A text among others."""

    KEY = mlf.surrogate_key("name 1", BORN)


@pytest.fixture(params=["pg", "dev"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def known(synced: LoadedProject, profile: str) -> Any:
    """Asks for an entity that is there, which nothing may have changed."""

    def ask() -> Any:
        key = mlf.surrogate_key("name 1", BORN)
        return synced.get_online_features("spend", {"user_id": key}, profile, at=AT)[COUNT]

    assert ask() == 5
    return ask


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_are_texts(synced: LoadedProject, profile: str, known: Any, text: str) -> None:
    for entity in ({"user_id": text}, {"first_name": text, "born": BORN}):
        many = [entity, {"user_id": mlf.surrogate_key("name 1", BORN)}]
        for given in (entity, [entity], [entity] * 3):
            found = synced.get_online_features("spend", given, profile, at=AT)
            for row in [found] if isinstance(found, dict) else found:
                assert (row[COUNT], row["spend__amount_sum_7d"]) == (0, None)
        if "user_id" in entity:
            rows = synced.get_online_features("spend", many, profile, at=AT)
            assert [row[COUNT] for row in rows] == [0, 5]
    assert known() == 5


def refused(synced: LoadedProject, profile: str, feature: str, entity: dict[str, Any]) -> None:
    for given in (entity, [entity]):
        with pytest.raises(RetrievalError) as error:
            synced.get_online_features(feature, given, profile, at=AT)
        assert str(error.value).startswith("error[MF085]: ")
        assert MARK not in str(error.value)
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__


@pytest.mark.parametrize("value", NOT_TEXTS.values(), ids=NOT_TEXTS)
def test_what_is_no_text_is_refused(
    synced: LoadedProject, profile: str, known: Any, value: Any
) -> None:
    refused(synced, profile, "spend", {"user_id": value})
    refused(synced, profile, "spend", {"first_name": value, "born": BORN})
    assert known() == 5


@pytest.mark.parametrize("value", NOT_INTEGERS.values(), ids=NOT_INTEGERS)
def test_what_is_no_integer_is_refused(synced: LoadedProject, profile: str, value: Any) -> None:
    refused(synced, profile, "shop_spend", {"shop_id": value})


@pytest.mark.parametrize(
    "number", [10**5000, -(10**5000), 2**63, -(2**63) - 1], ids=["huge", "low", "64", "-64"]
)
def test_integers_without_end_are_not_there(
    synced: LoadedProject, profile: str, number: int
) -> None:
    found = synced.get_online_features("shop_spend", {"shop_id": number}, profile, at=AT)
    assert found["shop_spend__amount_max_2d"] == -1.0


@pytest.mark.parametrize("key", [Lying(Member.KEY.value), Member.KEY], ids=["lying", "enumerated"])
def test_texts_of_other_classes(synced: LoadedProject, profile: str, key: str) -> None:
    """The text that they are, as a training set reads it, not the one that they show."""
    assert synced.get_online_features("spend", {"user_id": key}, profile, at=AT)[COUNT] == 5
    assert mlf.surrogate_key(key, 1) == mlf.surrogate_key(Member.KEY.value, 1)


@pytest.mark.parametrize("name", ["user_id\0", "'; drop table spend; --", "{{ x }}", "\ud800"])
def test_names_of_entities(synced: LoadedProject, profile: str, known: Any, name: str) -> None:
    with pytest.raises(RetrievalError, match="MF084"):
        synced.get_online_features("spend", {name: "x"}, profile, at=AT)
    assert known() == 5


def get(root: Path, profile: str, *arguments: str) -> Result:
    command = ["--project-dir", str(root), "online", "get", "--profile", profile]
    return CliRunner().invoke(main, [*command, "--at", AT.isoformat(), *arguments])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_command(built: Path, text: str) -> None:
    for form in ((), ("--json",)):
        shown = get(built, "dev", "--features", "spend", "--entity", f"user_id={text}", *form)
        assert shown.exit_code == 0, shown.output
        assert shown.stderr == ""
        assert "\x1b" not in shown.stdout
        assert COUNT in shown.stdout


@pytest.mark.parametrize(
    ("entity", "code"),
    [
        ("shop_id=Q7X", 2),
        ("shop_id=" + "9" * 5000, 2),
        ("shop_id=1e400", 2),
        ("shop_id=nan", 2),
        ("Q7X", 2),
        ("=Q7X", 1),
        ("first_name=Q7X", 1),
        ("user_id=Q7X\udcff", 1),
    ],
)
def test_the_command_says_no_value(built: Path, entity: str, code: int) -> None:
    feature = "shop_spend" if entity.startswith("shop_id") else "spend"
    shown = get(built, "dev", "--features", feature, "--entity", entity)
    assert shown.exit_code == code, (shown.output, shown.exception)
    assert "Traceback" not in shown.output
    assert MARK not in shown.output
    assert "9999" not in shown.output
