"""What is published, as frames for other formats: typed, or every value as the text a format needs.

Belongs here: the SQL of an export. Not here: files and formats (pipelines.publish.exports).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final, Literal

import polars as pl

from schemas.tables import CHANGES, SNAPSHOTS, TABLES, WATCHED_VERSIONS
from warehouse.read import Reader
from warehouse.views import VIEWS

Form = Literal["typed", "text", "cells"]

# Relations that grow with time are exported by the year of this column.
_GROWS_BY: Final = {"changes": "detected_at", "captures": "captured_at", "version_history": "seen_from_at"}
# It says what the others are exports of, and stands in the descriptor.
_LEFT_OUT: Final = frozenset({"schema_version"})
_MOMENT: Final = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')"
# What a spreadsheet would take for a formula, or for one of ours that is guarded already.
_FORMULA: Final = r"^''*[=+\-@\t\r\n＝＋－＠]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a relation; `type` as DuckDB names it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A published table or view; `key` names a row (empty where some of it can be NULL), `grows_by` is its time."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    grows_by: str | None


def relations(reader: Reader) -> list[Relation]:
    """Every table and view that is exported, by name."""
    keys = {table.name: table.key for table in TABLES} | {view.name: view.key for view in VIEWS}
    rows = reader.rows("SELECT * FROM data_dictionary WHERE kind <> 'macro' ORDER BY name, position")
    found = []
    for name, group in groupby(rows, key=itemgetter("name")):
        itself, *columns = group
        if name not in _LEFT_OUT:
            described = tuple(Column(name=c["column_name"], type=c["type"], description=c["description"]) for c in columns)
            found.append(
                Relation(
                    name=name, description=itself["description"], columns=described, key=keys.get(name, ()), grows_by=_GROWS_BY.get(name)
                )
            )
    return found


def frames(reader: Reader, relation: Relation, form: Form) -> Iterator[tuple[int | None, pl.DataFrame]]:
    """The rows, in the order of the key: year by year where the relation grows, else at once.

    typed: as they are. text: moments as ISO 8601 with Z. cells: lists as JSON too, and no text that a spreadsheet
    would take for a formula: an apostrophe stands before it, and before each that begins so already.
    """
    chosen = ", ".join(_cell(column, form) for column in relation.columns)
    first = [column.name for column in relation.columns if column.name in ("reference", "version")]
    order = ", ".join([*first, *(relation.key or [column.name for column in relation.columns])])
    if relation.grows_by is None:
        yield None, reader.frame(f"SELECT {chosen} FROM {relation.name} ORDER BY {order}")
        return
    years = [row["year"] for row in reader.rows(f"SELECT DISTINCT year({relation.grows_by}) AS year FROM {relation.name} ORDER BY year")]
    for year in years:
        yield year, reader.frame(f"SELECT {chosen} FROM {relation.name} t WHERE year(t.{relation.grows_by}) = {int(year)} ORDER BY {order}")
    if not years:
        yield None, reader.frame(f"SELECT {chosen} FROM {relation.name}")


def _cell(column: Column, form: Form) -> str:
    name = column.name
    if form != "typed" and column.type == "TIMESTAMP":
        return f"{_MOMENT.format(name)} AS {name}"
    if form == "cells" and column.type.endswith("[]"):
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    if form == "cells" and column.type == "VARCHAR":
        return f"CASE WHEN regexp_matches({name}, '{_FORMULA}') THEN '''' || {name} ELSE {name} END AS {name}"
    return name


def newest_run_at(reader: Reader) -> datetime | None:
    """The time the newest run stands for: how fresh an export is."""
    moment = reader.rows("SELECT max(observed_at) AS at FROM runs")[0]["at"]
    return moment if isinstance(moment, datetime) else None


def state(reader: Reader) -> str:
    """A value that moves when anything that is exported does, but for the times of looking: runs, captures and last checks."""
    (row,) = reader.rows(
        f"""
        SELECT (SELECT sum(hash(snapshot_id, record_id, seen_to_at)) FROM {SNAPSHOTS.qualified}) AS snapshots,
            (SELECT sum(hash(source, reference, version, is_missing)) FROM {WATCHED_VERSIONS.qualified}) AS versions,
            (SELECT sum(hash(change_id, sources)) FROM {CHANGES.name}) AS changes,
            (SELECT sum(hash(q)) FROM quarantine q) AS quarantine,
            (SELECT sum(hash(incident_id, closed_at, summary)) FROM incidents) AS incidents,
            (SELECT definition FROM schema_version) AS definition"""
    )
    return "-".join(str(value or 0) for value in row.values())
