"""Exports: what is published, as Parquet, CSV, JSON Lines or SQLite, with a data package descriptor beside it.

Belongs here: files and formats. Not here: the rows (warehouse.export) or the published database (warehouse.publish).
Each file is replaced whole; the descriptor comes last, so that what it lists is there.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.export import Column, Form, Relation, frames, newest_run_at, relations, state
from warehouse.read import Reader
from warehouse.views import SCHEMA_VERSION

Format = Literal["parquet", "csv", "json", "sqlite"]
PARQUET: Final = Path("published") / "parquet"
DESCRIPTOR: Final = "datapackage.json"
_DATABASE: Final = "standards.db"
_METADATA: Final = "metadata.json"

_TITLE: Final = "Standards Watch: England's occupational standards and their history"
_PUBLISHER: Final = "https://skillsengland.education.gov.uk"
_LICENCE: Final = {
    "name": "OGL-UK-3.0",
    "title": "Open Government Licence v3.0, © Crown copyright, Skills England",
    "path": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
}
# DuckDB's types, as a table schema and as SQLite name them.
_FIELD_TYPES: Final = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "DATE": "date",
    "TIMESTAMP": "datetime",
    "VARCHAR[]": "array",
}
_SQLITE_TYPES: Final = {"BOOLEAN": "INTEGER", "INTEGER": "INTEGER", "BIGINT": "INTEGER", "DOUBLE": "REAL"}


class ExportError(Exception):
    """Raised when a folder holds something that an export would spoil, from exporting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One relation as it was written."""

    relation: Relation
    paths: tuple[str, ...]
    rows: int


def export(reader: Reader, folder: Path, form: Format) -> list[Exported]:
    """Write everything that is published to a folder. Raises ExportError where it holds another format's export, OSError."""
    before = _descriptor(folder)
    if before.get("format", form) != form:
        raise ExportError(f"{folder} holds an export as {before['format']}. Name another folder, or empty that one.")
    ours = {relation.name for relation in relations(reader)} | {Path(_DATABASE).stem, Path(_METADATA).stem}
    taken = sorted(path.name for path in folder.iterdir() if path.stem in ours) if not before and folder.is_dir() else []
    if taken:
        raise ExportError(f"{folder} holds {', '.join(taken[:3])}, which no export of ours lists. Name another folder, or move that away.")
    return _export(reader, folder, form, before)


def _export(reader: Reader, folder: Path, form: Format, before: Mapping[str, Any]) -> list[Exported]:
    folder.mkdir(parents=True, exist_ok=True)
    written = list(_WRITERS[form](reader, folder))
    descriptor = _package(reader, folder, form, written)
    with _replaced(folder / DESCRIPTOR) as draft:
        draft.write_bytes(orjson.dumps(descriptor, option=orjson.OPT_INDENT_2))
    listed = _listed(descriptor)
    for path in sorted(_listed(before) - listed):
        (folder / path).unlink(missing_ok=True)
    return written


def refresh_parquet(reader: Reader, data: Path) -> list[Exported] | None:
    """Write `published/parquet` anew where anything but the times of looking has changed since; None where nothing has."""
    before = _descriptor(data / PARQUET)
    if before.get("state") == state(reader):
        return None
    return _export(reader, data / PARQUET, "parquet", before)


def _descriptor(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTOR
    if not path.is_file():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or found.get("name") != "standards-watch":
        raise ExportError(f"{path} is not one of ours. Name another folder.")
    return found


def _listed(descriptor: Mapping[str, Any]) -> set[str]:
    paths = (resource["path"] for resource in descriptor.get("resources", ()))
    # What a file says of itself never reaches out of its folder.
    every = {one for path in paths for one in ([path] if isinstance(path, str) else path)}
    return {one for one in every if not Path(one).is_absolute() and ".." not in Path(one).parts}


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A draft that takes the place of the file when it is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# The formats


def _parquet(reader: Reader, folder: Path) -> Iterator[Exported]:
    for relation in relations(reader):
        paths, rows = [], 0
        for year, frame in frames(reader, relation, "typed"):
            name = (
                f"{relation.name}.parquet"
                if relation.grows_by is None
                else f"{relation.name}/year={year or 'none'}/{relation.name}.parquet"
            )
            with _replaced(folder / name) as draft:
                pq.write_table(_described(frame, relation), draft, compression="zstd")
            paths.append(name)
            rows += len(frame)
        yield Exported(relation=relation, paths=tuple(paths), rows=rows)


def _described(frame: pl.DataFrame, relation: Relation) -> pa.Table:
    """The frame with what it and each column mean in its schema."""
    table = frame.to_arrow()
    said = {column.name: column.description for column in relation.columns}
    fields = [field.with_metadata({"description": said[field.name]}) for field in table.schema]
    about = {"description": relation.description, "schema_version": SCHEMA_VERSION, "license": _LICENCE["name"], "source": _PUBLISHER}
    return table.cast(pa.schema(fields, metadata=about))


def _csv(reader: Reader, folder: Path) -> Iterator[Exported]:
    # Spreadsheets know UTF-8 by its mark.
    def write(frame: pl.DataFrame, draft: Path) -> None:
        frame.write_csv(draft, include_bom=True, line_terminator="\r\n")

    yield from _one_file_each(reader, folder, "csv", "cells", write)


def _json(reader: Reader, folder: Path) -> Iterator[Exported]:
    def write(frame: pl.DataFrame, draft: Path) -> None:
        frame.write_ndjson(draft)

    yield from _one_file_each(reader, folder, "jsonl", "text", write)


def _one_file_each(
    reader: Reader, folder: Path, ending: str, form: Form, write: Callable[[pl.DataFrame, Path], None]
) -> Iterator[Exported]:
    for relation in relations(reader):
        name = f"{relation.name}.{ending}"
        frame = pl.concat([part for _, part in frames(reader, relation, form)])
        with _replaced(folder / name) as draft:
            write(frame, draft)
        yield Exported(relation=relation, paths=(name,), rows=len(frame))


def _sqlite(reader: Reader, folder: Path) -> Iterator[Exported]:
    written = []
    with _replaced(folder / _DATABASE) as draft, closing(sqlite3.connect(draft)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        for relation in relations(reader):
            database.execute(_sqlite_table(relation))
            rows = 0
            for _, frame in frames(reader, relation, "text"):
                places = ", ".join("?" * frame.width)
                listed = [name for name, dtype in frame.schema.items() if dtype == pl.List]
                values = frame.with_columns(pl.col(name).map_elements(_as_json, return_dtype=pl.String) for name in listed).iter_rows()
                database.executemany(f'INSERT INTO "{relation.name}" VALUES ({places})', values)
                rows += len(frame)
            if "reference" in {column.name for column in relation.columns} and relation.key[:1] != ("reference",):
                database.execute(f'CREATE INDEX "{relation.name}_by_reference" ON "{relation.name}" (reference)')
            written.append(Exported(relation=relation, paths=(_DATABASE,), rows=rows))
        database.commit()
    with _replaced(folder / _METADATA) as draft:
        draft.write_bytes(orjson.dumps(_datasette(written), option=orjson.OPT_INDENT_2))
    yield from written


def _as_json(values: Sequence[str]) -> str:
    return orjson.dumps(list(values)).decode()


def _sqlite_table(relation: Relation) -> str:
    columns = [f'"{column.name}" {_SQLITE_TYPES.get(column.type, "TEXT")}' for column in relation.columns]
    columns += [f"PRIMARY KEY ({', '.join(relation.key)})"] if relation.key else []
    return f'CREATE TABLE "{relation.name}" ({", ".join(columns)})'


def _datasette(written: Sequence[Exported]) -> dict[str, Any]:
    """What Datasette shows beside the tables: `datasette standards.db --metadata metadata.json`."""
    tables = {
        one.relation.name: {
            "description": one.relation.description,
            "columns": {column.name: column.description for column in one.relation.columns},
        }
        for one in written
    }
    return {
        "title": _TITLE,
        "license": _LICENCE["title"],
        "license_url": _LICENCE["path"],
        "source": "Skills England",
        "source_url": _PUBLISHER,
        "databases": {Path(_DATABASE).stem: {"tables": tables}},
    }


_WRITERS: Final[Mapping[Format, Callable[[Reader, Path], Iterator[Exported]]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "json": _json,
    "sqlite": _sqlite,
}


# The descriptor


def _package(reader: Reader, folder: Path, form: Format, written: Sequence[Exported]) -> dict[str, Any]:
    """The data package; `format` and `state` are ours, for the next export to know what is there."""
    moment = newest_run_at(reader)
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "standards-watch",
        "title": _TITLE,
        "description": "Contains public sector information licensed under the Open Government Licence v3.0.",
        "version": SCHEMA_VERSION,
        **({"created": f"{moment:%Y-%m-%dT%H:%M:%SZ}"} if moment else {}),
        "licenses": [_LICENCE],
        "sources": [{"title": "Skills England", "path": _PUBLISHER}],
        "format": form,
        "state": state(reader),
        "resources": [_resource(folder, form, one) for one in written],
    }


def _resource(folder: Path, form: Format, one: Exported) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(column, form) for column in one.relation.columns]}
    if one.relation.key:
        schema["primaryKey"] = list(one.relation.key)
    resource: dict[str, Any] = {
        "name": one.relation.name,
        "type": "table",
        "description": one.relation.description,
        "path": one.paths[0] if len(one.paths) == 1 else list(one.paths),
        "format": {"json": "jsonl"}.get(form, form),
        "schema": schema,
    }
    if len(one.paths) == 1:
        body = (folder / one.paths[0]).read_bytes()
        resource |= {"bytes": len(body), "hash": f"sha256:{hashlib.sha256(body).hexdigest()}"}
    if form == "csv":
        resource |= {"encoding": "utf-8-sig", "dialect": {"lineTerminator": "\r\n"}}
    if form == "sqlite":
        resource |= {"dialect": {"table": one.relation.name}}
    return resource


def _field(column: Column, form: Format) -> dict[str, str]:
    kind = _FIELD_TYPES[column.type]
    # SQLite keeps moments, days and lists as text, and yes or no as 1 or 0.
    if form == "sqlite":
        kind = {"boolean": "integer", "array": "string", "datetime": "string", "date": "string"}.get(kind, kind)
    return {"name": column.name, "type": kind, "description": column.description}
