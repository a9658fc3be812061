"""Reading the published file, as anyone may.

Belongs here: the queries behind the command line. Not here: writing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import polars as pl

from schemas.events import EVENTS
from schemas.record import ATTRIBUTES, LISTS, Content, Duty, Ksb, Record
from warehouse.database import WarehouseError, use_both_schemas
from warehouse.publish import PUBLISHED

Row = dict[str, Any]


class Queryable(Protocol):
    """Anything that answers SQL: the published file, or the warehouse itself."""

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """The result as dictionaries by column name."""


class Reader:
    """The published file, open read-only."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """The result as dictionaries by column name."""
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """The result as a polars frame."""
        return self._connection.sql(sql, params=list(parameters)).pl()


@contextmanager
def open_published(data: Path) -> Iterator[Reader]:
    """Open the published file of a data folder. Raises WarehouseError when there is none yet."""
    path = data / PUBLISHED
    if not path.is_file():
        raise WarehouseError(f"{path} is not there yet. `standards-watch run` makes it; `standards-watch demo` shows how.")
    connection = duckdb.connect(str(path), read_only=True)
    try:
        use_both_schemas(connection)
        yield Reader(connection)
    finally:
        connection.close()


def changes(
    reader: Queryable,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    references: Sequence[str] = (),
    events: Sequence[str] = (),
    severities: Sequence[str] = (),
    run_id: str | None = None,
) -> list[Row]:
    """Changes, newest look first, by standard and version within it; `until` is left out itself."""
    lists = [list(values) or None for values in (references, events, severities)]
    return reader.rows(
        """
        SELECT * FROM changes
        WHERE (?::TIMESTAMP IS NULL OR detected_at >= ?::TIMESTAMP) AND (?::TIMESTAMP IS NULL OR detected_at < ?::TIMESTAMP)
          AND (?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], reference))
          AND (?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], event))
          AND (?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], severity))
          AND (?::VARCHAR IS NULL OR run_id = ?)
        ORDER BY detected_at DESC, reference, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')],
          list_position(?::VARCHAR[], event), subject[1], length(subject), subject""",
        [since, since, until, until, *[value for values in lists for value in (values, values)], run_id, run_id, list(EVENTS)],
    )


def version(reader: Queryable, reference: str, number: str | None, as_of: datetime | None) -> Row | None:
    """One version as it stands, or stood; without a number the one in force, else the newest."""
    source, moments = ("versions_as_of(?)", [as_of]) if as_of else ("current_versions", [])
    found = reader.rows(
        f"""
        SELECT * FROM {source} WHERE reference = ? AND (?::VARCHAR IS NULL OR version = ?)
        ORDER BY coalesce(status = 'Approved for delivery', false) DESC, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')] DESC
        LIMIT 1""",
        [*moments, reference, number, number],
    )
    return found[0] if found else None


def content(reader: Queryable, snapshot_id: str) -> dict[str, list[Row]]:
    """The KSBs, duties (with the codes they need) and options of one snapshot."""
    by_snapshot = "JOIN snapshots s USING (content_id) WHERE s.snapshot_id = ?"
    return {
        "ksbs": reader.rows(
            f"SELECT code, kind, k.position, text, options FROM content_ksbs k {by_snapshot} ORDER BY kind = 'B', kind, position",
            [snapshot_id],
        ),
        "duties": reader.rows(
            f"""
            SELECT d.duty_number, d.text, d.criteria, d.is_core, d.options,
                coalesce((SELECT list(m.code ORDER BY strpos('KSB', m.code[1]), CAST(m.code[2:] AS INTEGER)) FROM content_duty_ksbs m
                          WHERE (m.content_id, m.duty_number) = (d.content_id, d.duty_number)), []) AS codes
            FROM content_duties d {by_snapshot} ORDER BY duty_number""",
            [snapshot_id],
        ),
        "options": reader.rows(f"SELECT o.position, o.title FROM content_options o {by_snapshot} ORDER BY position", [snapshot_id]),
    }


def record(reader: Queryable, row: Row) -> Record:
    """A version's row as the record it was read as, without the publisher's ids, which are only in the evidence."""
    parts = content(reader, row["snapshot_id"])
    values: dict[str, Any] = {name: tuple(row[name] or ()) if name in LISTS else row[name] for name in ATTRIBUTES}
    return Record(
        **values,
        content=Content(
            ksbs=tuple(Ksb(kind=k["kind"], position=k["position"], text=k["text"], options=tuple(k["options"])) for k in parts["ksbs"]),
            duties=tuple(
                Duty(
                    number=d["duty_number"],
                    text=d["text"],
                    codes=tuple(d["codes"]),
                    criteria=d["criteria"] or "",
                    is_core=d["is_core"],
                    options=tuple(d["options"]),
                )
                for d in parts["duties"]
            ),
            options=tuple(option["title"] for option in parts["options"]),
        ),
    )


def snapshot_record(reader: Queryable, source: str, evidence: str) -> Record:
    """The record that a source's snapshot of these bytes holds."""
    return record(reader, reader.rows("FROM snapshots WHERE source = ? AND evidence_sha256 = ? LIMIT 1", [source, evidence])[0])


def versions_of(reader: Queryable, reference: str) -> list[str]:
    """The versions of a standard there are, oldest first."""
    rows = reader.rows(
        """
        SELECT DISTINCT version, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')] AS numbers
        FROM version_history WHERE reference = ? ORDER BY numbers""",
        [reference],
    )
    return [row["version"] for row in rows]


def known_since(reader: Queryable, reference: str) -> datetime | None:
    """When a standard was first seen; None for one that never was."""
    (row,) = reader.rows("SELECT min(seen_from_at) AS since FROM version_history WHERE reference = ?", [reference])
    return row["since"] if isinstance(row["since"], datetime) else None


def provenance(reader: Queryable, snapshot_id: str) -> Row:
    """Where a snapshot came from: its evidence row, the address and time of the capture, the parser."""
    (found,) = reader.rows(
        """
        SELECT s.source, s.parser_version, s.seen_from_at, s.run_id, e.*,
            (SELECT min(url) FROM captures c WHERE c.run_id = s.run_id AND c.source = s.source
             AND (c.reference IS NULL OR (c.reference, c.version) = (s.reference, s.version))) AS url
        FROM snapshots s JOIN evidence e ON e.sha256 = s.evidence_sha256 WHERE s.snapshot_id = ?""",
        [snapshot_id],
    )
    return found


def runs(reader: Queryable, limit: int) -> list[Row]:
    """The newest runs."""
    return reader.rows("SELECT * FROM runs ORDER BY started_at DESC LIMIT ?", [limit])


def tally(reader: Queryable) -> Row:
    """How much the published file holds."""
    return reader.rows(
        """
        SELECT (SELECT count(*) FROM current_standards) AS standards, (SELECT count(*) FROM current_versions) AS versions,
            (SELECT count(*) FROM current_ksbs) AS ksbs, (SELECT count(*) FROM current_duties) AS duties,
            (SELECT count(*) FROM snapshots) AS snapshots, (SELECT count(*) FROM changes) AS changes,
            (SELECT max(last_checked_at) FROM current_versions) AS last_checked_at,
            (SELECT count(*) FROM watched_versions WHERE stale_since_at IS NOT NULL) AS stale"""
    )[0]
