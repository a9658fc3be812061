"""Building only what moved: what stands in the folder, and of which inputs it was made.

Belongs here: files, digests, and the folder's own memory of both. Not here: what a page shows.
A unit is the pages that are made of the same inputs: a standard with its versions, a day. Where its digest is the one
it was built with, nothing is rendered; where only the time of the last check moved, that is set anew in the pages as they are.
Every file is replaced whole, and the manifest is written after the pages it speaks of: a build that dies is simply done again.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from warehouse.database import WarehouseError
from warehouse.lock import only_writer

MANIFEST: Final = ".pages.json"
# What our own templates write around the time of the last check; text from outside is escaped and can never read so.
_CHECKED_RE: Final = re.compile(r'<time class="checked">[^<]*</time>')

Pages = Iterator[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Pages made of the same inputs. `checked` is the time of the last check as the pages show it; None where they show none."""

    name: str
    digest: str
    checked: str | None = None


@dataclass(slots=True)
class Counts:
    """What a build did: pages there are, those written, those that only had the time of the last check moved, those removed."""

    pages: int = 0
    written: int = 0
    checked: int = 0
    removed: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


class Shelf:
    """A folder of pages while it is built: every unit is put once, and what is not put again is taken away in the end."""

    def __init__(self, folder: Path, before: Mapping[str, Any]) -> None:
        self.folder = folder
        self.counts = Counts()
        self._before, self._now = before, dict[str, Any]()

    def stands(self, unit: Unit) -> bool:
        """Whether a unit is there as it should be, but perhaps for the time of its last check."""
        known = self._before.get(unit.name)
        return known is not None and known["digest"] == unit.digest and all((self.folder / page).is_file() for page in known["pages"])

    def put(self, unit: Unit, pages: Pages | None) -> None:
        """Write a unit's pages where they differ, and take away those it no longer has; None leaves a unit that stands as it is."""
        known = self._before.get(unit.name, {"checked": None, "pages": []})
        if pages is None:
            paths = known["pages"]
            if unit.checked not in (None, known["checked"]):
                for path in paths:
                    self._check(path, str(unit.checked))
        else:
            paths = [self._write(path, body) for path, body in pages]
            self._remove(set(known["pages"]) - set(paths))
        self._now[unit.name] = {"digest": unit.digest, "checked": unit.checked, "pages": paths}
        self.counts.pages += len(paths)

    def link(self, unit: Unit, source: Path, path: str) -> None:
        """A file that is made elsewhere: a second name for it where the disk allows that, else a copy."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(target)
        draft.unlink(missing_ok=True)
        try:
            draft.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, draft)
        draft.replace(target)
        self._now[unit.name] = {"digest": unit.digest, "checked": None, "pages": [path]}

    def save(self) -> None:
        """Remember what was built so far, and what stood before and was not come to yet."""
        _replace(self.folder / MANIFEST, orjson.dumps({**self._before, **self._now}))

    def close(self) -> None:
        """Take away the pages of units that are gone."""
        mine = {page for unit in self._now.values() for page in unit["pages"]}
        self._remove({page for unit in self._before.values() for page in unit["pages"]} - mine)
        self._before = {}
        self.save()

    def _write(self, path: str, body: str | bytes) -> str:
        raw = body.encode() if isinstance(body, str) else body
        target = self.folder / path
        if not target.is_file() or target.read_bytes() != raw:
            _replace(target, raw)
            self.counts.written += 1
        return path

    def _check(self, page: str, checked: str) -> None:
        target = self.folder / page
        if target.suffix == ".html":
            text = target.read_text(encoding="utf-8")
            moved = _CHECKED_RE.sub(f'<time class="checked">{checked}</time>', text)
            if moved != text:
                _replace(target, moved.encode())
                self.counts.checked += 1

    def _remove(self, pages: set[str]) -> None:
        for page in pages:
            target = self.folder / page
            target.unlink(missing_ok=True)
            self.counts.removed += 1
            with suppress(OSError):  # other pages are still in it
                target.parent.rmdir()


@contextmanager
def open_shelf(folder: Path) -> Iterator[Shelf]:
    """A folder of pages to build, held by one builder at a time.

    Raises WarehouseError where the folder holds somebody else's pages, or cannot be written to.
    """
    manifest = folder / MANIFEST
    if (folder / "index.html").exists() and not manifest.is_file():
        raise WarehouseError(f"{folder} holds an index.html that was not built here. Name another folder for the site.")
    with only_writer(folder):
        before: dict[str, Any] = {}
        with suppress(FileNotFoundError, orjson.JSONDecodeError):  # without a memory everything is made anew
            before = orjson.loads(manifest.read_bytes())
        shelf = Shelf(folder, before)
        yield shelf
        shelf.close()


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def _replace(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    draft.write_bytes(body)
    draft.replace(path)
