"""The published copy: a compacted file that replaces the last one atomically.

Belongs here: what readers open. Not here: other formats (pipelines.publish).
"""

import os
from pathlib import Path
from typing import Final

from warehouse.database import STORAGE_VERSION, Warehouse
from warehouse.ddl import quoted

PUBLISHED: Final = Path("published") / "standards.duckdb"


def publish(db: Warehouse, data: Path) -> Path:
    """Copy the warehouse to `published/standards.duckdb`; readers have the old file or the new, whole."""
    path = data / PUBLISHED
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    name = db.rows("SELECT current_database() AS name")[0]["name"]
    try:
        db.execute(f"ATTACH {quoted(str(draft))} AS draft (STORAGE_VERSION {quoted(STORAGE_VERSION)})")
        try:
            db.execute(f'COPY FROM DATABASE "{name}" TO draft')
        finally:
            db.execute("DETACH draft")
        with draft.open("rb") as copied:
            os.fsync(copied.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
