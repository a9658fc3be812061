"""A git repository with one JSON file per version, in any folder (ST0128_1.1.json), committed night by night.

Belongs here: commits, trees and blobs, asked of git. Not here: what a night or a file is (scrapers.history).
What counts of a night is how it ended: the tree of its last commit, along the longest line of commits that leads to HEAD.
"""

import os
import re
import shutil
import subprocess
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scrapers.history import NO_NAME, Bodies, HistoryError, Move, Night, is_record, nights_of

# How many trees are compared by one git.
_TOGETHER: Final = 200
_FILE_MODES: Final = frozenset({"100644", "100755", "100664"})
# A version's files are kept as differences from each other; with all of them at hand a file is read in a third of the time.
_REMEMBER: Final = "core.deltaBaseCacheLimit=512m"
# What a git hook sets for its own repository.
_ELSEWHERE: Final = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE"),
    )
)
_NAME_OF_COMMIT_RE: Final = re.compile(r"^[0-9a-f]{40,64}$")
_TOO_LATE: Final = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp())

_Commit = tuple[str, str, datetime]


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
        files = self._git("ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD").decode("utf-8", "replace")
        if not any(map(is_record, files.split("\0"))):
            raise HistoryError(NO_NAME.format(folder))
        self.nights = nights_of((commit, at) for commit, _, at in self._line)

    def after(self, name: str) -> tuple[Night | None, Sequence[Night]] | None:
        """The nights after a commit, which may be any of its night; where a later merge left it beside the line, after where it met the line."""
        places = [place for place, (commit, _, _) in enumerate(self._line) if commit == name]
        if not places and _NAME_OF_COMMIT_RE.match(name) and self._told("rev-list", "-1", f"HEAD..{name}", otherwise="?") == "":
            before = set(self._told("rev-list", name).split())
            places = [place for place, (commit, _, _) in enumerate(self._line) if commit in before]
        if not places:
            return None
        commit, _, at = self._line[places[-1]]
        since = self._line[places[-1] + 1 :]
        return Night(began_at=at, at=at, name=commit, commits=1), nights_of((later, when) for later, _, when in since)

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

    def bodies(self) -> Bodies:
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
