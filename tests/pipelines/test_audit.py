"""Evidence that can be shown: where a value came from, and damage that is found."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.audit import Explanation, Verdict, explain, verify
from tests.watching import Watch, night, no_progress, sample
from warehouse import read
from warehouse.evidence import EvidenceError, sha256
from warehouse.publish import publish

SOURCES = ("api", "page", "occupation")


@contextmanager
def published(watch: Watch) -> Iterator[read.Reader]:
    with read.open_published(watch.data) as reader:
        yield reader


def explained(watch: Watch, item: str) -> Explanation:
    with published(watch) as reader:
        row = read.version(reader, "ST9001", "1.2", None)
        assert row
        return explain(reader, watch.data / "evidence", row, item)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("item", ["K1", "s3", "Duty 2", "duty 2", "title", "level", "job_titles"])
def test_a_value_and_the_bytes_it_came_from(watch: Watch, source: str, item: str) -> None:
    watch.see(sample("ST9001 1.2"), sources=(source,))
    found = explained(watch, item)
    assert found.is_same
    assert found.value
    assert (found.source, found.seen_from_at) == (source, night(1))
    assert found.url
    assert found.parser_version == found.parser_version_now


def test_an_item_there_is_not(watch: Watch) -> None:
    watch.see(sample("ST9001 1.2"))
    with pytest.raises(KeyError):
        explained(watch, "K99")


def verdicts(watch: Watch) -> list[Verdict]:
    with published(watch) as reader:
        return list(verify(reader, watch.data / "evidence", no_progress))


def test_a_sound_folder_is_found_sound(watch: Watch) -> None:
    watch.see(sample(), sources=SOURCES)
    watch.see(sample("ST9001 1.2", maxFunding=1), sources=SOURCES)
    assert [verdict for verdict in verdicts(watch) if verdict.wrong] == []


def test_a_flipped_byte_is_found_and_named(watch: Watch) -> None:
    watch.see(sample("ST9001 1.2"))
    (pack,) = (watch.data / "evidence").glob("*.pack")
    (row,) = watch.rows("SELECT e.* FROM evidence e JOIN snapshots ON sha256 = evidence_sha256")
    body = bytearray(pack.read_bytes())
    body[row["offset_bytes"] + row["stored_bytes"] - 10] ^= 1
    pack.write_bytes(body)
    (wrong,) = [verdict for verdict in verdicts(watch) if verdict.wrong]
    assert row["sha256"] in wrong.wrong[0]
    with pytest.raises(EvidenceError):
        explained(watch, "K1")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param("UPDATE snapshots SET skill_count = skill_count + 1", "counts", id="a count"),
        pytest.param("UPDATE watched_versions SET is_missing = true", "in force", id="a version without its snapshot"),
        pytest.param("DELETE FROM content_ksbs WHERE code = 'K1'", "mapped", id="a KSB that duties need"),
        pytest.param(f"UPDATE snapshots SET evidence_sha256 = '{sha256(b'')}'", "bytes behind a snapshot", id="evidence that is not there"),
    ],
)
def test_damage_between_tables_is_found(watch: Watch, damage: str, said: str) -> None:
    watch.see(sample("ST9001 1.2"))
    with watch.open() as db:
        db.execute(damage)
        publish(db, watch.data)
    assert any(said in verdict.what for verdict in verdicts(watch) if verdict.wrong)
