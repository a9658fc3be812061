"""The evidence store: bytes kept once per content, never overwritten.

Belongs here: packs and digests. Not here: what the bytes mean (scrapers).
A run appends to one pack of its own: for each body a zstd skippable frame with the body's digest and
sizes as JSON, then the body as a zstd frame, so that a pack explains itself without the database. A body that is much like
an earlier one can be kept as what it adds to that: a second skippable frame says where the earlier one is, which is kept whole
and is the dictionary of the zstd frame.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

_SKIPPABLE_MAGIC: Final = 0x184D2A50
_LEVEL: Final = 6  # within 5 % of level 9's size at half its time on real records
# A record takes an eighth of its length by itself; what adds more than a third of that is another one.
_LITTLE: Final = 0.04
_PLACE: Final = ("sha256", "pack", "offset_bytes", "stored_bytes", "size_bytes")


class EvidenceError(Exception):
    """Raised when stored bytes are not what their digest says, from reading them."""


def sha256(body: bytes) -> str:
    """The address of a body."""
    return hashlib.sha256(body).hexdigest()


def write_pack(
    folder: Path, run_id: str, bodies: Iterable[bytes], *, like: Mapping[str, Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Append bodies to the run's pack, safely on disk on return; the rows say where each one is.

    `like` tells by digest the row of a stored body that one is much like. Raises EvidenceError where that is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{run_id}.pack"
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    rows = []
    with (folder / name).open("ab") as pack:
        for body in bodies:
            address = sha256(body)
            added = _added(folder, body, like[address]) if like and address in like else None
            stored = added if added and len(added) < _LITTLE * len(body) else compressor.compress(body)
            sizes = {"size_bytes": len(body), "stored_bytes": len(stored)}
            pack.write(_skippable({"sha256": address, "run_id": run_id} | sizes))
            offset = pack.tell()
            pack.write(stored)
            rows.append({"sha256": address, "pack": name, "offset_bytes": offset, "run_id": run_id} | sizes)
        pack.flush()
        os.fsync(pack.fileno())
    return rows


def _added(folder: Path, body: bytes, row: Mapping[str, Any]) -> bytes:
    """A body as what it adds to a stored one, or to the one that that is kept by."""
    base, _ = _parted(_stored(folder, row))
    base = base or {name: row[name] for name in _PLACE}
    compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary(read_body(folder, base)))
    return _skippable(base) + compressor.compress(body)


def _dictionary(body: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(body, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _skippable(told: Mapping[str, Any]) -> bytes:
    header = orjson.dumps(told)
    return struct.pack("<II", _SKIPPABLE_MAGIC, len(header)) + header


def read_body(folder: Path, row: Mapping[str, Any]) -> bytes:
    """The bytes of one evidence row. Raises EvidenceError when they are damaged or gone."""
    try:
        return _unpacked(folder, _stored(folder, row), row)
    except (OSError, ValueError, KeyError, TypeError, struct.error, zstandard.ZstdError) as error:
        raise EvidenceError(f"evidence {row['sha256']} in {row['pack']} cannot be read: {error}") from error


def _stored(folder: Path, row: Mapping[str, Any]) -> bytes:
    pack: Path = folder / row["pack"]
    with pack.open("rb") as packed:
        packed.seek(row["offset_bytes"])
        return packed.read(row["stored_bytes"])


def _parted(stored: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Stored bytes as the place of what they add to, if anything, and their zstd frame."""
    magic, size = struct.unpack_from("<II", stored)
    if magic != _SKIPPABLE_MAGIC:
        return None, stored
    return orjson.loads(stored[8 : 8 + size]), stored[8 + size :]


def _unpacked(folder: Path, stored: bytes, row: Mapping[str, Any], *, is_whole: bool = False) -> bytes:
    base, compressed = _parted(stored)
    if base and is_whole:
        raise ValueError("it is not kept whole, and others add to it")
    dictionary = _dictionary(_unpacked(folder, _stored(folder, base), base, is_whole=True)) if base else None
    # A damaged header can claim any size; believing it would ask for that much memory.
    if zstandard.frame_content_size(compressed) != row["size_bytes"]:
        raise ValueError("it is not what was stored: it has another size")
    body = zstandard.ZstdDecompressor(dict_data=dictionary).decompress(compressed)
    if sha256(body) != row["sha256"]:
        raise ValueError(f"it is not what was stored: its digest is {sha256(body)}")
    return body


def scan_packs(folder: Path) -> Iterator[dict[str, Any]]:
    """The evidence rows of every whole body in the packs; what a kill cut off, or damage, is passed over."""
    magic = struct.pack("<I", _SKIPPABLE_MAGIC)
    for path in sorted(folder.glob("*.pack")):
        pack = path.read_bytes()
        at = pack.find(magic)
        while at >= 0:
            row = _row_at(folder, pack, at, path.name)
            end = at + 1
            if row:
                end = row["offset_bytes"] + row["stored_bytes"]
                yield row
            at = pack.find(magic, end)


def _row_at(folder: Path, pack: bytes, at: int, name: str) -> dict[str, Any] | None:
    """The row of the body whose header begins here; None where these bytes are no header, or the body is not what it says."""
    start = at + 8
    if start > len(pack):
        return None
    offset = start + struct.unpack_from("<I", pack, at + 4)[0]
    try:
        row: dict[str, Any] = {"pack": name, "offset_bytes": offset} | orjson.loads(pack[start:offset])
        _unpacked(folder, pack[offset : offset + row["stored_bytes"]], row)
    except (EvidenceError, OSError, ValueError, KeyError, TypeError, struct.error, zstandard.ZstdError):
        return None
    return row
