"""The published copy: whole, explained, and replaced without anyone noticing but by what it says."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pytest

from schemas.tables import CAPTURES, RUNS, TABLES
from warehouse.database import Warehouse, WarehouseError, open_warehouse
from warehouse.publish import PUBLISHED, publish
from warehouse.read import Queryable, open_published
from warehouse.views import VIEWS

NOW = datetime(2026, 6, 8, 5, tzinfo=UTC).replace(tzinfo=None)
COUNT = "SELECT count(*) FROM runs"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "ann's data; é"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose empty warehouse has been published."""
    data = tmp_path_factory.mktemp("new") / "data"
    with open_warehouse(data) as db:
        publish(db, data)
    return data


@pytest.fixture
def db(data: Path, published: Path) -> Iterator[Warehouse]:
    data.mkdir()
    shutil.copy(published / "warehouse.duckdb", data)
    with open_warehouse(data) as db:
        yield db


def add_run(db: Warehouse, run_id: str) -> None:
    row = {"run_id": run_id, "observed_at": NOW, "started_at": NOW, "finished_at": None, "status": "running", "site": "x"}
    db.append(RUNS, [row | {"sources": ["api"], "only_references": None, "message": None}])


def run_ids(reader: Queryable) -> list[str]:
    return [row["run_id"] for row in reader.rows("SELECT run_id FROM runs ORDER BY run_id")]


def published_run_ids(data: Path) -> list[str]:
    with open_published(data) as reader:
        return run_ids(reader)


class Ask(Protocol):
    """A question to another process; `again` opens the file anew first."""

    def __call__(self, sql: str, *, again: bool = False) -> str: ...


@contextmanager
def reader_elsewhere(path: Path) -> Iterator[Ask]:
    """Another process that has the published file open."""
    script = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    if line.startswith("again "):
        connection.close()
        connection = duckdb.connect(sys.argv[1], read_only=True)
    print(connection.execute(line.removeprefix("again ")).fetchall(), flush=True)
"""
    arguments = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def ask(sql: str, *, again: bool = False) -> str:
            stdin.write(f"{'again ' if again else ''}{sql}\n")
            stdin.flush()
            return stdout.readline().strip()

        try:
            yield ask
        finally:
            process.kill()


def test_the_published_file_is_all_there_is(db: Warehouse, data: Path) -> None:
    add_run(db, "first")
    assert publish(db, data) == data / "published" / "standards.duckdb"
    assert [path.name for path in (data / "published").iterdir()] == ["standards.duckdb"]
    assert published_run_ids(data) == ["first"]


CATALOGUE = {
    "tables": "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal ORDER BY ALL",
    "keys": "SELECT table_name, constraint_text FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' ORDER BY ALL",
    "columns": "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    "views": "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "macros": "SELECT function_name, parameters, comment FROM duckdb_functions() WHERE NOT internal ORDER BY ALL",
}


@pytest.mark.parametrize("what", CATALOGUE)
def test_tables_views_macros_and_comments_are_published(published: Path, what: str) -> None:
    with open_warehouse(published) as db, open_published(published) as reader:
        due = db.rows(CATALOGUE[what])
        assert due
        assert all(row.get("comment", "none needed") for row in due)
        assert reader.rows(CATALOGUE[what]) == due


def test_every_view_and_macro_answers(published: Path) -> None:
    with open_published(published) as reader:
        for view in VIEWS:
            if view.name in ("data_dictionary", "schema_version"):
                continue
            moments = ["'2026-06-08'"] * len(view.parameters.split(",")) if view.parameters else []
            assert reader.rows(f"FROM {view.name}{'(' + ', '.join(moments) + ')' if moments else ''}") == []
        for table in TABLES:
            assert reader.rows(f"FROM {table.name}") == []


def test_it_opens_in_the_oldest_duckdb_that_must_open_it(published: Path) -> None:
    with open_published(published) as reader:
        (tags,) = reader.rows("SELECT tags FROM duckdb_databases() WHERE NOT internal")
    assert tags["tags"]["storage_version"].startswith("v1.2.0")


def test_it_is_read_only(published: Path) -> None:
    with open_published(published) as reader, pytest.raises(duckdb.Error, match="read-only"):
        reader.rows("DELETE FROM runs")


def test_publishing_leaves_the_warehouse_as_it_was(db: Warehouse, data: Path) -> None:
    add_run(db, "first")
    publish(db, data)
    add_run(db, "second")
    assert run_ids(db) == ["first", "second"]
    assert [row["database_name"] for row in db.rows("SELECT database_name FROM duckdb_databases() WHERE NOT internal")] == ["warehouse"]
    assert published_run_ids(data) == ["first"]
    publish(db, data)
    assert published_run_ids(data) == ["first", "second"]


def test_what_was_deleted_takes_no_room(db: Warehouse, data: Path) -> None:
    empty = publish(db, data).stat().st_size
    db.execute(
        "INSERT INTO runs SELECT 'run ' || range, now(), now(), NULL, 'running', md5(range::VARCHAR), ['api'], NULL, NULL FROM range(50000)"
    )
    full = publish(db, data).stat().st_size
    db.execute("DELETE FROM runs")
    assert publish(db, data).stat().st_size <= empty < full
    assert published_run_ids(data) == []


def test_the_writer_s_lock_outlives_a_publication(db: Warehouse, data: Path) -> None:
    add_run(db, "first")
    publish(db, data)
    intrude = "import sys, duckdb\nduckdb.connect(sys.argv[1])"
    arguments = [sys.executable, "-c", intrude, str(data / "warehouse.duckdb")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert "Conflicting lock" in done.stderr


def test_rows_that_only_the_log_has_yet_are_published(db: Warehouse, data: Path) -> None:
    publish(db, data)
    for number in range(5):
        add_run(db, f"run {number}")
        publish(db, data)
        assert len(published_run_ids(data)) == number + 1
    assert db.rows("SELECT path FROM duckdb_databases() WHERE database_name = 'draft'") == []


# Readers


def test_a_reader_keeps_what_it_opened_and_the_next_one_has_the_new(db: Warehouse, data: Path) -> None:
    add_run(db, "first")
    path = publish(db, data)
    with reader_elsewhere(path) as ask:
        assert ask(COUNT) == "[(1,)]"
        add_run(db, "second")
        publish(db, data)
        assert ask(COUNT) == "[(1,)]"
        assert ask("SELECT run_id FROM runs") == "[('first',)]"
        assert ask(COUNT, again=True) == "[(2,)]"
        for number in range(3):
            add_run(db, f"more {number}")
            publish(db, data)
        assert ask(COUNT) == "[(2,)]"
        assert ask(COUNT, again=True) == "[(5,)]"


def test_a_reader_does_not_lock_the_writer_nor_it_the_reader(db: Warehouse, data: Path) -> None:
    path = publish(db, data)
    with reader_elsewhere(path) as one, reader_elsewhere(path) as another, db.transaction():
        add_run(db, "first")
        assert one(COUNT) == another(COUNT) == "[(0,)]"


LOOPING_READER = """
import sys, time, duckdb
looks, newest = 0, 0
while newest < int(sys.argv[2]):
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        runs, last = connection.execute("SELECT count(*), max(message::INTEGER) FROM runs").fetchone()
        (captures,) = connection.execute("SELECT count(*) FROM captures").fetchone()
        assert runs == captures == last >= newest, (runs, captures, last, newest)
        newest = last
    looks += 1
    time.sleep(0.1)
print(looks)
"""


def test_four_readers_in_loops_never_meet_a_lock_nor_half_a_night(db: Warehouse, data: Path) -> None:
    nights = 100
    capture = {"url": "x", "source": "api", "captured_at": NOW, "outcome": "served", "is_complete": True, "is_read": True}
    with ExitStack() as stack:
        readers: list[subprocess.Popen[str]] = []
        for number in range(1, nights + 1):
            with db.transaction():
                run_id = f"run {number}"
                add_run(db, run_id)
                db.execute("UPDATE runs SET message = ? WHERE run_id = ?", [str(number), run_id])
                db.append(CAPTURES, [dict.fromkeys(CAPTURES.schema()) | capture | {"capture_id": f"{number:032x}", "run_id": run_id}])
            path = publish(db, data)
            while len(readers) < 4:
                arguments = [sys.executable, "-c", LOOPING_READER, str(path), str(nights)]
                process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own
                stack.callback(process.kill)
                readers.append(stack.enter_context(process))
        answers = [reader.communicate(timeout=120) for reader in readers]
    assert [error for _, error in answers] == [""] * 4
    assert all(int(looks) > 2 for looks, _ in answers)


def test_before_the_first_run_there_is_nothing_to_open(data: Path) -> None:
    with pytest.raises(WarehouseError, match=r"standards\.duckdb is not there yet\. `standards-watch run` makes it"), open_published(data):
        pass


# Failure


def test_a_publication_that_fails_leaves_no_draft_and_can_be_repeated(db: Warehouse, data: Path) -> None:
    add_run(db, "first")
    (data / PUBLISHED / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=PUBLISHED.name):
        publish(db, data)
    assert [path.name for path in (data / "published").iterdir()] == ["standards.duckdb"]
    (data / PUBLISHED / "in the way").rmdir()
    (data / PUBLISHED).rmdir()
    publish(db, data)
    assert published_run_ids(data) == ["first"]


def test_a_publication_that_fails_leaves_the_last_one(db: Warehouse, data: Path) -> None:
    def fail() -> None:
        """The copy cannot be made: one transaction writes to one database only."""
        with db.transaction():
            add_run(db, "second")
            publish(db, data)

    add_run(db, "first")
    before = publish(db, data).read_bytes()
    with pytest.raises(duckdb.Error, match="transaction"):
        fail()
    assert (data / PUBLISHED).read_bytes() == before
    assert [path.name for path in (data / "published").iterdir()] == ["standards.duckdb"]
    assert run_ids(db) == ["first"]
    add_run(db, "third")
    publish(db, data)
    assert published_run_ids(data) == ["first", "third"]


def test_a_draft_that_was_left_is_no_trouble(db: Warehouse, data: Path) -> None:
    leave = """
import os, sys, duckdb
connection = duckdb.connect()
connection.execute("ATTACH '" + sys.argv[1].replace("'", "''") + "' AS draft")
connection.execute("CREATE TABLE draft.left_over AS SELECT 1 AS a")
os._exit(9)
"""
    path = publish(db, data)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    assert subprocess.run([sys.executable, "-c", leave, str(draft)], check=False).returncode == 9  # noqa: S603 - our own
    add_run(db, "first")
    publish(db, data)
    assert published_run_ids(data) == ["first"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with open_published(data) as reader:
        assert reader.rows("FROM duckdb_tables() WHERE table_name = 'left_over'") == []
