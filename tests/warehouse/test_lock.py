"""One writer at a time, and no lock that outlives its holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.database import WarehouseBusyError, WarehouseError
from warehouse.lock import only_writer

HOLD = (
    "import sys, pathlib, warehouse.lock as l\nwith l.only_writer(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603
        assert holder.stdout is not None
        assert holder.stdout.readline()
        with pytest.raises(WarehouseBusyError, match=f"process {holder.pid}"), only_writer(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with only_writer(tmp_path):
            pass


def test_the_lock_is_let_go_of(tmp_path: Path) -> None:
    for _ in range(2):
        with only_writer(tmp_path):
            pass


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("", encoding="utf-8")
    with pytest.raises(WarehouseError, match="--data"), only_writer(tmp_path / "data"):
        pass
