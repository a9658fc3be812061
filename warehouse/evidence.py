"""The evidence store: bytes kept once per content, never overwritten.

Belongs here: packs and digests. Not here: what the bytes mean (scrapers).
A run appends to one pack of its own: for each body a zstd skippable frame with the body's digest and
sizes as JSON, then the body as a zstd frame, so that a pack explains itself without the database.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
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
            stored = compressor.compress(body)
            sizes = {"size_bytes": len(body), "stored_bytes": len(stored)}
            header = orjson.dumps({"sha256": address, "run_id": run_id} | sizes)
            pack.write(struct.pack("<II", _SKIPPABLE_MAGIC, len(header)) + header)
            offset = pack.tell()
            pack.write(stored)
            rows.append({"sha256": address, "pack": name, "offset_bytes": offset, "run_id": run_id} | sizes)
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


def scan_packs(folder: Path) -> Iterator[dict[str, Any]]:
    """The evidence rows of every whole body in the packs; what a kill cut off, or damage, is passed over."""
    magic = struct.pack("<I", _SKIPPABLE_MAGIC)
    for path in sorted(folder.glob("*.pack")):
        pack = path.read_bytes()
        at = pack.find(magic)
        while at >= 0:
            row = _row_at(pack, at, path.name)
            end = at + 1
            if row:
                end = row["offset_bytes"] + row["stored_bytes"]
                yield row
            at = pack.find(magic, end)


def _row_at(pack: bytes, at: int, name: str) -> dict[str, Any] | None:
    """The row of the body whose header begins here; None where these bytes are no header, or the body is not what it says."""
    start = at + 8
    if start > len(pack):
        return None
    offset = start + struct.unpack_from("<I", pack, at + 4)[0]
    try:
        row = {"pack": name, "offset_bytes": offset} | orjson.loads(pack[start:offset])
        stored = pack[offset : offset + row["stored_bytes"]]
        is_whole = zstandard.frame_content_size(stored) == row["size_bytes"]
        return row if is_whole and sha256(zstandard.ZstdDecompressor().decompress(stored)) == row["sha256"] else None
    except (orjson.JSONDecodeError, KeyError, TypeError, zstandard.ZstdError):
        return None
