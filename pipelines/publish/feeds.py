"""Atom feeds of every change: all, by route, by standard.

Belongs here: entries, their ids, and which document holds which (RFC 5005, archived feeds). Not here: what is said of a
change (pipelines.changes.telling).
An entry is one standard in one look, or one move that many standards made; its id is a function of the ids of its changes, so that
it survives a rebuild. An archive is full and does not change any more; the current document holds what is newer.
feedgen was looked at: it has no `fh:archive` and builds every document anew; a template of forty lines has both.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from pipelines.changes.bulk import bulk
from pipelines.changes.telling import Section, sections
from pipelines.rendering import TEMPLATES, own_page, render
from schemas.record import digest

Row = Mapping[str, Any]
FEEDS: Final = Path("site") / "feeds"
_PER_ARCHIVE: Final = 100
# The current document never shrinks below this when an archive is closed, so that a reader who comes rarely misses nothing.
_AT_LEAST: Final = 50
_MANIFEST: Final = ".manifest.json"
_SLUG_RE: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: the changes of a standard in one look, or of a bulk move."""

    entry_id: str
    updated_at: datetime
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many feeds there are, how many entries the feed of all has, and how many documents were written."""

    feeds: int
    entries: int
    documents: int


def entries(rows: Iterable[Row]) -> list[Entry]:
    """The entries of changes (oldest first, by standard within a look), oldest first."""
    found = []
    for _, look in groupby(rows, key=lambda row: row["detected_at"]):
        together, apart = bulk(look)
        found += [_entry(many.rows) for many in together]
        found += [_entry(tuple(group)) for _, group in groupby(apart, key=lambda row: row["reference"])]
    return found


def _entry(rows: tuple[Row, ...]) -> Entry:
    return Entry(entry_id=digest(["entry", *sorted(row["change_id"] for row in rows)]), updated_at=rows[0]["detected_at"], rows=rows)


def write_feeds(rows: Sequence[Row], folder: Path, public_url: str | None) -> Written:
    """Write every document whose entries are not those of the one that is there."""
    every = entries(rows)
    feeds = list(_feeds(every))
    manifest_path = folder / _MANIFEST
    manifest: dict[str, str] = orjson.loads(manifest_path.read_bytes()) if manifest_path.is_file() else {}
    layout = sha256(b"".join(path.read_bytes() for path in sorted(TEMPLATES.glob("*")))).hexdigest()
    fresh: dict[str, str] = {}
    written = 0
    for name, title, held in feeds:
        for path, archive, archives, page in _documents(name, held):
            fresh[path] = digest([layout, public_url, title, str(archives), *(entry.entry_id for entry in page)])
            if manifest.get(path) == fresh[path] and (folder / path).is_file():
                continue
            _replace(folder / path, _document(path, name, title, archive, archives, page, public_url))
            written += 1
    if fresh != manifest:
        _replace(manifest_path, orjson.dumps(fresh, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
    return Written(feeds=len(feeds), entries=len(every), documents=written)


def _feeds(every: Sequence[Entry]) -> Iterator[tuple[str, str, Sequence[Entry]]]:
    """Name, title and entries of each feed."""
    yield "all", "Changes to occupational standards", every
    routes: defaultdict[str, list[Entry]] = defaultdict(list)
    standards: defaultdict[str, list[Entry]] = defaultdict(list)
    titles: dict[str, str] = {}
    for entry in every:
        for route in sorted({row["route"] for row in entry.rows if row["route"]}):
            routes[route].append(_part(entry, "route", route))
        for reference in sorted({row["reference"] for row in entry.rows}):
            standards[reference].append(_part(entry, "reference", reference))
        titles |= {row["reference"]: row["title"] for row in entry.rows}
    for route, held in sorted(routes.items()):
        yield f"route/{_slug(route)}", f"Changes to standards of the route {route}", held
    for reference, held in sorted(standards.items()):
        yield f"standard/{reference}", f"Changes to {reference} {titles[reference]}", held


def _part(entry: Entry, column: str, value: str) -> Entry:
    """An entry as a narrower feed has it: of a move that many standards made, its own part under an id of its own."""
    if len({row["reference"] for row in entry.rows}) == 1:
        return entry
    return _entry(tuple(row for row in entry.rows if row[column] == value))


def _slug(text: str) -> str:
    return _SLUG_RE.sub("-", text.lower()).strip("-") or "other"


def _documents(name: str, held: Sequence[Entry]) -> Iterator[tuple[str, int | None, int, Sequence[Entry]]]:
    """Path, number (None: the current one), number of the archives before it, and entries of each document of a feed."""
    archives = max(0, len(held) - _AT_LEAST) // _PER_ARCHIVE
    for number in range(1, archives + 1):
        yield f"{name}/archive-{number}.xml", number, number - 1, held[(number - 1) * _PER_ARCHIVE : number * _PER_ARCHIVE]
    yield f"{name}.xml", None, archives, held[archives * _PER_ARCHIVE :]


def _document(path: str, name: str, title: str, archive: int | None, archives: int, page: Sequence[Entry], public_url: str | None) -> str:
    base = f"{public_url.rstrip('/')}/feeds/" if public_url else None
    return render(
        "feed.xml",
        feed_id=f"tag:standards-watch,2026:feed/{name}",
        title=title,
        updated_at=page[-1].updated_at if page else datetime(2026, 1, 1),  # noqa: DTZ001 - naive UTC, and a feed without news needs some time
        entries=[(entry, section, own_page(public_url, section.reference)) for entry in reversed(page) for section in (_section(entry),)],
        self_link=base and base + path,
        current_link=_link(base, path, f"{name}.xml") if archive else None,
        archive_link=_link(base, path, f"{name}/archive-{archives}.xml") if archives else None,
        is_archive=archive is not None,
    )


def _section(entry: Entry) -> Section:
    """What is said of an entry; a bulk move's part in a narrower feed is told standard by standard."""
    found = sections(entry.rows)
    return found[0] if len(found) == 1 else _joined(found)


def _joined(found: Sequence[Section]) -> Section:
    """Several standards in one entry: fewer than a bulk move takes."""
    return Section(
        reference=None,
        title=f"The same change in {len(found)} standards",
        facts="",
        page_url=None,
        entries=found[0].entries,
        standards=tuple(f"{section.reference} {section.title}: {section.entries[0].summary}" for section in found),
    )


def _link(base: str | None, at: str, path: str) -> str:
    """An address from one document to another; relative where nobody said where they are published."""
    return base + path if base else "../" * at.count("/") + path


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
