"""SQL that follows from the models: tables, keys and column comments.

Belongs here: projections of schemas.tables. Not here: a column name that no model declares.
"""

from collections.abc import Iterator
from typing import Final

import polars as pl

from schemas.tables import TABLES, Table

_TYPES: Final = {
    pl.String(): "VARCHAR",
    pl.Boolean(): "BOOLEAN",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Date(): "DATE",
    pl.Datetime("us"): "TIMESTAMP",
    pl.List(pl.String()): "VARCHAR[]",
}


def column_type(dtype: pl.DataType) -> str:
    """The DuckDB type of a column; KeyError for one no table uses yet."""
    return _TYPES[dtype]


def create_table(table: Table) -> Iterator[str]:
    """Statements that create a table as its model says, with comments."""
    columns = [f"{name} {column_type(dtype)}{'' if nullable else ' NOT NULL'}" for name, dtype, nullable, _ in table.columns()]
    columns += [f"PRIMARY KEY ({', '.join(table.key)})"] if table.key and table.is_indexed else []
    yield f"CREATE TABLE IF NOT EXISTS {table.qualified} ({', '.join(columns)})"
    yield f"COMMENT ON TABLE {table.qualified} IS {quoted(table.description)}"
    for name, _, _, description in table.columns():
        yield f"COMMENT ON COLUMN {table.qualified}.{name} IS {quoted(description)}"


def utc(parameter: str) -> str:
    """A macro's parameter as a moment of UTC, as all our moments are: a day is its first one, and what tells its zone is moved.

    A plain cast would drop the offset of a text, and move what has a zone into the client's own.
    """
    return f"""CASE WHEN regexp_matches(CAST({parameter} AS VARCHAR), ':.*([+-]|Z)')
        THEN make_timestamp(epoch_us(CAST({parameter} AS TIMESTAMPTZ))) ELSE CAST({parameter} AS TIMESTAMP) END"""


def expected_columns() -> set[tuple[str, str, str]]:
    """(table, column, type) of every table, as a file of this version holds them; the schema `main` goes without saying."""
    return {(table.qualified, name, column_type(dtype)) for table in TABLES for name, dtype, _, _ in table.columns()}


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
