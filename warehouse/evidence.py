"""The evidence store: bytes kept once per content, never overwritten.

Belongs here: packs and digests. Not here: what the bytes mean (scrapers).
A run appends to one pack of its own: for each body a zstd skippable frame with the body's digest and
size as JSON, then the body as a zstd frame, so that a pack explains itself without the database.
"""

import hashlib
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

_SKIPPABLE_MAGIC: Final = 0x184D2A50
_LEVEL: Final = 6  # within 5 % of level 9's size at half its time on real records


class EvidenceError(Exception):
    """Raised when stored bytes are not what their digest says, from reading them."""


def sha256(body: bytes) -> str:
    """The address of a body."""
    return hashlib.sha256(body).hexdigest()


def write_pack(folder: Path, run_id: str, bodies: Iterable[bytes]) -> list[dict[str, Any]]:
    """Append bodies to the run's pack, safely on disk on return; the rows say where each one is."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{run_id}.pack"
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    rows = []
    with (folder / name).open("ab") as pack:
        for body in bodies:
            address = sha256(body)
            header = orjson.dumps({"sha256": address, "size_bytes": len(body)})
            pack.write(struct.pack("<II", _SKIPPABLE_MAGIC, len(header)) + header)
            offset = pack.tell()
            stored = pack.write(compressor.compress(body))
            rows.append(
                {"sha256": address, "pack": name, "offset_bytes": offset, "stored_bytes": stored, "size_bytes": len(body), "run_id": run_id}
            )
        pack.flush()
        os.fsync(pack.fileno())
    return rows


def read_body(folder: Path, row: dict[str, Any]) -> bytes:
    """The bytes of one evidence row. Raises EvidenceError when they are damaged or gone."""
    try:
        with (folder / row["pack"]).open("rb") as pack:
            pack.seek(row["offset_bytes"])
            stored = pack.read(row["stored_bytes"])
        # A damaged header can claim any size; believing it would ask for that much memory.
        if zstandard.frame_content_size(stored) != row["size_bytes"]:
            raise EvidenceError(f"evidence {row['sha256']} in {row['pack']} is not what was stored: it has another size")
        body = zstandard.ZstdDecompressor().decompress(stored)
    except (OSError, zstandard.ZstdError) as error:
        raise EvidenceError(f"evidence {row['sha256']} in {row['pack']} cannot be read: {error}") from error
    if sha256(body) != row["sha256"]:
        raise EvidenceError(f"evidence {row['sha256']} in {row['pack']} is not what was stored: its digest is {sha256(body)}")
    return body
