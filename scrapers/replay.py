"""A replay file: one JSON line per file that moved, `{seq, committed, file, record}`, plain, .gz or .xz; `record` null = gone.

Belongs here: its lines. Not here: what a night or a file is (scrapers.history).
"""

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate, islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from scrapers.history import NO_NAME, Bodies, HistoryError, Move, Night, is_record, nights_of

_DUE: Final = frozenset(("seq", "committed", "file", "record"))


class Replay:
    """The lines of a replay file, in the order of their `seq`; a time that goes back is that of the line before."""

    def __init__(self, path: Path) -> None:
        self.address = path.resolve().as_uri()
        self._records: dict[str, Any] = {}
        self._moves: dict[str, dict[str, str | None]] = {}
        operations = sorted(self._operations(path), key=lambda entry: entry[2]["seq"])
        moments = accumulate((committed for _, committed, _ in operations), max)
        self.nights = nights_of((moment.isoformat(), moment) for moment in moments)
        lines = iter(operations)
        for night in self.nights:
            moves = self._moves[night.name] = {}
            for number, _, operation in islice(lines, night.commits):
                if is_record(operation["file"]):
                    moves[operation["file"]] = None if operation["record"] is None else str(number)
                    self._records[str(number)] = operation["record"]
        if not self._records:
            raise HistoryError(NO_NAME.format(path))

    @staticmethod
    def _operations(path: Path) -> list[tuple[int, datetime, dict[str, Any]]]:
        found = []
        number = 0
        try:
            with _opened(path) as lines:
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    operation = orjson.loads(line)
                    if not (operation.keys() >= _DUE and isinstance(operation["file"], str) and type(operation["seq"]) is int):
                        raise KeyError
                    found.append((number, _moment(operation["committed"]), operation))
        except (OSError, lzma.LZMAError, zlib.error, EOFError) as error:
            raise HistoryError(f"{path} cannot be read: {error}") from error
        except (ValueError, OverflowError, KeyError, AttributeError, TypeError) as error:
            raise HistoryError(
                f"Line {number} of {path} is no line of a replay: seq (a whole number), committed (ISO 8601), file (a name) and record are due."
            ) from error
        if not found:
            raise HistoryError(f"{path} is empty.")
        return found

    def after(self, name: str) -> tuple[Night | None, Sequence[Night]] | None:
        """The nights after a moment; one that has grown since is looked at once more as a whole."""
        try:
            at = datetime.fromisoformat(name)
        except ValueError:
            return None
        if not any(night.began_at <= at <= night.at for night in self.nights):
            return None
        seen = [night for night in self.nights if night.at <= at]
        return seen[-1] if seen else None, self.nights[len(seen) :]

    def files(self, night: Night) -> tuple[Move, ...]:
        """What the lines up to a night say last."""
        files: dict[str, str | None] = {}
        for earlier in self.nights[: self.nights.index(night) + 1]:
            files |= self._moves[earlier.name]
        return tuple(Move(path=path, blob=blob) for path, blob in files.items())

    def moves(self, after: Night | None, nights: Sequence[Night]) -> Iterator[tuple[Move, ...]]:  # noqa: ARG002
        """What the lines of each night say."""
        for night in nights:
            yield tuple(Move(path=path, blob=blob) for path, blob in self._moves[night.name].items())

    def bodies(self) -> Bodies:
        """The records, as they were loaded."""
        return _Lines(self._records)


def _opened(path: Path) -> IO[bytes]:
    match path.suffix:
        case ".xz":
            return lzma.open(path)
        case ".gz":
            return io.BufferedReader(gzip.open(path))
        case _:
            return path.open("rb")


def _moment(text: str) -> datetime:
    """A moment as naive UTC; one that names no zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


class _Lines:
    def __init__(self, records: Mapping[str, Any]) -> None:
        self._records = records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is open."""

    def read(self, blob: str) -> bytes:
        """A record as JSON."""
        return orjson.dumps(self._records[blob])
