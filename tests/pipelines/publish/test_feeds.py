"""Feeds: valid, stable, and written only where something moved."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.publish.feeds import entries, write_feeds
from tests.pipelines.alerts.conftest import change
from tests.watching import night

ATOM, HISTORY = "{http://www.w3.org/2005/Atom}", "{http://purl.org/syndication/history/1.0}"
SITE = "https://standards.example.org"


def rows(nights: int, *references: str, **told: Any) -> list[dict[str, Any]]:
    return [
        change(reference, detected_at=night(number), after=str(number), route="Digital", level=3, page_url="https://example.org/x", **told)
        for number in range(1, nights + 1)
        for reference in references or ("ST9001",)
    ]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def parse(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())  # noqa: S314 - our own file


def texts(feed: ET.Element, name: str) -> list[str]:
    return [str(found.text) for found in feed.findall(f"{ATOM}entry/{ATOM}{name}")]


def links(feed: ET.Element) -> dict[str, str]:
    return {link.attrib["rel"]: link.attrib["href"] for link in feed.findall(f"{ATOM}link")}


def valid(feed: ET.Element) -> None:
    """What RFC 4287 asks of a feed and its entries."""
    assert feed.tag == f"{ATOM}feed"
    for one in (feed, *feed.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            (found,) = one.findall(f"{ATOM}{name}")
            assert found.text
    (author,) = feed.findall(f"{ATOM}author/{ATOM}name")
    assert author.text
    ids = texts(feed, "id")
    assert len(ids) == len(set(ids))
    assert all(one.startswith("tag:standards-watch,2026:") for one in ids)
    updated = texts(feed, "updated")
    assert all(one.endswith("Z") for one in updated)
    assert updated == sorted(updated, reverse=True)
    assert feed.findtext(f"{ATOM}updated") == (updated[0] if updated else "2026-01-01T00:00:00Z")
    assert {child.tag for child in feed} <= {f"{ATOM}{n}" for n in ("id", "title", "updated", "author", "rights", "link", "entry")} | {
        f"{HISTORY}archive"
    }


def test_there_are_feeds_of_all_of_each_route_and_of_each_standard(tmp_path: Path) -> None:
    written = write_feeds([*rows(1, "ST9001"), *rows(1, "ST9002")], tmp_path, SITE)
    assert sorted(name for name in files(tmp_path) if name.endswith(".xml")) == [
        "all.xml",
        "route/digital.xml",
        "standard/ST9001.xml",
        "standard/ST9002.xml",
    ]
    assert (written.feeds, written.entries, written.documents) == (4, 2, 4)
    for path in tmp_path.rglob("*.xml"):
        valid(parse(path))
    feed = parse(tmp_path / "standard" / "ST9001.xml")
    assert links(feed) == {"self": f"{SITE}/feeds/standard/ST9001.xml"}
    assert texts(feed, "title") == ["ST9001 Tidal turbine technician: Maximum funding £5,000 → £6,000"]
    (alternate,) = feed.findall(f"{ATOM}entry/{ATOM}link")
    assert alternate.attrib["href"] == f"{SITE}/standards/ST9001/"
    assert "Rule R-FUNDING" in texts(feed, "content")[0]
    assert "Open Government Licence" in str(feed.findtext(f"{ATOM}rights"))


def test_nothing_is_written_where_nothing_moved_and_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    told = rows(3, "ST9001", "ST9002")
    write_feeds(told, tmp_path / "one", SITE)
    before = files(tmp_path / "one")
    assert write_feeds(told, tmp_path / "one", SITE).documents == 0
    write_feeds(told, tmp_path / "two", SITE)
    assert files(tmp_path / "two") == before == files(tmp_path / "one")


def test_only_what_moved_is_written(tmp_path: Path) -> None:
    told = rows(3, "ST9001", "ST9002")
    write_feeds(told, tmp_path, SITE)
    before = files(tmp_path)
    news = [change("ST9001", detected_at=night(9), after="9", route="Digital", level=3, page_url=None)]
    assert write_feeds([*told, *news], tmp_path, SITE).documents == 3
    after = files(tmp_path)
    assert {name for name in after if after[name] != before.get(name)} == {
        ".manifest.json",
        "all.xml",
        "route/digital.xml",
        "standard/ST9001.xml",
    }
    (tmp_path / "all.xml").unlink()
    assert write_feeds([*told, *news], tmp_path, SITE).documents == 1


@pytest.mark.parametrize(("count", "archives", "current"), [(0, 0, 0), (149, 0, 149), (150, 1, 50), (249, 1, 149), (350, 3, 50)])
def test_archives_are_full_and_never_change(tmp_path: Path, count: int, archives: int, current: int) -> None:
    every = rows(400)
    write_feeds(every[:count], tmp_path, SITE)
    feed = parse(tmp_path / "all.xml")
    valid(feed)
    assert len(texts(feed, "id")) == current
    ids = texts(feed, "id")
    path, seen = links(feed).get("prev-archive"), 0
    while path:
        archive = parse(tmp_path / path.removeprefix(f"{SITE}/feeds/"))
        valid(archive)
        assert archive.find(f"{HISTORY}archive") is not None
        assert links(archive)["current"] == f"{SITE}/feeds/all.xml"
        assert links(archive)["self"] == path
        assert len(texts(archive, "id")) == 100
        ids += texts(archive, "id")
        path, seen = links(archive).get("prev-archive"), seen + 1
    assert seen == archives
    assert len(ids) == len(set(ids)) == count
    before = {name: body for name, body in files(tmp_path).items() if "archive" in name}
    write_feeds(every, tmp_path, SITE)
    assert before.items() <= files(tmp_path).items()


def test_without_an_address_the_documents_find_each_other(tmp_path: Path) -> None:
    write_feeds(rows(350), tmp_path, None)
    feed = parse(tmp_path / "standard" / "ST9001.xml")
    assert "self" not in links(feed)
    at = tmp_path / "standard" / "ST9001.xml"
    for _ in range(3):
        at = (at.parent / links(parse(at))["prev-archive"]).resolve()
        assert at.is_file()
        assert (at.parent / links(parse(at))["current"]).resolve() == tmp_path / "standard" / "ST9001.xml"


def test_ids_come_from_the_changes_whenever_and_wherever_they_were_seen() -> None:
    told = rows(2)
    later = [row | {"detected_at": row["detected_at"] + timedelta(hours=3), "run_id": "another", "summary": "Other words."} for row in told]
    assert [entry.entry_id for entry in entries(told)] == [entry.entry_id for entry in entries(later)]


def bulk_rows() -> Sequence[dict[str, Any]]:
    return [
        change(f"ST9{number:03}", detected_at=night(1), route="Digital" if number < 5 else "Health", level=3, page_url=None)
        for number in range(30)
    ]


def test_a_bulk_change_is_one_entry_and_its_own_part_in_each_standard_s_feed(tmp_path: Path) -> None:
    write_feeds(bulk_rows(), tmp_path, SITE)
    assert len(texts(parse(tmp_path / "all.xml"), "id")) == 1
    assert texts(parse(tmp_path / "standard" / "ST9003.xml"), "title") == [
        "ST9003 Tidal turbine technician: Maximum funding £5,000 → £6,000"
    ]
    ids = [texts(parse(path), "id")[0] for path in tmp_path.rglob("*.xml")]
    assert len(ids) == len(set(ids))
    assert texts(parse(tmp_path / "route" / "digital.xml"), "title") == ["The same change in 5 standards: Maximum funding £5,000 → £6,000"]


def test_untrusted_words_stay_words(tmp_path: Path) -> None:
    hostile = rows(1, title="<b>&amp;</b>\x00\x0c]]>\ufffe", summary="</content><script>alert(1)</script>")
    write_feeds(hostile, tmp_path, SITE)
    feed = parse(tmp_path / "all.xml")
    assert texts(feed, "title")[0].startswith("ST9001 <b>&amp;</b>]]>: ")
    assert "<script" not in texts(feed, "content")[0]
    assert "&lt;/content&gt;&lt;script&gt;" in texts(feed, "content")[0]
