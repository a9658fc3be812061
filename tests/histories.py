"""Git repositories of nightly records, made up in seconds with `git fast-import`.

Belongs here: writing commits, and a long history with as much noise as the real one. Not here: any expectation.
"""

import copy
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import orjson

ApiRecord = dict[str, Any]


def pretty(record: Mapping[str, Any]) -> bytes:
    """A record as such repositories hold it."""
    return orjson.dumps(record, option=orjson.OPT_INDENT_2)


def file_name(record: Mapping[str, Any]) -> str:
    """The file of a record."""
    return f"{record['referenceNumber'].strip()}_{record.get('version') or '1.0'}.json"


class Repository:
    """A repository that is written to; `commit` gives back the commit's mark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
        self._marks = 0
        self._import: subprocess.Popen[bytes] | None = None
        self._branches: set[str] = set()
        self._saved: set[str] = set()

    def commit(self, at: datetime, files: Mapping[str, bytes | None], *, parents: Sequence[int] = (), branch: str = "main") -> int:
        """One commit over `parents` (by default the branch's last): files by path, None where one is deleted."""
        self._marks += 1
        when = f"{int(at.replace(tzinfo=UTC).timestamp())} +0000"
        head = [f"commit refs/heads/{branch}", f"mark :{self._marks}", f"committer Nightly <nightly@example.org> {when}", "data 0"]
        if not parents and branch in self._saved - self._branches:
            head.append(f"from refs/heads/{branch}^0")
        head += [f"{'merge' if place else 'from'} :{parent}" for place, parent in enumerate(parents)]
        self._branches.add(branch)
        stream = self._open()
        stream.write("\n".join(head).encode() + b"\n")
        for path, body in files.items():
            stream.write(f"D {path}\n".encode() if body is None else f"M 100644 inline {path}\ndata {len(body)}\n".encode() + body + b"\n")
        stream.write(b"\n")
        return self._marks

    def save(self) -> Path:
        """Let git have what was committed since the last time."""
        if self._import:
            self._import.communicate()
            assert self._import.returncode == 0
        self._import = None
        self._saved |= self._branches
        self._branches = set()
        return self.folder

    def _open(self) -> IO[bytes]:
        if self._import is None:
            marks = self.folder / ".git" / "marks"
            self._import = subprocess.Popen(
                ["git", "-C", str(self.folder), "fast-import", "--quiet", f"--import-marks-if-exists={marks}", f"--export-marks={marks}"],
                stdin=subprocess.PIPE,
            )
        assert self._import.stdin is not None
        return self._import.stdin


# What moved in 214,716 files of such a repository, in shares of a hundred: nine of ten moves are noise. The source holds two copies
# of a record, which differ in the cluster and in white space, and serves now the one, now the other.
_CENSUS: Final = {
    "copy": 61.1 + 17.9,
    "schema": 3.9,
    "url": 3.8,
    "contact": 3.1,
    "attribute": 2.6,
    "free text": 2.4,
    "lifecycle": 2.1,
    "content": 1.3,
    "dates": 0.9,
    "other": 0.8,
    "banner": 0.1,
}


def many_nights(records: Sequence[ApiRecord], *, commits: int, each_night: int, seed: int = 1) -> Iterator[tuple[datetime, str, bytes]]:
    """A long history, a file at a time: the first night brings all, then they move as the census of a real one says."""
    rng = random.Random(seed)
    state = [copy.deepcopy(record) for record in records]
    noise = [dict.fromkeys(("copy", "schema", "contact"), False) for _ in state]
    begin = datetime(2020, 10, 20, 2)  # noqa: DTZ001 - naive UTC, as everywhere
    for number in range(commits):
        first_night = number < len(state)
        night = 0 if first_night else 1 + (number - len(state)) // each_night
        at = begin + timedelta(days=night, seconds=number % 3600 if first_night else (number - len(state)) % each_night)
        place = number if first_night else rng.randrange(len(state))
        if not first_night:
            (what,) = rng.choices(list(_CENSUS), list(_CENSUS.values()))
            if what in noise[place]:
                noise[place][what] ^= True
            else:
                _move(state[place], what, rng)
        yield at, file_name(state[place]), _as_served(state[place], noise[place])


def _move(record: ApiRecord, what: str, rng: random.Random) -> None:
    """Let one fact of a record move."""
    if what == "url":
        record["standardPageUrl"] = f"{record['standardPageUrl'].split('?')[0]}?v={rng.randrange(100)}"
    elif what == "attribute":
        record["maxFunding"] = rng.randrange(1, 30) * 1000
    elif what == "lifecycle":
        record["latestStartDate"] = f"20{rng.randrange(27, 40)}-0{rng.randrange(1, 9)}-01T00:00:00"
    elif what == "content" and record["skills"]:
        skill = rng.choice(record["skills"])
        skill["detail"] = f"{skill['detail']} And more."
    elif what == "dates":
        record["createdDate"] = f"2025-0{rng.randrange(1, 9)}-{rng.randrange(10, 28)}T00:00:00 +00:00"
    elif what == "banner":
        record["banners"] = f"<p>Notice {rng.randrange(100)}.</p>"
    else:
        record["overviewOfRole"] = f"{record['overviewOfRole'].split(' Part ')[0]} Part {rng.randrange(100)}."


def _as_served(record: ApiRecord, noise: Mapping[str, bool]) -> bytes:
    """A record as it is served with all that comes and goes; a third of all files are then new ones, as they are in truth."""
    body = record | {
        "cluster": "another" if noise["copy"] else "one",
        "overviewOfRole": record["overviewOfRole"] + ("\r\n&nbsp;" if noise["copy"] else ""),
        "tbMainContact": "other@example.org" if noise["contact"] else "one@example.org",
    }
    if noise["schema"]:
        del body["coronationEmblem"]
    return pretty(body)
