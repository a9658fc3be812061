"""The writer's file: what is in a new one, what gets in, and who may open it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandera.errors
import polars as pl
import pytest

from schemas.frames import frame
from schemas.tables import FINDINGS, RUNS, TABLES, Table
from warehouse.database import Warehouse, WarehouseBusyError, WarehouseError, open_warehouse
from warehouse.views import DEFINITION, SCHEMA_VERSION, VIEWS

NOW = datetime(2026, 6, 8, 5, tzinfo=UTC).replace(tzinfo=None)


def run(run_id: str, **more: Any) -> dict[str, Any]:
    blank = {"observed_at": NOW, "started_at": NOW, "finished_at": None, "status": "running", "site": "x", "sources": ["api"]}
    return {"run_id": run_id, **blank, "only_references": None, "message": None, **more}


def finding(number: int, **more: Any) -> dict[str, Any]:
    return {"snapshot_id": f"{number:032x}", "rule": "P-REPEATED-ID", "message": "skills 1"} | more


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("new")
    with open_warehouse(data):
        return data / "warehouse.duckdb"


@pytest.fixture
def db(data: Path, new_file: Path) -> Iterator[Warehouse]:
    data.mkdir()
    shutil.copy(new_file, data)
    with open_warehouse(data) as db:
        yield db


def run_ids(db: Warehouse) -> list[str]:
    return [row["run_id"] for row in db.rows("SELECT run_id FROM runs ORDER BY run_id")]


# A new file


def test_a_new_folder_gets_a_file_with_every_table_and_view(data: Path) -> None:
    with open_warehouse(data / "deep" / "er") as db:
        assert {row["table_name"] for row in db.rows("FROM duckdb_tables()")} == {table.name for table in TABLES}
        assert {row["view_name"] for row in db.rows("FROM duckdb_views() WHERE NOT internal")} == {
            v.name for v in VIEWS if not v.parameters
        }
        macros = db.rows("SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal")
        assert {row["function_name"] for row in macros} == {view.name for view in VIEWS if view.parameters}
    assert (data / "deep" / "er" / "warehouse.duckdb").is_file()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_as_its_model_says(db: Warehouse, table: Table) -> None:
    assert dict(db.frame(f"FROM {table.name}").schema) == table.schema()
    (found,) = db.rows("SELECT comment FROM duckdb_tables() WHERE table_name = ?", [table.name])
    assert found["comment"] == table.description
    columns = db.rows(
        "SELECT column_name, is_nullable, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table.name]
    )
    assert [tuple(row.values()) for row in columns] == [(name, nullable, description) for name, _, nullable, description in table.columns()]
    keys = db.rows(
        "SELECT constraint_column_names AS names FROM duckdb_constraints() WHERE table_name = ? AND constraint_type = 'PRIMARY KEY'",
        [table.name],
    )
    assert [tuple(key["names"]) for key in keys] == ([table.key] if table.key and table.is_indexed else [])


def test_every_view_macro_and_column_explains_itself(db: Warehouse) -> None:
    views = db.rows("SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal")
    macros = db.rows("SELECT function_name AS name, comment FROM duckdb_functions() WHERE NOT internal")
    assert {row["name"]: row["comment"] for row in views + macros} == {view.name: view.description for view in VIEWS}
    assert db.rows("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL") == []


def test_a_file_opens_in_the_oldest_duckdb_that_must_open_it(db: Warehouse) -> None:
    (tags,) = db.rows("SELECT tags FROM duckdb_databases() WHERE NOT internal")
    assert tags["tags"]["storage_version"].startswith("v1.2.0")


def test_opening_again_keeps_the_rows_and_writes_nothing(data: Path) -> None:
    with open_warehouse(data) as db:
        db.append(RUNS, [run("first")])
    path = data / "warehouse.duckdb"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with open_warehouse(data) as db:
        assert run_ids(db) == ["first"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in data.iterdir()] == ["warehouse.duckdb"]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for _ in range(2):
        with open_warehouse(tmp_path / "ann's data; é") as db:
            assert run_ids(db) == []


# Rows


def test_rows_go_in_as_dictionaries_or_as_a_frame(db: Warehouse) -> None:
    returned = db.append(RUNS, [run("first", sources=["api", "page"]), run("second", only_references=[])])
    assert dict(returned.schema) == RUNS.schema()
    db.append(RUNS, frame(RUNS, [run("third", finished_at=NOW, status="good", message="é; 'quoted'")]))
    assert run_ids(db) == ["first", "second", "third"]
    assert db.rows("FROM runs WHERE run_id = 'third'") == [run("third", finished_at=NOW, status="good", message="é; 'quoted'")]
    assert db.rows("SELECT sources, only_references FROM runs WHERE run_id = 'second'") == [{"sources": ["api"], "only_references": []}]


def test_columns_go_in_by_name(db: Warehouse) -> None:
    db.append(FINDINGS, frame(FINDINGS, [finding(1)]).select("message", "snapshot_id", "rule"))
    assert db.rows("FROM findings") == [finding(1)]


@pytest.mark.parametrize("rows", [[], pl.DataFrame(schema=RUNS.schema())], ids=["list", "frame"])
def test_no_rows_are_no_trouble(db: Warehouse, rows: Any) -> None:
    assert db.append(RUNS, rows).is_empty()
    assert run_ids(db) == []


@pytest.mark.parametrize(
    ("bad", "columns"),
    [
        pytest.param([run("bad", status="done")], {"status"}, id="a value that is not allowed"),
        pytest.param([run("bad", site=None)], {"site"}, id="a missing value"),
        pytest.param([run("bad", status="done"), run("worse", status="", site=None)], {"status", "site"}, id="several, all named"),
    ],
)
def test_one_bad_row_and_none_is_stored(db: Warehouse, bad: list[dict[str, Any]], columns: set[str]) -> None:
    with pytest.raises(pandera.errors.SchemaErrors) as errors:
        db.append(RUNS, [run("good"), *bad, run("also good")])
    assert set(errors.value.failure_cases["column"]) == columns
    assert run_ids(db) == []
    assert db.append(RUNS, [run("good")]).height == 1


def test_a_frame_without_a_column_is_not_stored(db: Warehouse) -> None:
    with pytest.raises(pandera.errors.SchemaErrors, match="site"):
        db.append(RUNS, frame(RUNS, [run("bad")]).drop("site"))
    assert run_ids(db) == []


def test_a_key_names_one_row(db: Warehouse) -> None:
    db.append(FINDINGS, [finding(1)])
    with pytest.raises(duckdb.ConstraintException):
        db.append(FINDINGS, [finding(2), finding(1)])
    assert db.rows("FROM findings") == [finding(1)]


def test_a_row_that_is_there_can_be_left(db: Warehouse) -> None:
    db.append(RUNS, [run("first", message="as it was")])
    db.append(RUNS, [run("first", message="another"), run("second")], or_ignore=True)
    assert [row["message"] for row in db.rows("SELECT message FROM runs ORDER BY run_id")] == ["as it was", None]


def test_a_frame_is_a_table_only_inside(db: Warehouse) -> None:
    with db.registered("seen", pl.DataFrame({"a": [1]})):
        assert db.rows("FROM seen") == [{"a": 1}]
    with pytest.raises(duckdb.CatalogException):
        db.rows("FROM seen")


# Transactions


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_takes_everything_back(db: Warehouse, error: type[BaseException]) -> None:
    def fail() -> None:
        with db.transaction():
            db.append(RUNS, [run("within")])
            db.execute("UPDATE runs SET message = 'changed'")
            assert run_ids(db) == ["before", "within"]
            raise error

    db.append(RUNS, [run("before")])
    with pytest.raises(error):
        fail()
    assert db.rows("SELECT run_id, message FROM runs") == [{"run_id": "before", "message": None}]


@pytest.mark.parametrize(
    ("rows", "error"),
    [([run("bad", status="done")], pandera.errors.SchemaErrors), ([run("before")], duckdb.ConstraintException)],
    ids=["a bad row", "a key twice"],
)
def test_a_row_that_does_not_go_in_takes_its_transaction_back(db: Warehouse, rows: list[dict[str, Any]], error: type[Exception]) -> None:
    def fail() -> None:
        with db.transaction():
            db.append(RUNS, [run("within")])
            db.append(RUNS, rows)

    db.append(RUNS, [run("before")])
    with pytest.raises(error):
        fail()
    assert run_ids(db) == ["before"]
    with db.transaction():
        db.append(RUNS, [run("next")])
    assert run_ids(db) == ["before", "next"]


def test_what_is_committed_is_there_after_a_crash_and_nothing_else(data: Path) -> None:
    with another_process(data, "db.execute(insert, ['kept']); db.execute('BEGIN'); db.execute(insert, ['lost'])") as process:
        process.kill()
        process.wait()
    with open_warehouse(data) as db:
        assert run_ids(db) == ["kept"]


# Who may open it


@contextmanager
def another_process(data: Path, code: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """A process that has the warehouse open, after it has run some code."""
    script = f"""
import sys
from pathlib import Path
from warehouse.database import open_warehouse
insert = "INSERT INTO runs VALUES (?, now(), now(), NULL, 'running', 'x', ['api'], NULL, NULL)"
with open_warehouse(Path(sys.argv[1])) as db:
    {code}
    print("open", flush=True)
    sys.stdin.read()
"""
    arguments = [sys.executable, "-c", script, str(data)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


def test_a_file_that_is_being_written_names_its_writer(data: Path) -> None:
    with another_process(data) as process:
        with (
            pytest.raises(WarehouseBusyError, match=rf"warehouse\.duckdb is being written by process {process.pid}\b"),
            open_warehouse(data),
        ):
            pass
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0
        with open_warehouse(data) as db:
            assert run_ids(db) == []


def another_programs(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def ours_but(path: Path, statement: str) -> None:
    with open_warehouse(path.parent):
        pass
    another_programs(path, statement)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda path: another_programs(path, "CREATE TABLE runs (a INTEGER)"), "another version", id="another program's"),
        pytest.param(lambda path: ours_but(path, "ALTER TABLE runs DROP message"), "lacks runs.message", id="a column less"),
        pytest.param(
            lambda path: ours_but(path, "ALTER TABLE runs ALTER message TYPE INTEGER"), "runs.message", id="a column of another type"
        ),
        pytest.param(lambda path: ours_but(path, "DROP TABLE internal.findings"), "lacks internal.findings.message", id="a table less"),
        pytest.param(lambda path: path.write_text("not a database\n" * 1000), "cannot be opened", id="text"),
        pytest.param(lambda path: path.touch(), "cannot be opened", id="an empty file"),
        pytest.param(lambda path: path.mkdir(), "cannot be opened", id="a folder"),
    ],
)
def test_a_file_of_another_shape_is_left_alone(data: Path, make: Any, message: str) -> None:
    data.mkdir()
    path = data / "warehouse.duckdb"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(WarehouseError, match=message) as error, open_warehouse(data):
        pass
    assert not isinstance(error.value, WarehouseBusyError)
    assert str(path) in str(error.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_data_folder_that_is_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(WarehouseError, match="data"), open_warehouse(tmp_path / "data"):
        pass


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("CREATE OR REPLACE VIEW current_ksbs AS SELECT 1 AS was; CREATE VIEW gone AS SELECT 1 AS a", id="other views"),
        pytest.param("DROP VIEW schema_version", id="from before there was a version"),
        pytest.param("CREATE OR REPLACE MACRO ksbs_as_of(a, b) AS TABLE SELECT 1 AS was", id="a macro with other parameters"),
    ],
)
def test_an_older_file_gets_the_views_of_today(data: Path, before: str) -> None:
    with open_warehouse(data) as db:
        db.append(RUNS, [run("first")])
        catalogue = db.rows("SELECT name, position, column_name, description FROM data_dictionary ORDER BY ALL")
    ours_but(
        data / "warehouse.duckdb", f"{before}; CREATE OR REPLACE VIEW schema_version AS SELECT '0.9' AS schema_version, 'x' AS definition"
    )
    with open_warehouse(data) as db:
        assert run_ids(db) == ["first"]
        assert db.rows("SELECT name, position, column_name, description FROM data_dictionary ORDER BY ALL") == catalogue
        assert db.rows("SELECT schema_version, definition FROM schema_version") == [
            {"schema_version": SCHEMA_VERSION, "definition": DEFINITION}
        ]


def test_a_file_with_more_than_ours_is_ours(data: Path) -> None:
    data.mkdir()
    ours_but(data / "warehouse.duckdb", "CREATE TABLE notes (note VARCHAR)")
    with open_warehouse(data) as db:
        assert run_ids(db) == []


def test_the_file_is_let_go_whatever_happens(data: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_warehouse(data):
        raise ZeroDivisionError
    with another_process(data):
        pass
