"""The journal: what was observed and decided, in order, beside the evidence it speaks of.

Belongs here: appending to `evidence/journal.jsonl` and reading it. Not here: what an entry means
(pipelines.rebuild, who replays them).
With the journal and the packs the warehouse can be made again. An entry is written to the warehouse in the
transaction of what it tells, and from there to the file, so that the file never tells what was not kept.
Each line names the digest of the one before it: a line that was altered or taken out is found.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.tables import JOURNAL
from warehouse.database import Warehouse
from warehouse.evidence import EvidenceError

NAME: Final = "journal.jsonl"
_TAIL_BYTES: Final = 1 << 20


def note(db: Warehouse, kind: str, **told: Any) -> None:
    """Write an entry within the transaction of what it tells; `flush` brings it to the file. A replay tells nothing new."""
    note_all(db, kind, [told])


def note_all(db: Warehouse, kind: str, every: Sequence[Mapping[str, Any]]) -> None:
    """Write entries of one kind, in their order, as `note` does."""
    if db.journal_folder is None:
        return
    first = db.rows("SELECT coalesce(max(number), 0) + 1 AS next FROM journal")[0]["next"]
    numbered = [{"kind": kind, "number": number} | dict(told) for number, told in enumerate(every, first)]
    db.append(JOURNAL, [{"number": entry["number"], "entry": orjson.dumps(entry).decode()} for entry in numbered])


def flush(db: Warehouse) -> None:
    """Append what is not in the file yet, safely on disk on return; what a killed run left behind is written first."""
    if db.journal_folder is None:
        return
    db.journal_folder.mkdir(parents=True, exist_ok=True)
    with (db.journal_folder / NAME).open("a+b") as journal:
        before = _whole_lines(journal)
        last = orjson.loads(before)["number"] if before else 0
        rows = db.rows("SELECT number, entry FROM journal WHERE number > ? ORDER BY number", [last])
        for row in rows:
            line = orjson.dumps({"after": _digest(before)} | orjson.loads(row["entry"]))
            journal.write(line + b"\n")
            before = line
        journal.flush()
        os.fsync(journal.fileno())
    # The newest stays, to count on from.
    db.execute("DELETE FROM journal WHERE number < (SELECT max(number) FROM journal)")


def entries(evidence: Path) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first. Raises EvidenceError where a line is not what was written."""
    path = evidence / NAME
    if not path.is_file():
        return
    before, number = b"", 0
    with path.open("rb") as journal:
        for line in journal:
            if not line.endswith(b"\n"):
                return  # the write that a kill cut off; it was never flushed
            number += 1
            try:
                entry = orjson.loads(line)
                is_whole = entry.pop("after") == _digest(before) and entry["number"] == number
            except (orjson.JSONDecodeError, KeyError, AttributeError):
                is_whole = False
            if not is_whole:
                raise EvidenceError(f"line {number} of {path} is not what was written")
            before = line.rstrip(b"\n")
            yield entry


def is_known(db: Warehouse) -> bool:
    """Whether the warehouse has seen what the journal tells; a new file beside old evidence has not."""
    path = db.journal_folder / NAME if db.journal_folder else None
    return path is None or bool(db.rows("FROM journal LIMIT 1")) or not path.is_file() or not path.stat().st_size


def _whole_lines(journal: Any) -> bytes:
    """The last whole line; what a kill cut off after it is taken away."""
    size = journal.seek(0, os.SEEK_END)
    journal.seek(max(0, size - _TAIL_BYTES))
    tail = journal.read()
    whole = tail.rfind(b"\n") + 1
    journal.truncate(size - len(tail) + whole)
    journal.seek(0, os.SEEK_END)
    return bytes(tail[:whole].rstrip(b"\n").rsplit(b"\n", 1)[-1])


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]
