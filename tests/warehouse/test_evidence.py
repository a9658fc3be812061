"""The evidence store: what goes in comes out to the byte, or not at all."""

import io
import json
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import frame
from schemas.tables import EVIDENCE
from scrapers.sample.records import sample_records
from warehouse.evidence import EvidenceError, read_body, scan_packs, sha256, write_pack

RECORD = json.dumps(sample_records()["ST9003 1.0"]).encode()
BODIES = [
    pytest.param(b"", id="empty"),
    pytest.param(b"x", id="a byte"),
    pytest.param(b'{"referenceNumber": "ST9001"}', id="short"),
    pytest.param(RECORD, id="a record"),
    pytest.param(b"abc" * 1000, id="repetitive"),
    pytest.param(random.Random(1).randbytes(1000), id="random"),
    pytest.param(RECORD * 300, id="large"),
]


def stored(folder: Path, body: bytes) -> tuple[dict[str, Any], Path]:
    """A body between two others; its row and its pack."""
    _, row, _ = write_pack(folder, "run", [b"before", body, b"after"])
    return row, folder / row["pack"]


def explained(pack: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What a pack says of itself: each header with the body behind it."""
    while pack:
        magic, size = struct.unpack("<II", pack[:8])
        assert magic == 0x184D2A50
        header = json.loads(pack[8 : 8 + size])
        frame = zstandard.ZstdDecompressor().decompressobj()
        body = frame.decompress(pack[8 + size :])
        assert frame.eof
        yield header, body
        pack = frame.unused_data


@pytest.mark.parametrize("body", BODIES)
def test_what_goes_in_comes_out(tmp_path: Path, body: bytes) -> None:
    row, pack = stored(tmp_path, body)
    assert read_body(tmp_path, row) == body
    assert row == {
        "sha256": sha256(body),
        "pack": "run.pack",
        "offset_bytes": row["offset_bytes"],
        "stored_bytes": row["stored_bytes"],
        "size_bytes": len(body),
        "run_id": "run",
    }
    assert row["offset_bytes"] + row["stored_bytes"] < pack.stat().st_size
    EVIDENCE.model.validate(frame(EVIDENCE, [row]), lazy=True)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(), max_size=5))
def test_any_bytes_come_out_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("evidence")
    rows = write_pack(folder, "run", bodies)
    assert [read_body(folder, row) for row in rows] == bodies


def test_an_address_is_the_digest_of_the_bytes() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_several_bodies_each_have_their_place(tmp_path: Path) -> None:
    bodies = [RECORD, b"", b"x" * 100, RECORD[::-1]]
    rows = write_pack(tmp_path / "deep" / "er", "run", iter(bodies))
    assert [read_body(tmp_path / "deep" / "er", row) for row in reversed(rows)] == bodies[::-1]


def test_no_bodies_are_no_rows(tmp_path: Path) -> None:
    assert write_pack(tmp_path, "run", []) == []


def test_a_pack_grows_and_what_it_holds_stays(tmp_path: Path) -> None:
    first = write_pack(tmp_path, "run", [b"one", b"two"])
    before = (tmp_path / "run.pack").read_bytes()
    second = write_pack(tmp_path, "run", [b"three"])
    assert (tmp_path / "run.pack").read_bytes().startswith(before)
    assert [read_body(tmp_path, row) for row in first + second] == [b"one", b"two", b"three"]


def test_a_run_has_a_pack_of_its_own(tmp_path: Path) -> None:
    rows = [row for run in ("first", "second") for row in write_pack(tmp_path, run, [run.encode()])]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.pack", "second.pack"]
    assert [read_body(tmp_path, row) for row in rows] == [b"first", b"second"]


def test_a_pack_explains_itself(tmp_path: Path) -> None:
    bodies = [RECORD, b"", b"x" * 100]
    rows = write_pack(tmp_path, "run", bodies[:2]) + write_pack(tmp_path, "run", bodies[2:])
    told = ("sha256", "run_id", "size_bytes", "stored_bytes")
    due = [({name: row[name] for name in told}, body) for row, body in zip(rows, bodies, strict=True)]
    assert list(explained((tmp_path / "run.pack").read_bytes())) == due


def test_any_zstd_tool_reads_a_pack(tmp_path: Path) -> None:
    write_pack(tmp_path, "run", [RECORD, b"", b"x" * 100])
    pack = io.BytesIO((tmp_path / "run.pack").read_bytes())
    assert zstandard.ZstdDecompressor().stream_reader(pack, read_across_frames=True).read() == RECORD + b"x" * 100


def test_a_record_takes_less_room_than_it_has(tmp_path: Path) -> None:
    (row,) = write_pack(tmp_path, "run", [RECORD])
    assert row["stored_bytes"] < row["size_bytes"] / 2


# Bodies much like earlier ones


REVISED = RECORD.replace(b"2022-07-04", b"2023-08-05")


def test_a_body_much_like_an_earlier_one_takes_little_room(tmp_path: Path) -> None:
    (whole,) = write_pack(tmp_path, "first", [RECORD])
    (added,) = write_pack(tmp_path, "second", [REVISED], like={sha256(REVISED): whole})
    assert read_body(tmp_path, added) == REVISED != RECORD
    assert added["stored_bytes"] < whole["stored_bytes"] / 3
    assert list(scan_packs(tmp_path)) == [whole, added]
    EVIDENCE.model.validate(frame(EVIDENCE, [added]), lazy=True)


def test_however_many_follow_one_another_each_adds_to_one_that_is_whole(tmp_path: Path) -> None:
    (first,) = write_pack(tmp_path, "0", [RECORD])
    rows = [first]
    bodies = [RECORD.replace(b"Structured", b"Join" * number) for number in range(2, 6)]
    for number, body in enumerate(bodies):
        rows += write_pack(tmp_path, str(number + 1), [body], like={sha256(body): rows[-1]})
    for number in range(1, 4):
        (tmp_path / f"{number}.pack").unlink()
    assert read_body(tmp_path, rows[-1]) == bodies[-1]


def test_a_body_that_is_like_nothing_is_kept_whole(tmp_path: Path) -> None:
    (first,) = write_pack(tmp_path, "first", [RECORD])
    other = random.Random(2).randbytes(500)
    (second,) = write_pack(tmp_path, "second", [other], like={sha256(other): first})
    (tmp_path / "first.pack").unlink()
    assert read_body(tmp_path, second) == other


def test_what_a_body_adds_to_is_damaged_or_gone(tmp_path: Path) -> None:
    (whole,) = write_pack(tmp_path, "first", [RECORD])
    (added,) = write_pack(tmp_path, "second", [REVISED], like={sha256(REVISED): whole})
    pack = bytearray((tmp_path / "first.pack").read_bytes())
    pack[whole["offset_bytes"] + 40] ^= 1
    (tmp_path / "first.pack").write_bytes(pack)
    with pytest.raises(EvidenceError, match=f"{added['sha256']} in second.pack"):
        read_body(tmp_path, added)
    assert list(scan_packs(tmp_path)) == []
    with pytest.raises(EvidenceError):
        write_pack(tmp_path, "third", [b"more"], like={sha256(b"more"): whole})
    (tmp_path / "first.pack").unlink()
    with pytest.raises(EvidenceError, match=f"{added['sha256']} in second.pack"):
        read_body(tmp_path, added)


def test_a_body_that_adds_to_one_that_is_not_whole_is_not_believed(tmp_path: Path) -> None:
    (whole,) = write_pack(tmp_path, "first", [RECORD])
    (added,) = write_pack(tmp_path, "second", [REVISED], like={sha256(REVISED): whole})
    pack = (tmp_path / "second.pack").read_bytes()
    place = json.dumps({name: added[name] for name in ("sha256", "pack", "offset_bytes", "stored_bytes", "size_bytes")}).encode()
    ring = struct.pack("<II", 0x184D2A50, len(place)) + place
    (tmp_path / "second.pack").write_bytes(pack[: added["offset_bytes"]] + ring + pack[added["offset_bytes"] :])
    with pytest.raises(EvidenceError):
        read_body(tmp_path, added | {"stored_bytes": added["stored_bytes"] + len(ring)})


# Damage


@pytest.mark.parametrize("body", BODIES[:-1])
def test_a_flipped_bit_is_found_or_does_no_harm(tmp_path: Path, body: bytes) -> None:
    row, pack = stored(tmp_path, body)
    whole = pack.read_bytes()
    # The beginning of a frame says how to read the rest: there every bit counts.
    places = [place for place in range(row["stored_bytes"]) if place < 32 or place % 29 == 0]
    found = []
    for place in places:
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[row["offset_bytes"] + place] ^= 1 << bit
            pack.write_bytes(damaged)
            try:
                assert read_body(tmp_path, row) == body
            except EvidenceError as error:
                found.append(str(error))
    assert len(found) > len(places) * 4
    assert all(f"{row['sha256']} in run.pack" in message for message in found)


@pytest.mark.parametrize("body", BODIES[1:-1])
def test_a_pack_that_is_cut_is_found(tmp_path: Path, body: bytes) -> None:
    row, pack = stored(tmp_path, body)
    end = row["offset_bytes"] + row["stored_bytes"]
    for size in range(end - 1, 0, -max(1, end // 50)):
        os.truncate(pack, size)
        with pytest.raises(EvidenceError, match=f"{row['sha256']} in run.pack"):
            read_body(tmp_path, row)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"offset_bytes": 0}, id="the place of the header"),
        pytest.param({"sha256": sha256(b"before")}, id="the digest of another"),
        pytest.param({"stored_bytes": 1}, id="too short"),
        pytest.param({"pack": "another.pack"}, id="a pack that is not there"),
        pytest.param({"pack": "."}, id="a folder"),
    ],
)
def test_a_row_that_leads_elsewhere_is_found(tmp_path: Path, wrong: dict[str, Any]) -> None:
    row, _ = stored(tmp_path, RECORD)
    with pytest.raises(EvidenceError):
        read_body(tmp_path, row | wrong)
