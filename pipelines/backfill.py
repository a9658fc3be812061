"""Backfill: the nights of a history, observed one after the other as runs would have, and written many at a time.

Belongs here: keeping what is known from night to night, so that a night costs what moved in it. Not here: reading a
history (scrapers.history) or deciding what is new and what changed, which is done by the same code as on a live night
(pipelines.observing, pipelines.comparison).
A file that no longer holds a version makes it absent; so does one that was left behind when the live ones got a new key,
and of that no change is told, since nobody knows when it was withdrawn. A record that says what the one before it said is
noise: it is counted, and its bytes stay in the history.
"""

import multiprocessing
import os
import signal
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.incidents import shrunk
from pipelines.observing import Key, Look, Said
from pipelines.past import SOURCE, NightLook, Past, Tally
from pipelines.run import Progress
from schemas.record import digest
from scrapers.history import LIVE_SINCE, Bodies, File, History, Move, Night, named, read_file
from warehouse.database import Warehouse, WarehouseError
from warehouse.past import latest_run
from warehouse.snapshots import Batch, Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """How much is read and written together: until so many files, or nights, have come together. A kill costs one at most."""

    files: int = 3_000
    nights: int = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class _Light:
    """What is kept of a file that was read."""

    blob: str
    key: Key | None
    name: str
    created: str
    is_live: bool
    address: str
    is_kept: bool
    record_id: str | None
    untold: frozenset[str]
    refused: tuple[str, str] | None


def backfill(
    db: Warehouse,
    evidence: Path,
    history: History,
    progress: Progress,
    clock: Callable[[], datetime],
    *,
    processes: int | None = None,
    portion: Portion = Portion(),
) -> Tally:
    """Observe every night of a history that the warehouse has not seen; one that was interrupted goes on where it was.

    Raises WarehouseError where the warehouse knows a later moment already, HistoryError where the history cannot be read.
    """
    done, nights = unseen(db, history, clock())
    tally = Tally()
    if not nights:
        return tally
    past = Past(db, evidence)
    tree = _Tree()
    with _Readers(history, processes or min(2, os.cpu_count() or 1), few=portion.files // 10) as readers:
        if done:
            files = history.files(done)
            for file in readers.read(files):
                tree.learn(file)
            tree.move(files)
            tree.settle()
        for chunk, files_of in readers.ahead(_chunks(history, done, nights, portion)):
            past.forget()
            past.learn(files_of)
            for file in files_of:
                tree.learn(file)
            for night, moves in chunk:
                progress("nights", tally.nights, len(nights))
                tally.nights += 1
                tally.commits += night.commits
                tally.moved += len(moves)
                past.observe(_look(history, night, tree, tree.move(moves), past, readers, tally), clock(), tally)
                if past.is_urgent:
                    past.write()
            past.write()
        progress("nights", tally.nights, len(nights))
    return tally


def unseen(db: Warehouse, history: History, now: datetime) -> tuple[Night | None, Sequence[Night]]:
    """The last night that was observed, and those that were not.

    Raises WarehouseError where the warehouse would have to look back, and for a night that is still to come.
    """
    if history.nights[-1].at > now:
        raise WarehouseError(
            f"{history.address} ends on {history.nights[-1].at:%Y-%m-%d %H:%M} (UTC), and now is {now:%Y-%m-%d %H:%M}: one of the clocks is wrong."
        )
    latest = latest_run(db)
    if latest is None:
        return None, history.nights
    name = latest["site"].rsplit("@", 1)[-1]
    found = history.after(name)
    if found is not None:
        return found
    if history.nights[0].at <= latest["observed_at"]:
        raise WarehouseError(
            f"History only grows: the last observation here is of {latest['observed_at']:%Y-%m-%d %H:%M} (UTC), and {history.address} begins on "
            f"{history.nights[0].at:%Y-%m-%d} and does not hold it (rewritten, another copy, or seen by a run). Backfill into a new folder "
            "(--data), and let the daily run go on there."
        )
    return None, history.nights


Chunk = list[tuple[Night, tuple[Move, ...]]]


def _chunks(history: History, done: Night | None, nights: Sequence[Night], portion: Portion) -> Iterator[Chunk]:
    """Nights with what moved in them, as many as are read and written together."""
    chunk: Chunk = []
    files = 0
    for night, moves in zip(nights, history.moves(done, nights), strict=True):
        chunk.append((night, moves))
        files += len(moves)
        if files >= portion.files or len(chunk) >= portion.nights:
            yield chunk
            chunk, files = [], 0
    if chunk:
        yield chunk


# The same bytes say another thing under another name: a file without a record is missing as the version it is named after.
_NamedBlob = tuple[str, str, str | None]


class _Readers:
    """Reads files once each, in processes of their own where there are many; a path always goes to the same one.

    `few` files are read sooner than processes start.
    """

    def __init__(self, history: History, processes: int, *, few: int) -> None:
        self._history, self._processes, self._few = history, processes, few
        self._pools: list[ProcessPoolExecutor] = []
        self._known: set[_NamedBlob] = set()
        self._own = ExitStack()
        self._bodies: Bodies | None = None

    def __enter__(self) -> "_Readers":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._own.close()

    def read(self, moves: Iterable[Move]) -> list[File]:
        """The files that were not read yet."""
        return self._result(self._ask(moves))

    def again(self, path: str, blob: str) -> File:
        """One file, whether it was read before or not."""
        return self._here(path, blob)

    def ahead(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, list[File]]]:
        """Each chunk with its files; the next one is being read meanwhile."""
        waiting: tuple[Chunk, Any] | None = None
        for chunk in chunks:
            asked = self._ask(move for _, moves in chunk for move in moves)
            if waiting:
                yield waiting[0], self._result(waiting[1])
            waiting = chunk, asked
        if waiting:
            yield waiting[0], self._result(waiting[1])

    def _ask(self, moves: Iterable[Move]) -> "list[Future[list[File]]] | list[tuple[str, str]]":
        fresh: dict[_NamedBlob, tuple[str, str]] = {}
        for move in moves:
            if move.blob and (named_blob := (move.blob, *named(move.path))) not in self._known:
                fresh.setdefault(named_blob, (move.path, move.blob))
        self._known |= fresh.keys()
        tasks = list(fresh.values())
        if self._processes < 2 or (not self._pools and len(tasks) < self._few):
            return tasks
        if not self._pools:
            context = multiprocessing.get_context("forkserver")
            self._pools = [
                ProcessPoolExecutor(1, context, initializer=_open, initargs=(self._history.bodies(),)) for _ in range(self._processes)
            ]
        shares: list[list[tuple[str, str]]] = [[] for _ in self._pools]
        for path, blob in tasks:
            shares[zlib.crc32(path.encode("utf-8", "surrogateescape")) % len(shares)].append((path, blob))
        return [pool.submit(_read_files, share) for pool, share in zip(self._pools, shares, strict=True)]

    def _result(self, asked: "list[Future[list[File]]] | list[tuple[str, str]]") -> list[File]:
        found: list[File] = []
        for item in asked:
            if isinstance(item, Future):
                found += item.result()
            else:
                found.append(self._here(*item))
        return found

    def _here(self, path: str, blob: str) -> File:
        if self._bodies is None:
            self._bodies = self._own.enter_context(self._history.bodies())
        return read_file(path, blob, self._bodies.read(blob))


_opened: list[Bodies] = []


def _open(source: Bodies) -> None:
    """In a reader's process: its own way to the bytes, for as long as it lives; it does not outlive who started it."""
    # Ctrl-C reaches every process of a terminal; only the first one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _opened.append(source.__enter__())


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


_handed_out: set[str] = set()


def _read_files(tasks: Sequence[tuple[str, str]]) -> list[File]:
    """In a reader's process: what the files say; a record that was handed out before goes without its words."""
    found = []
    for path, blob in tasks:
        file = read_file(path, blob, _opened[0].read(blob))
        if file.record_id in _handed_out:
            file = replace(file, record=None, evidence=b"", findings=())
        elif file.record_id:
            _handed_out.add(file.record_id)
        found.append(file)
    return found


class _Tree:
    """The files of a history as they stand at the end of a night."""

    def __init__(self) -> None:
        self._read: dict[_NamedBlob, _Light] = {}
        self._files: dict[str, _Light] = {}
        self._paths: dict[Key, dict[str, None]] = {}
        self.unplaced: list[tuple[str, _Light]] = []
        self.has_live = False
        self._untold: dict[Key, frozenset[str]] = {}
        self._last: dict[Key, _Light] = {}

    def learn(self, file: File) -> None:
        """Keep what a file says, in short."""
        key = (file.reference, file.version) if file.version else None
        self._read[file.blob, *named(file.path)] = _Light(
            blob=file.blob,
            key=key,
            name=file.reference,
            created=file.created,
            is_live=file.is_live and file.refused is None,
            address=file.address,
            is_kept=bool(file.evidence),
            record_id=file.record_id,
            untold=file.untold,
            refused=file.refused,
        )

    def move(self, moves: Iterable[Move]) -> list[Key]:
        """Let files move; returns the versions that may be touched by that, each once."""
        touched: dict[Key, None] = {}
        self.unplaced = []
        for move in moves:
            before = self._files.pop(move.path, None)
            if before and before.key:
                self._paths[before.key].pop(move.path)
                touched[before.key] = None
            if move.blob:
                after = self._files[move.path] = self._read[move.blob, *named(move.path)]
                self.has_live |= after.is_live
                if after.key:
                    self._paths.setdefault(after.key, {})[move.path] = None
                    touched[after.key] = None
                else:
                    self.unplaced.append((move.path, after))
        return list(touched)

    def file(self, key: Key) -> tuple[str, _Light] | None:
        """The file that speaks for a version: of several the later created one, then the one that moved last."""
        paths = self._paths.get(key)
        if not paths:
            return None
        path = max(enumerate(paths), key=lambda pair: (self._files[pair[1]].refused is None, self._files[pair[1]].created, pair[0]))[1]
        return path, self._files[path]

    def newly_told(self, key: Key, file: _Light, known: str | None) -> frozenset[str]:
        """The columns this file of a version has a key for, and the last one that was taken had none; `known` is the record that stands."""
        if file.refused:
            return frozenset()
        last = self._last.get(key)
        if last and last.record_id == known:
            self._untold[key] = last.untold
        self._last[key] = file
        return self._untold.get(key, frozenset()) - file.untold

    def settle(self) -> None:
        """Take the files as those that spoke last."""
        self._last = {key: found[1] for key in self._paths if (found := self.file(key))}

    def left_behind(self) -> Iterator[Key]:
        """The versions of which no file has the key that live ones have."""
        for key in self._paths:
            found = self.file(key)
            if found and _is_left(found[1]):
                yield key

    def __len__(self) -> int:
        return sum(1 for paths in self._paths.values() if paths)


def _look(history: History, night: Night, tree: _Tree, touched: Sequence[Key], past: Past, readers: _Readers, tally: Tally) -> NightLook:
    """What a night shows of the versions that moved in it."""
    batch = Batch(run_id=run_id(night), source=SOURCE, observed_at=night.at, only=None, is_complete=False)
    site = f"{history.address}@{night.name}"
    said: list[Said] = []
    same: list[Shown] = []
    # A copy that ended before has nothing its files were left behind by.
    is_after = night.at >= LIVE_SINCE and tree.has_live
    moved = set(touched)
    keys = dict.fromkeys(touched)
    if not past.is_joined:
        keys |= {key: None for key in past.present() if tree.file(key) is None}
        # What a person let through is taken, though its file does not move.
        keys |= dict.fromkeys(sorted(past.approved))
        past.is_joined = True
    if is_after and not past.is_weeded:
        keys |= dict.fromkeys(tree.left_behind())
        past.is_weeded = True
    for key in keys:
        found = tree.file(key)
        if found is None or (is_after and _is_left(found[1])):
            past.lose(key, is_left=found is not None)
            continue
        past.find(key)
        path, light = found
        newly_told = tree.newly_told(key, light, past.record_id(key))
        address = past.evidence_of(light.record_id) or light.address
        shown = Shown(reference=key[0], version=key[1], url=f"{site}:{path}", evidence_sha256=address)
        if light.refused:
            said.append(Said(shown=shown, refused=light.refused))
        elif past.is_as_known(key, light.record_id):
            tally.noise += key in moved
            if past.is_doubtful(key):
                same.append(shown)
        else:
            if not past.is_kept(address):
                past.learn([readers.again(path, light.blob)], anew=True)
                shown = replace(shown, evidence_sha256=light.address)
            said.append(past.said(shown, newly_told))
    absent = past.absent & past.present()
    remark = shrunk("The night", len(past.present()) - len(absent - past.left), len(past.present()))
    if remark:
        absent, remark = set(), f"{remark} Nothing counts as absent."
    look = Look(batch=batch, said=said, same=same, examined=max(len(tree), 1), asked=1, failed=(), absent=absent)
    unplaced = [_unplaced(batch, f"{site}:{path}", light) for path, light in tree.unplaced]
    return NightLook(look=look, site=site, left=absent & past.left, unplaced=unplaced, remark=remark)


def _is_left(file: _Light) -> bool:
    return file.refused is None and not file.is_live


def _unplaced(batch: Batch, url: str, light: _Light) -> dict[str, Any]:
    rule, reason = light.refused or ("P-BAD-VALUE", "It names no version.")
    return {
        "quarantine_id": digest([batch.source, light.name, None, light.address, rule]),
        "run_id": batch.run_id,
        "last_run_id": batch.run_id,
        "held_at": batch.observed_at,
        "source": batch.source,
        "reference": light.name,
        "version": None,
        "url": url,
        "evidence_sha256": light.address if light.is_kept else None,
        "rule": rule,
        "reason": reason,
        "status": "held",
        "decided_at": None,
        "decided_by": None,
        "decision_reason": None,
    }


def run_id(night: Night) -> str:
    """The run that a night is; the same night is the same run in whichever copy of the history."""
    return f"backfill-{digest([night.name, night.at.isoformat()])}"
