"""Git repositories of nightly records, made up in seconds with `git fast-import`.

Belongs here: writing commits, and a long history with as much noise as the real one. Not here: any expectation.
"""

import copy
import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

ApiRecord = dict[str, Any]


def pretty(record: Mapping[str, Any]) -> bytes:
    """A record as such repositories hold it."""
    return json.dumps(record, indent=2).encode()


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


def many_nights(records: Sequence[ApiRecord], *, commits: int, each_night: int, seed: int = 1) -> Iterator[tuple[datetime, str, bytes]]:
    """A long history, a file at a time: the first night brings all, then mostly clusters that come and go, and line ends; one in seven is news."""
    rng = random.Random(seed)
    state = [copy.deepcopy(record) for record in records]
    flaps = [0] * len(state)
    begin = datetime(2020, 10, 20, 2)  # noqa: DTZ001 - naive UTC, as everywhere
    for number in range(commits):
        first_night = number < len(state)
        night = 0 if first_night else 1 + (number - len(state)) // each_night
        at = begin + timedelta(days=night, seconds=number % 3600 if first_night else (number - len(state)) % each_night)
        place = number if first_night else rng.randrange(len(state))
        record, dice = state[place], rng.random()
        ends = "\n"
        if not first_night:
            if dice < 0.68:
                flaps[place] += 1
                record["cluster"] = ("one", "another")[flaps[place] % 2]
            elif dice < 0.85:
                record["overviewOfRole"] = record["overviewOfRole"].replace("\r\n", "\n").strip() + ("\r\n" * rng.randrange(1, 9))
            elif dice < 0.93:
                record["larsCode"] = rng.randrange(1, 900)
            elif dice < 0.97 or not record["skills"]:
                record["maxFunding"] = rng.randrange(1, 30) * 1000
            else:
                skill = rng.choice(record["skills"])
                skill["detail"] = f"{skill['detail']} And more."
        yield at, file_name(record), json.dumps(record, indent=2).replace("\n", ends).encode()
