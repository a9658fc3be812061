"""History: what somebody kept of the public JSON night by night, as a git repository or a replay file.

Belongs here: nights, the files that moved in each, and what one file says. Not here: what a night means
(pipelines.backfill).
The repository holds one JSON file per version, in any folder (ST0128_1.1.json). What counts of a night is how
it ended: the tree of its last commit, along the longest line of commits that leads to HEAD.

    HistoryError    the repository or the file cannot be read; the message says what to do
"""

import gzip
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

import orjson

from schemas.record import Record
from schemas.rules import Finding
from scrapers import api
from scrapers.reading import ParseError

# A job that writes thousands of files one by one takes hours; between two nights there is most of a day.
_PAUSE: Final = timedelta(hours=6)
_LONGEST_NIGHT: Final = timedelta(hours=12)
_TOGETHER: Final = 200
_NAME_RE: Final = re.compile(r"^((?:ST|FA|AU)\d{4})\s*(?:_\s*(.*?))?\s*\.json$", re.IGNORECASE)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FILE_MODES: Final = frozenset({"100644", "100755", "100664"})
# These copies never lose a file when the publisher withdraws a version. Since 6 December 2025 every record the API serves has
# this key: a file without it is one that was left behind.
LIVE_KEY: Final = "shortAssessment"
LIVE_SINCE: Final = datetime(2025, 12, 6, tzinfo=UTC).replace(tzinfo=None)

# A version's files are kept as differences from each other; with all of them at hand a file is read in a third of the time.
_REMEMBER: Final = "core.deltaBaseCacheLimit=512m"
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC).replace(tzinfo=None)
# What a git hook sets for its own repository.
_ELSEWHERE: Final = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE"),
    )
)
_NAME_OF_COMMIT_RE: Final = re.compile(r"^[0-9a-f]{40,64}$")
_NO_NAME: Final = "No file in {} is named as the record of a version is: ST0128_1.1.json."
_TOO_LATE: Final = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp())

_Commit = tuple[str, str, datetime]


class HistoryError(Exception):
    """Raised when a history cannot be read, from opening or reading it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A file that is another one than the night before; `blob` is None where it is gone."""

    path: str
    blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One observation: when it ended (naive UTC), what it is called in its history, how many commits it took."""

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


class Repository:
    """A git repository, worked on or bare."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise HistoryError("git was not found. Install it, or name a replay file with --jsonl.")
        if not folder.is_dir():
            raise HistoryError(f"{folder} is no folder. Name the folder of a git repository with --git.")
        self.folder = folder.resolve()
        self.address = f"git+{self.folder.as_uri()}"
        self._git("rev-parse", "--git-dir")
        if not self._told("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
            raise HistoryError(f"{folder} has no commits on the branch that HEAD names. Check one out, or fetch it first.")
        self._line = self._longest_line()
        self._trees = {commit: tree for commit, tree, _ in self._line}
        if not any(
            is_record(path)
            for path in self._git("ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD").decode("utf-8", "replace").split("\0")
        ):
            raise HistoryError(_NO_NAME.format(folder))
        self.nights = _nights(self._line)

    def after(self, name: str) -> tuple[Night | None, Sequence[Night]] | None:
        """The nights after a commit, which may be any of its night; where a later merge left it beside the line, after where it met the line."""
        places = [place for place, (commit, _, _) in enumerate(self._line) if commit == name]
        if not places and _NAME_OF_COMMIT_RE.match(name) and self._told("rev-list", "-1", f"HEAD..{name}", otherwise="?") == "":
            before = set(self._told("rev-list", name).split())
            places = [place for place, (commit, _, _) in enumerate(self._line) if commit in before]
        if not places:
            return None
        commit, _, at = self._line[places[-1]]
        return Night(at=at, name=commit, commits=1), _nights(self._line[places[-1] + 1 :])

    def _longest_line(self) -> list[_Commit]:
        """The longest line of commits from the first to HEAD, oldest first; what was merged into it counts from the merge on.

        Of a copy that merges its original now and then, that is the original's line with all its nights.
        """
        lines = self._git("log", "--topo-order", "--reverse", "--format=%H %T %at %ct %P", "HEAD").decode().splitlines()
        told: dict[str, tuple[tuple[str, str, int, int], str | None]] = {}
        length: dict[str, int] = {}
        last = None
        for line in lines:
            commit, tree, authored, committed, *parents = line.split()
            before = max((parent for parent in parents if parent in length), key=length.__getitem__, default=None)
            length[commit] = 1 + (length[before] if before else 0)
            told[commit] = ((commit, tree, int(authored), int(committed)), before)
            last = commit
        line_back = []
        while last:
            entry, last = told[last]
            line_back.append(entry)
        entries = line_back[::-1]
        moments = _moments([(authored, committed) for _, _, authored, committed in entries])
        return [(commit, tree, at) for (commit, tree, _, _), at in zip(entries, moments, strict=True)]

    def files(self, night: Night) -> tuple[Move, ...]:
        """The tree of a night."""
        return next(self.moves(None, [night]))

    def moves(self, after: Night | None, nights: Sequence[Night]) -> Iterator[tuple[Move, ...]]:
        """What moved, tree against tree."""
        before = self._trees[after.name] if after else self._git("hash-object", "-t", "tree", "--stdin").decode().strip()
        for start in range(0, len(nights), _TOGETHER):
            trees = [before, *(self._trees[night.name] for night in nights[start : start + _TOGETHER])]
            asked = [f"{old} {new}" for old, new in pairwise(trees)]
            answer = self._git("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", given=asked)
            found: list[list[Move]] = []
            words = iter(answer.split(b"\0"))
            for word in words:
                # A pair of trees as it was asked, on a line of its own; then facts and path of each file.
                *pair, facts = word.split(b"\n")
                found += [[] for _ in pair]
                if not facts:
                    continue
                _, mode, _, blob, _ = facts.decode("ascii").split(" ")
                path = next(words).decode("utf-8", "backslashreplace")
                if is_record(path):
                    found[-1].append(Move(path=path, blob=blob if mode in _FILE_MODES else None))
            yield from map(tuple, found)
            before = trees[-1]

    def bodies(self) -> "Bodies":
        """Blobs, from a git process of its own."""
        return _Blobs(self.folder)

    def _told(self, *words: str, otherwise: str = "") -> str:
        """What git answers, or something else where it refuses."""
        try:
            return self._git(*words).decode("utf-8", "replace").strip()
        except HistoryError:
            return otherwise

    def _git(self, *words: str, given: Sequence[str] = ()) -> bytes:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            input="".join(f"{line}\n" for line in given).encode(),
            capture_output=True,
            check=False,
            env=_environment(),
        )
        if done.returncode:
            raise HistoryError(f"git cannot read {self.folder}: {done.stderr.decode('utf-8', 'replace').strip()[:300]}")
        return done.stdout


def _nights(line: Sequence[_Commit]) -> list[Night]:
    """Commits that follow one another without a long pause, as one night each."""
    nights: list[Night] = []
    first = last = _BEGINNING
    for commit, _, at in line:
        if nights and at - last <= _PAUSE and at - first <= _LONGEST_NIGHT:
            nights[-1] = Night(at=at, name=commit, commits=nights[-1].commits + 1)
        else:
            first = at
            nights.append(Night(at=at, name=commit, commits=1))
        last = at
    return nights


def _moments(told: Sequence[tuple[int, int]]) -> list[datetime]:
    """When each commit of a line was made, from the times it was authored and committed; they never go back.

    A commit that was moved keeps one of its times, and a robot may sign all with one: of both times and the earlier of the two that one
    counts which tells the most days. A time that does not fit the others is a wrong clock's; then that of the commit before counts.
    """
    rows = [[authored for authored, _ in told], [committed for _, committed in told], [min(pair) for pair in told]]
    if rows[0] == rows[1]:
        rows = rows[:1]
    fitting = [(row, _in_order(row)) for row in rows]
    row, places = max(fitting, key=lambda pair: len({pair[0][place] // 86_400 for place in pair[1]}))
    if not places:
        raise HistoryError("No commit has a time that can be.")
    moments = []
    fits = set(places)
    at = row[places[0]]
    for place, seconds in enumerate(row):
        at = seconds if place in fits else at
        moments.append(datetime.fromtimestamp(at, UTC).replace(tzinfo=None))
    return moments


def _in_order(row: Sequence[int]) -> list[int]:
    """The places of the longest row of times of which none is earlier than the one before."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for place, seconds in enumerate(row):
        if not 0 <= seconds < _TOO_LATE:
            before.append(None)
            continue
        length = bisect_right(ends, seconds)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1] = [seconds]
        last[length : length + 1] = [place]
    places = []
    at = last[-1] if last else None
    while at is not None:
        places.append(at)
        at = before[at]
    return places[::-1]


class _Blobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._git = subprocess.Popen(
            ["git", "-C", str(self._folder), "-c", _REMEMBER, "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._git.communicate()

    def read(self, blob: str) -> bytes:
        """The bytes of a blob."""
        if self._git.stdin is None or self._git.stdout is None:
            raise HistoryError("git gives no blobs.")
        self._git.stdin.write(blob.encode() + b"\n")
        self._git.stdin.flush()
        header = self._git.stdout.readline().split()
        if len(header) != 3:
            raise HistoryError(
                f"{self._folder} has no blob {blob} that can be read: fetch the whole history (git fetch --unshallow, without a filter); "
                "git fsck tells whether it is damaged."
            )
        body = self._git.stdout.read(int(header[2]) + 1)
        return body[:-1]


def _environment() -> Mapping[str, str]:
    # Nothing is fetched in passing, nobody is asked for a password, and no other repository is meant than the one that was named.
    own = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return own | {
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


class Replay:
    """A replay file: one JSON line per file that moved, `{seq, committed, file, record}`, plain, .gz or .xz; `record` null = gone."""

    def __init__(self, path: Path) -> None:
        self.address = path.resolve().as_uri()
        self._records: dict[str, Any] = {}
        self._moves: dict[str, dict[str, str | None]] = {}
        operations = self._operations(path)
        nights: list[Night] = []
        begins: list[datetime] = []
        first = last = _BEGINNING
        for number, committed, operation in sorted(operations, key=lambda entry: entry[2]["seq"]):
            moment = max(committed, last)
            moves: dict[str, str | None] = {}
            if nights and moment - last <= _PAUSE and moment - first <= _LONGEST_NIGHT:
                before = nights.pop()
                moves = self._moves.pop(before.name)
                nights.append(Night(at=moment, name=moment.isoformat(), commits=before.commits + 1))
            else:
                first = moment
                begins.append(first)
                nights.append(Night(at=moment, name=moment.isoformat(), commits=1))
            self._moves[nights[-1].name] = moves
            last = moment
            blob = None if operation["record"] is None else str(number)
            if is_record(operation["file"]):
                moves[operation["file"]] = blob
                self._records[str(number)] = operation["record"]
        if not self._records:
            raise HistoryError(_NO_NAME.format(path))
        self.nights = nights
        self._begins = begins

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
        if not any(begin <= at <= night.at for begin, night in zip(self._begins, self.nights, strict=True)):
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

    def bodies(self) -> "Bodies":
        """The records, as they were loaded."""
        return _Lines(self._records)


_DUE: Final = frozenset(("seq", "committed", "file", "record"))


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
