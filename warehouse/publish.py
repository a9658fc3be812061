"""The published copy: a file that replaces the last one atomically.

Belongs here: what readers open. Not here: other formats (pipelines.publish).
The writer's file is copied as it is, in the time its bytes take; only where much of it is free is it written anew, compacted.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from schemas.tables import SNAPSHOTS, TABLES
from warehouse.database import STORAGE_VERSION, WAREHOUSE, Warehouse, WarehouseError
from warehouse.ddl import quoted

PUBLISHED: Final = Path("published") / "standards.duckdb"
# Writing 500 MB anew takes twenty seconds, most of them for the keys; copying them half of one.
_FREE_SHARE: Final = 0.25
# The states of a version say nearly the same: side by side they take a third of the room.
_SIDE_BY_SIDE: Final = {SNAPSHOTS: "reference, version, source, seen_from_at"}


def publish(db: Warehouse, data: Path) -> Path:
    """Copy the warehouse to `published/standards.duckdb`; readers have the old file or the new, whole.

    Raises WarehouseError where it cannot be copied, and duckdb.Error inside a transaction.
    """
    path = data / PUBLISHED
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    _clear(draft)
    try:
        # From here on the file is all there is: the log is empty, and nobody else writes.
        db.execute("CHECKPOINT")
        (size,) = db.rows("SELECT total_blocks, free_blocks FROM pragma_database_size() WHERE database_name = current_database()")
        if size["free_blocks"] > _FREE_SHARE * size["total_blocks"]:
            _compact(db, draft)
        else:
            _copy(db, draft)
        with draft.open("rb") as copied:
            os.fsync(copied.fileno())
        draft.replace(path)
    finally:
        _clear(draft)
    return path


def _clear(draft: Path) -> None:
    draft.unlink(missing_ok=True)
    draft.with_name(f"{draft.name}.wal").unlink(missing_ok=True)


def _copy(db: Warehouse, draft: Path) -> None:
    (file,) = db.rows("SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
    # In a process of its own: closing the file in this one would drop the lock that DuckDB has on it.
    done = subprocess.run(["cp", "--", file["path"], str(draft)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - no shell
    if done.returncode:
        raise WarehouseError(f"{draft.parent} cannot be written to: {done.stderr.strip()}. What was published stays.")


def _compact(db: Warehouse, draft: Path) -> None:
    name = db.rows("SELECT current_database() AS name")[0]["name"]
    # One thread sorts as fast, in half of the memory.
    db.execute("SET threads = 1")
    db.execute(f"ATTACH {quoted(str(draft))} AS draft (STORAGE_VERSION {quoted(STORAGE_VERSION)})")
    try:
        db.execute(f'COPY FROM DATABASE "{name}" TO draft (SCHEMA)')
        for table in TABLES:
            order = f" ORDER BY {_SIDE_BY_SIDE[table]}" if table in _SIDE_BY_SIDE else ""
            db.execute(f'INSERT INTO draft.{table.qualified} SELECT * FROM "{name}".{table.qualified}{order}')
    finally:
        db.execute("DETACH draft")
        db.execute("RESET threads")


def shrink(data: Path) -> None:
    """Let the published copy be the writer's file too, where it is the smaller one.

    Nobody may have the writer's file open, nor have written to it since it was published.
    """
    published, written = data / PUBLISHED, data / WAREHOUSE
    if published.stat().st_size >= written.stat().st_size:
        return
    draft = written.with_name(f".{written.name}.{os.getpid()}.draft")
    try:
        shutil.copyfile(published, draft)
        with draft.open("rb") as copied:
            os.fsync(copied.fileno())
        draft.replace(written)
    finally:
        draft.unlink(missing_ok=True)
