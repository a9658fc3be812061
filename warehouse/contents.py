"""Contents: KSBs, duties, mapping and options, written once for every snapshot that has them.

Belongs here: which of them are there already, and letting go of those that no snapshot has any more. Not here: the snapshots.
Their keys hold because a content is written whole or not at all; an index over a million rows would weigh more than they do.
"""

from collections.abc import Iterable

import polars as pl

from schemas.frames import content_frames
from schemas.record import Content
from schemas.tables import CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_KSBS, CONTENT_OPTIONS
from warehouse.database import Warehouse

_TABLES = (CONTENT_KSBS, CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_OPTIONS)


def append_contents(db: Warehouse, contents: Iterable[Content]) -> None:
    """Write the contents that are not there yet, each once."""
    asked = {content.content_id: content for content in contents}
    with db.registered("asked", pl.DataFrame({"content_id": list(asked)}, schema={"content_id": pl.String})):
        known = db.rows(" UNION ".join(f"SELECT content_id FROM {table.name} SEMI JOIN asked USING (content_id)" for table in _TABLES))
    fresh = asked.keys() - {row["content_id"] for row in known}
    for table, rows in content_frames(content for content_id, content in asked.items() if content_id in fresh):
        db.append(table, rows)


def drop_unused_contents(db: Warehouse) -> None:
    """Let go of the contents that no snapshot has any more."""
    with db.transaction():
        for table in _TABLES:
            db.execute(f"DELETE FROM {table.name} WHERE content_id NOT IN (SELECT content_id FROM snapshots)")
