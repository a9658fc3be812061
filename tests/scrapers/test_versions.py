"""What a parser makes of the same bytes changes only with its version: else its change would be told as the publisher's."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from schemas.record import Record
from scrapers import api, occupation, page
from scrapers.reading import ParseError, Reading
from scrapers.sample.pages import occupation_page, standard_page
from scrapers.sample.records import sample_records
from tests.scrapers.test_skins import in_force, versions_of

PAGES = Path(__file__).parents[1] / "pages"
DIGESTS = Path(__file__).parents[1] / "readings.json"
SAMPLES = sample_records()


def api_readings() -> Iterator[Reading]:
    entries, _, _ = api.split(orjson.dumps(list(SAMPLES.values())))
    for entry in entries:
        yield api.parse(entry.evidence)


def page_readings() -> Iterator[Reading]:
    for record in SAMPLES.values():
        reference = record["referenceNumber"].strip()
        yield page.parse(page.evidence(standard_page(record, versions_of(reference), in_force(reference)).encode()))
    for path in sorted(PAGES.glob("*.html")):
        if not path.name.startswith("occupation"):
            yield page.parse(page.evidence(path.read_bytes()))


def occupation_readings() -> Iterator[Reading]:
    for record in SAMPLES.values():
        try:
            yield occupation.parse(page.evidence(occupation_page(record).encode()))
        except ParseError:
            continue
    yield occupation.parse(page.evidence((PAGES / "occupation.html").read_bytes()))


READINGS = {
    api.PARSER_VERSION: api_readings,
    page.PARSER_VERSION: page_readings,
    occupation.PARSER_VERSION: occupation_readings,
}


def told(record: Record) -> object:
    content = record.content
    return [
        [str(value) for value in record.attributes.values()],
        [[ksb.code, ksb.text, ksb.options] for ksb in content.ksbs],
        [[duty.number, duty.text, duty.codes, duty.criteria, duty.is_core, duty.options] for duty in content.duties],
        content.options,
    ]


@pytest.mark.parametrize("version", READINGS)
def test_what_a_parser_reads_moves_only_with_its_version(version: str) -> None:
    found = hashlib.sha256(orjson.dumps([told(reading.record) for reading in READINGS[version]()])).hexdigest()[:32]
    known = json.loads(DIGESTS.read_text(encoding="utf-8"))
    if version not in known:
        DIGESTS.write_text(json.dumps(known | {version: found}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        pytest.fail(f"{version} is new: its digest has been written to {DIGESTS.name}; commit it.")
    assert found == known[version], (
        f"The sample's pages and records read otherwise than {version} read them. If that is meant, give the parser a new PARSER_VERSION "
        f"(stored evidence is then read again, and the difference is recorded as ours); if a page or record of the sample changed, "
        f"take {version} out of {DIGESTS.name} and run this test twice."
    )


def test_every_digest_is_of_a_parser_there_is_or_was() -> None:
    names = {version.rpartition("-")[0] for version in json.loads(DIGESTS.read_text(encoding="utf-8"))}
    assert names == {version.rpartition("-")[0] for version in READINGS}
