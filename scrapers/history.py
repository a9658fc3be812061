"""History: what somebody kept of the public JSON night by night.

Belongs here: nights, the files that moved in each, and what one file says. Not here: the two forms there are of it
(scrapers.repository, scrapers.replay), nor what a night means (pipelines.backfill).

    HistoryError    the repository or the file cannot be read; the message says what to do
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Protocol, Self

from schemas.record import Record
from schemas.rules import Finding
from scrapers import api
from scrapers.reading import ParseError

# A job that writes thousands of files one by one takes hours; between two nights there is most of a day.
_PAUSE: Final = timedelta(hours=6)
_LONGEST_NIGHT: Final = timedelta(hours=12)
_NAME_RE: Final = re.compile(r"^((?:ST|FA|AU)\d{4})\s*(?:_\s*(.*?))?\s*\.json$", re.IGNORECASE)
NO_NAME: Final = "No file in {} is named as the record of a version is: ST0128_1.1.json."
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# These copies never lose a file when the publisher withdraws a version. Since 6 December 2025 every record the API serves has
# this key: a file without it is one that was left behind.
LIVE_KEY: Final = "shortAssessment"
LIVE_SINCE: Final = datetime(2025, 12, 6, tzinfo=UTC).replace(tzinfo=None)


class HistoryError(Exception):
    """Raised when a history cannot be read, from opening or reading it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A file that is another one than the night before; `blob` is None where it is gone."""

    path: str
    blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One observation: when it began and ended (naive UTC), what it is called in its history, how many commits it took."""

    began_at: datetime
    at: datetime
    name: str
    commits: int


class History(Protocol):
    """Nights, oldest first, and the files of each."""

    @property
    def address(self) -> str:
        """What it is called."""

    @property
    def nights(self) -> Sequence[Night]:
        """Every night."""

    def after(self, name: str) -> tuple[Night | None, Sequence[Night]] | None:
        """What was observed last, by its name, and the nights that came after; None where this history does not hold it."""

    def files(self, night: Night) -> tuple[Move, ...]:
        """Every file there was at the end of a night."""

    def moves(self, after: Night | None, nights: Sequence[Night]) -> Iterator[tuple[Move, ...]]:
        """What moved in each of some nights that follow one another, the first of them on `after` or on nothing."""

    def bodies(self) -> "Bodies":
        """A way to the files' bytes."""


class Bodies(Protocol):
    """The bytes of files, one after the other."""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""

    def read(self, blob: str) -> bytes:
        """The bytes of one file. Raises HistoryError where there are none."""


def is_record(path: str) -> bool:
    """Whether a file is named as the record of a version is."""
    return _NAME_RE.match(path.rsplit("/", 1)[-1]) is not None


def named(path: str) -> tuple[str, str | None]:
    """The standard a file is named after, and the version, where its name says one."""
    match = _NAME_RE.match(path.rsplit("/", 1)[-1])
    if match is None:
        raise ValueError(path)
    try:
        version = api.version_number(match[2] or "")
    except ParseError:
        version = None
    return match[1].upper(), version


def nights_of(commits: Iterable[tuple[str, datetime]]) -> list[Night]:
    """Commits that follow one another without a long pause, each its name and moment, as one night; called as its last one is."""
    nights: list[Night] = []
    for name, at in commits:
        last = nights[-1] if nights else None
        if last and at - last.at <= _PAUSE and at - last.began_at <= _LONGEST_NIGHT:
            nights[-1] = Night(began_at=last.began_at, at=at, name=name, commits=last.commits + 1)
        else:
            nights.append(Night(began_at=at, at=at, name=name, commits=1))
    return nights


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What one file says: the version it is of, and its record or why it has none.

    `evidence` is the record as the API's are kept; empty where the file is no JSON, whose `address` is that of its bytes. `record` is
    None where it is refused, or was handed out before under the same `record_id`.
    """

    path: str
    blob: str
    address: str
    reference: str
    version: str | None
    created: str = ""
    is_live: bool = True
    evidence: bytes = b""
    record_id: str | None = None
    record: Record | None = None
    findings: tuple[Finding, ...] = ()
    untold: frozenset[str] = frozenset()
    refused: tuple[str, str] | None = None


def read_file(path: str, blob: str, body: bytes) -> File:
    """Read a file of a history as the API's record is read."""
    reference, version = named(path)
    try:
        entry, is_live = api.single(body.removeprefix(_BYTE_ORDER_MARK), LIVE_KEY)
    except ParseError as error:
        return File(path=path, blob=blob, address=_sha256(body), reference=reference, version=version, refused=(error.rule, str(error)))
    address = _sha256(entry.evidence)
    if entry.reference != reference:
        other = ParseError("G-ANOTHER-STANDARD", f"{path} holds {entry.reference}.")
        return File(
            path=path,
            blob=blob,
            address=address,
            reference=reference,
            version=version,
            evidence=entry.evidence,
            refused=(other.rule, str(other)),
        )
    found = File(
        path=path,
        blob=blob,
        address=address,
        reference=reference,
        version=entry.version,
        created=entry.created,
        is_live=is_live,
        evidence=entry.evidence,
    )
    try:
        reading = api.parse(entry.evidence)
    except ParseError as error:
        return replace(found, refused=(error.rule, str(error)))
    return replace(found, record_id=reading.record.record_id, record=reading.record, findings=reading.findings, untold=reading.untold)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
