"""The writer's file: opening it, and the one way in for rows.

Belongs here: connections, transactions, validation at the door. Not here: which rows (captures,
snapshots, changes) or the file that others read (publish).

    WarehouseError      the file cannot be used; the message says what to do
      WarehouseBusyError  another process is writing; try again when it is done
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from schemas.tables import TABLES, Table
from warehouse.ddl import create_table, expected_columns, quoted
from warehouse.views import DEFINITION, VIEWS, create_views, described

# The oldest DuckDB that must open our files is 1.2; 2.0 would otherwise write what 1.5 cannot read.
STORAGE_VERSION: Final = "v1.2.0"
# By itself DuckDB packs only texts of 4,000 characters with zstd; the prose of a standard has a thousand or two, told again in every state.
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "storage_compatibility_version": STORAGE_VERSION,
    "zstd_min_string_length": 200,
}
BEFORE_REBUILD: Final = "warehouse.before-rebuild.duckdb"
WAREHOUSE: Final = "warehouse.duckdb"
_HOLDER_RE: Final = re.compile(r"\(PID (\d+)\)")


class WarehouseError(Exception):
    """Raised when the writer's file cannot be used, from opening it."""


class WarehouseBusyError(WarehouseError):
    """Raised when another process has the writer's file open, from opening it."""


class Warehouse:
    """The writer's file, open; rows go in validated or not at all.

    `journal_folder` is where the journal of what is observed lies; None while one is replayed.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, journal_folder: Path | None = None) -> None:
        self.connection = connection
        self.journal_folder = journal_folder

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self.connection.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def append(self, table: Table, rows: Sequence[dict[str, Any]] | pl.DataFrame, *, or_ignore: bool = False) -> pl.DataFrame:
        """Validate rows against the table's model and insert them; `or_ignore` leaves a key that is there.

        Raises pandera.errors.SchemaErrors with every failing value.
        """
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, schema=table.schema(), orient="row")
        if frame.is_empty():
            return frame
        table.validate(frame)
        with self.registered("incoming", frame):
            self.connection.execute(f"INSERT {'OR IGNORE ' if or_ignore else ''}INTO {table.name} BY NAME SELECT * FROM incoming")
        return frame

    @contextmanager
    def registered(self, name: str, frame: pl.DataFrame) -> Iterator[None]:
        """A frame as a table of this name, for the statements inside."""
        self.connection.register(name, frame)
        try:
            yield
        finally:
            # DuckDB 2.0 lets nothing be dropped in a failed transaction; the name is bound anew each time.
            with suppress(duckdb.TransactionException):
                self.connection.unregister(name)

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """The result as dictionaries by column name."""
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """The result as a polars frame."""
        # `execute(...).pl()` is gone from DuckDB 2.0; a relation has it in both.
        return self.connection.sql(sql, params=list(parameters)).pl()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement whose result does not matter."""
        self.connection.execute(sql, parameters)


@contextmanager
def open_warehouse(data: Path, *, is_replay: bool = False) -> Iterator[Warehouse]:
    """Open the writer's file in a data folder, made as the models say where it is new; a replay writes no journal.

    Raises WarehouseBusyError, naming the process that holds it, and WarehouseError.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(f"{data} cannot be a data folder: {error.strerror}. Name another one with --data.") from error
    path = data / WAREHOUSE
    try:
        connection = duckdb.connect(str(path), config=_CONFIG)
    except duckdb.IOException as error:
        holder = _HOLDER_RE.search(str(error))
        if holder:
            raise WarehouseBusyError(f"{path} is being written by process {holder[1]}. Wait until it is done, or stop it.") from error
        raise WarehouseError(f"{path} cannot be opened: {str(error)[:300]}") from error
    try:
        _prepare(connection, path)
        yield Warehouse(connection, None if is_replay else data / "evidence")
    except RuntimeError as error:
        # How DuckDB passes on that somebody pressed Ctrl-C in the middle of a query.
        if "interrupted" in str(error).casefold():
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.close()


def put_in_place(draft: Path, data: Path) -> None:
    """Let the warehouse made in another folder stand in this one; the one that stood here is kept beside it."""
    old, new = data / WAREHOUSE, draft / WAREHOUSE
    if old.exists():
        # Its log, left by a killed writer, would be taken for the new file's: opening it once brings it in.
        with suppress(duckdb.Error):
            duckdb.connect(str(old)).close()
        old.with_name(f"{WAREHOUSE}.wal").unlink(missing_ok=True)
        old.replace(data / BEFORE_REBUILD)
    new.replace(old)
    shutil.rmtree(draft)


def use_both_schemas(connection: duckdb.DuckDBPyConnection) -> None:
    """Let names be found in `internal` too; what readers are promised stands in `main`."""
    connection.execute("SET search_path = 'main,internal'")


def _prepare(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows = connection.execute(
        "SELECT if(schema_name = 'main', table_name, schema_name || '.' || table_name), column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal"
    ).fetchall()
    found = {tuple(row) for row in rows}
    expected = expected_columns()
    if found and not expected <= found:
        missing = ", ".join(f"{table}.{column}" for table, column, _ in sorted(expected - found)[:5])
        raise WarehouseError(
            f"{path} was made by another version of this program (it lacks {missing}). Name another data folder with --data."
        )
    if not found:
        connection.execute("BEGIN TRANSACTION")
        connection.execute("CREATE SCHEMA internal")
        use_both_schemas(connection)
        for table in TABLES:
            for statement in create_table(table):
                connection.execute(statement)
        _create_views(connection)
        connection.execute("COMMIT")
        return
    use_both_schemas(connection)
    # The views follow the program; what they show is in the tables.
    has_views = any(table == "schema_version" for table, _, _ in rows)
    if not has_views or connection.execute("SELECT definition FROM schema_version").fetchall() != [(DEFINITION,)]:
        connection.execute("BEGIN TRANSACTION")
        _create_views(connection)
        connection.execute("COMMIT")


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    for (view,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
        connection.execute(f"DROP VIEW {view}")
    for (macro,) in connection.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal").fetchall():
        connection.execute(f"DROP MACRO TABLE {macro}")
    for statement in create_views():
        connection.execute(statement)
    names = [view.name for view in VIEWS if not view.parameters]
    columns = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE table_name IN (SELECT unnest(?))", [names]
    ).fetchall()
    for view, column in columns:
        connection.execute(f"COMMENT ON COLUMN {view}.{column} IS {quoted(described(view, column))}")
