"""Names of a statement: three levels to Spark's two, `information_schema`, foreign catalogs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warehouse.local_warehouse.errors import unknown_catalog
from warehouse.local_warehouse.lexer import (
    Chain,
    Token,
    chains,
    identifiers,
    joined,
    literal,
    plain,
    spoken,
    tokens,
    without_comments,
)

if TYPE_CHECKING:
    from warehouse.local_warehouse.sessions import Session

SHOWN = re.compile(r"(?:show|describe|desc|explain)\b", re.IGNORECASE)
_SCHEMA_STATEMENT = re.compile(
    r"(?:(?:create|drop|alter|describe|desc|comment\s+on)\s+(?:schema|database|namespace)"
    r"|show|use)\b",
    re.IGNORECASE,
)
_SCHEMA_WORDS = frozenset(
    [
        "SCHEMA",
        "DATABASE",
        "NAMESPACE",
        "EXISTS",
        "IN",
        "FROM",
        "USE",
        "EXTENDED",
        "SCHEMAS",
        "TABLES",
        "VIEWS",
    ]
)
_RELATION_WORDS = frozenset(
    [
        "FROM",
        "JOIN",
        "TABLE",
        "INTO",
        "VIEW",
        "UPDATE",
        "EXISTS",
        "USING",
        "HISTORY",
        "DETAIL",
        "OPTIMIZE",
        "VACUUM",
        "CLONE",
        "OVERWRITE",
        "REFERENCES",
        "DESCRIBE",
        "DESC",
        "EXTENDED",
        "TBLPROPERTIES",
    ]
)
_NOT_NAMES = frozenset(
    ["IF", "NOT", "EXISTS", "EXTENDED", "IN", "FROM", "LIKE", "CATALOG", "SCHEMA", "DATABASE"]
)
_CLAUSES = frozenset(
    [
        "SELECT",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "ON",
        "LIMIT",
        "SET",
        "VALUES",
        "WHEN",
        "QUALIFY",
        "WINDOW",
        "UNION",
    ]
)
_FUNCTIONS = {("current_catalog",), ("current_schema",), ("current_database",)}
_CHANGES = {"table_changes", "table_changes_by_path"}


@dataclass
class Rewritten:
    """A statement for Spark and the helper views it reads: their full names by the views' names."""

    text: str
    views: dict[str, tuple[str, str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """Where a name stands: before, after, and inside which clause."""

    before: str
    after: str
    in_relations: bool
    in_schemas: bool


def rewritten(session: Session, sql: str) -> Rewritten:
    """The statement with the names of Spark."""
    pieces = tokens(sql)
    schema_statement = bool(_SCHEMA_STATEMENT.match(without_comments(sql)))
    result, output = Rewritten(""), list(pieces)
    schemas = {schema for catalog, schema in session.engine.schemas() if catalog == session.catalog}
    relations = _relation_positions(pieces)
    for chain in list(chains(pieces)):
        before = spoken(pieces, chain.start - 1, -1).upper
        place = _Place(
            before=before,
            after=spoken(pieces, chain.end).text,
            in_relations=chain.start in relations,
            in_schemas=schema_statement and before in _SCHEMA_WORDS and not _keyword(pieces, chain),
        )
        text = _replacement(session, result, _written(pieces, chain), chain, place, schemas)
        if text is not None:
            blank = [Token("space", "")] * (chain.end - chain.start - 1)
            output[chain.start : chain.end] = [Token("quoted", text), *blank]
    _empty_call_parentheses(pieces, output)
    _rewrite_changes(session, pieces, output)
    result.text = joined(output)
    return result


def _written(pieces: Sequence[Token], chain: Chain) -> list[str]:
    parts = pieces[chain.start : chain.end]
    return [part.text for part in parts if part.kind in {"word", "quoted"}]


def _replacement(
    session: Session,
    result: Rewritten,
    written: list[str],
    chain: Chain,
    place: _Place,
    schemas: set[str],
) -> str | None:
    names = chain.names
    if names in _FUNCTIONS and place.after == "(":
        return literal(session.catalog if names == ("current_catalog",) else session.schema)
    helper = _helper_view(session, names)
    if helper:
        name = f"__{'_'.join(helper)}"
        result.views[name] = helper
        return "`" + name + "`"
    if place.in_schemas:
        return _schema(session, names, schemas)
    if len(names) >= 3 and names[0] in session.catalogs:
        physical = session.catalogs.physical(names[0], names[1])
        return ".".join([physical, *written[2:]])
    if not place.in_relations:
        return None
    function = place.after == "(" and place.before in {"FROM", "JOIN"}
    if len(names) == 3 and not function:
        raise unknown_catalog(names[0])
    if len(names) == 2 and names[0] in schemas:
        return f"{session.catalogs.physical(session.catalog, names[0])}.{written[1]}"
    if len(names) == 1 and place.before in {"INTO", "UPDATE", "TABLE"}:
        return session.temporary_tables.get(names[0])
    return None


def _helper_view(session: Session, names: tuple[str, ...]) -> tuple[str, str, str] | None:
    """The full name of what Spark does not have itself."""
    if len(names) == 2 and names[0] == "information_schema":
        return session.catalog, *names
    if len(names) == 3 and names[0] in session.workspace.foreign:
        return names[0], names[1], names[2]
    if len(names) == 3 and names[1] == "information_schema":
        if names[0] != "system" and names[0] not in session.catalogs:
            raise unknown_catalog(names[0])
        return names[0], names[1], names[2]
    return None


def _schema(session: Session, names: tuple[str, ...], schemas: set[str]) -> str | None:
    if len(names) == 3:  # SHOW COLUMNS IN cat.schema.t
        if names[0] not in session.catalogs:
            raise unknown_catalog(names[0])
        return f"{session.catalogs.physical(names[0], names[1])}.`{names[2]}`"
    if len(names) == 2 and names[0] in schemas:  # SHOW COLUMNS IN schema.t
        return f"{session.catalogs.physical(session.catalog, names[0])}.`{names[1]}`"
    if len(names) == 2:
        if names[0] not in session.catalogs:
            raise unknown_catalog(names[0])
        return session.catalogs.physical(*names)
    return session.catalogs.physical(session.catalog, names[0])


def _keyword(pieces: Sequence[Token], chain: Chain) -> bool:
    first = pieces[chain.start]
    return first.kind == "word" and len(chain.names) == 1 and first.upper in _NOT_NAMES


def _relation_positions(pieces: Sequence[Token]) -> set[int]:
    """Where a name is a relation: after FROM and JOIN and in the lists that follow them."""
    positions: set[int] = set()
    clauses = ["START"]
    previous = ""
    for position, piece in enumerate(pieces):
        if piece.silent or piece.kind == "hint":
            continue
        if piece.kind in {"word", "quoted"} and _is_relation(clauses[-1], previous):
            positions.add(position)
        if piece.text == "(":
            clauses.append("CALL")
        elif piece.text == ")" and len(clauses) > 1:
            clauses.pop()
        elif piece.kind == "word":
            clauses[-1] = _clause(clauses[-1], previous, piece.upper)
        previous = piece.upper if piece.kind in {"word", "operator"} else ""
    return positions


def _clause(clause: str, previous: str, word: str) -> str:
    if word == "FROM":
        is_list = clause != "CALL" and previous != "DISTINCT"
        return "FROM" if is_list else clause
    return word if word in _CLAUSES else clause


def _is_relation(clause: str, previous: str) -> bool:
    if previous == ",":
        return clause == "FROM"
    if previous == "FROM":
        return clause == "FROM"
    return previous in _RELATION_WORDS


def _empty_call_parentheses(pieces: Sequence[Token], output: list[Token]) -> None:
    """`current_catalog()` became a literal: its parentheses go."""
    for chain in chains(pieces):
        if chain.names not in _FUNCTIONS or output[chain.start] == pieces[chain.start]:
            continue
        for position in range(chain.end, len(pieces)):
            if pieces[position].text in {"(", ")"}:
                output[position] = Token("space", "")
            if pieces[position].text == ")":
                break


def _rewrite_changes(session: Session, pieces: Sequence[Token], output: list[Token]) -> None:
    """The name in `table_changes('cat.schema.t', ...)` is a string."""
    for chain in chains(pieces):
        if chain.names[-1] not in _CHANGES:
            continue
        position = next(
            (place for place in range(chain.end, len(pieces)) if pieces[place].kind == "string"),
            None,
        )
        if position is None:
            continue
        name = session.name(identifiers(plain(pieces[position].text[1:-1])))
        output[position] = Token("string", literal(session.physical(name)))
