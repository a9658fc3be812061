"""One writer at a time: a lock beside the warehouse for as long as a run lasts.

Belongs here: taking the lock and naming who has it. DuckDB's own lock guards a single connection; a run
opens several, one after the other, and no other run may come in between.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.database import WarehouseBusyError, WarehouseError


@contextmanager
def only_writer(data: Path) -> Iterator[None]:
    """Hold the data folder's lock; the system lets go of it when the holder dies, however it dies.

    Raises WarehouseBusyError, naming the process that holds it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = (data / ".writer").open("a+", encoding="ascii")
    except OSError as error:
        raise WarehouseError(f"{data} cannot be written to: {error.strerror}. Name another data folder with --data.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise WarehouseBusyError(f"Another run is writing to {data} (process {holder}). Wait until it is done, or stop it.") from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
