"""Pages as files: complete, permanent, made only where something moved."""

import csv
import io
import re
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from icalendar import Calendar

from pipelines.publish.site import manifest
from scrapers.sample.pages import standard_page
from scrapers.sample.server import Fault
from tests.pipelines.publish.site.summer import HOSTILE, TEXTS, TITLE, build, files, look, nights
from tests.watching import Watch, sample
from warehouse.database import WarehouseBusyError, WarehouseError
from warehouse.lock import only_writer


def pages(site: Path) -> dict[str, BeautifulSoup]:
    return {path.relative_to(site).as_posix(): BeautifulSoup(path.read_bytes(), "lxml") for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def read(site: Path) -> dict[str, BeautifulSoup]:
    return pages(site)


def test_every_link_leads_to_a_page_and_a_place_on_it(site: Path, read: dict[str, BeautifulSoup]) -> None:
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in read.items()}
    dead = []
    for path, page in read.items():
        for tag in page.find_all(["a", "link", "script"]):
            address = str(tag.get("href") or tag.get("src"))
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (site / path).parent / unquote(parts.path) if parts.path else site / path
            name = target.resolve().relative_to(site.resolve()).as_posix()
            if not target.is_file() or (parts.fragment and parts.fragment not in ids.get(name, {parts.fragment})):
                dead.append((path, address))
    assert dead == []


def test_no_page_asks_anything_of_anybody_and_none_runs_what_it_shows(read: dict[str, BeautifulSoup]) -> None:
    for path, page in read.items():
        policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert isinstance(policy, Tag), path
        assert str(policy["content"]).startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'"), path
        assert page.find(["style", "iframe", "object", "embed", "base"]) is None, path
        assert [str(tag.get("src")) for tag in page.find_all(["script", "img"]) if urlsplit(str(tag.get("src"))).scheme] == [], path
        assert page.find_all(lambda tag: any(name.startswith("on") or name == "style" for name in tag.attrs)) == [], path
        schemes = {urlsplit(str(tag["href"])).scheme for tag in page.find_all(href=True)}
        assert schemes <= {"", "http", "https"}, path


def test_ids_are_unique_and_headings_go_down_one_by_one(read: dict[str, BeautifulSoup]) -> None:
    for path, page in read.items():
        twice = [ident for ident, count in Counter(tag["id"] for tag in page.find_all(id=True)).items() if count > 1]
        assert twice == [], path
        levels = [int(tag.name[1]) for tag in page.find_all(re.compile(r"^h[1-6]$"))]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), path


def test_every_standard_version_pair_and_change_has_an_address(summer: Watch, site: Path, read: dict[str, BeautifulSoup]) -> None:
    for row in summer.rows("SELECT reference, version FROM current_versions"):
        assert (site / f"standards/{row['reference']}/index.html").is_file()
        assert (site / f"standards/{row['reference']}/{row['version']}.html").is_file()
    for row in summer.rows("SELECT DISTINCT reference, from_version, to_version FROM version_crosswalk"):
        assert (site / f"standards/{row['reference']}/{row['from_version']}-to-{row['to_version']}.html").is_file()
    changes = summer.rows("SELECT change_id, reference, detected_at::DATE AS day FROM changes")
    assert changes
    for row in changes:
        assert read[f"standards/{row['reference']}/{row['day']}.html"].find(id=row["change_id"]), row
        assert (site / f"changes/{row['day']}.html").is_file()


def test_what_the_publisher_wrote_stays_text(read: dict[str, BeautifulSoup]) -> None:
    page = read[f"standards/{HOSTILE}/index.html"]
    assert page.find("h1").get_text() == TITLE  # type: ignore[union-attr]
    shown = [item.find_all("p")[1].get_text() for item in page.select("section:has(#skills) .items li")]
    assert shown[: len(TEXTS)] == [f"{text} and {TITLE}" for text in TEXTS]
    assert len(page.find_all("time", class_="checked")) == 1
    for path, one in read.items():
        assert [tag for tag in one.find_all("script") if not tag.get("src")] == [], path
        assert one.find("img") is None, path


def test_only_addresses_of_the_web_become_links(read: dict[str, BeautifulSoup]) -> None:
    facts = {div.dt.get_text(): div.dd for div in read[f"standards/{HOSTILE}/index.html"].select(".facts div") if div.dt}
    plan = facts["Assessment plan"]
    assert plan is not None
    assert plan.a is None
    assert "javascript" not in "".join(str(tag["href"]) for page in read.values() for tag in page.find_all(href=True))


def test_the_csv_of_a_pair_is_its_crosswalk_and_runs_no_formula(summer: Watch, site: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((site / "standards/ST9002/1.1-to-2.0.csv").read_text("utf-8-sig"))))
    known = summer.rows("SELECT * FROM version_crosswalk WHERE reference = 'ST9002' AND (from_version, to_version) = ('1.1', '2.0')")
    assert {(row["from_code"], row["to_code"], row["relation"]) for row in rows} == {
        (row["from_code"] or "", row["to_code"] or "", row["relation"]) for row in known
    }
    for path in site.rglob("*.csv"):
        for line in csv.reader(io.StringIO(path.read_text("utf-8-sig"))):
            assert not [cell for cell in line if cell.startswith(("=", "+", "-", "@"))], path


def test_the_calendar_holds_the_days_to_come_as_days(site: Path) -> None:
    events = Calendar.from_ical((site / "coming-up.ics").read_bytes()).walk("VEVENT")
    told = {(str(event["UID"]), event.decoded("DTSTART").isoformat()) for event in events}
    assert ("ST9008-2.0-first-start@standards-watch", "2026-11-23") in told
    assert ("ST9008-1.0-last-start@standards-watch", "2026-11-22") in told


def test_building_again_writes_nothing(summer: Watch, site: Path) -> None:
    before = files(site)
    built = build(summer, site)
    assert (built.written, built.checked, built.removed) == (0, 0, 0)
    assert files(site) == before


def test_night_after_night_gives_what_one_build_in_the_end_gives(summer: Watch, site: Path, tmp_path: Path) -> None:
    watch = Watch(tmp_path / "data")
    for number in (1, 2, 3):
        look(watch, number)
        build(watch, tmp_path / "site")
    assert files(tmp_path / "site") == files(site)


def test_a_night_without_changes_only_moves_the_last_check(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    look(watch, 1)
    build(watch, folder)
    before = files(folder)
    look(watch, 2, nights()[0])
    built = build(watch, folder)
    after = files(folder)
    moved = {path for path, body in after.items() if before.get(path) != body}
    assert built.checked == sum(path.startswith("standards/ST") for path in moved)
    assert {path for path in moved if not path.startswith("standards/ST")} == {"index.html", "coming-up.html", "about.html"}
    assert b"9 June 2026, 05:00 UTC" in after["standards/ST9001/index.html"]
    assert before.keys() == after.keys()


def test_a_night_with_changes_makes_the_pages_of_those_standards_anew(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    look(watch, 1)
    build(watch, folder)
    before = files(folder)
    look(watch, 2)
    build(watch, folder)
    after = {path: re.sub(rb'<time class="checked">[^<]*</time>', b"", body) for path, body in files(folder).items()}
    before = {path: re.sub(rb'<time class="checked">[^<]*</time>', b"", body) for path, body in before.items()}
    moved = {path.split("/")[1] for path in after if path.startswith("standards/ST") and after[path] != before.get(path)}
    changed = {row["reference"] for row in watch.rows("SELECT DISTINCT reference FROM changes")}
    # What moved without being a change, such as an address, is shown as it is now as well.
    assert changed <= moved <= {row["reference"] for row in watch.rows("SELECT DISTINCT reference FROM snapshots WHERE run_id = 'run-2'")}


def test_a_build_that_dies_is_done_again(summer: Watch, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    written = 0
    whole = manifest._replace

    def dies(path: Path, body: bytes) -> None:
        nonlocal written
        written += 1
        if written == 40:
            path.with_name(f".{path.name}.draft").write_bytes(body[:100])
            raise KeyboardInterrupt
        whole(path, body)

    monkeypatch.setattr(manifest, "_replace", dies)
    with pytest.raises(KeyboardInterrupt):
        build(summer, folder)
    assert all(body == files(site)[path] for path, body in files(folder).items())
    monkeypatch.setattr(manifest, "_replace", whole)
    build(summer, folder)
    assert files(folder) == files(site)


def test_a_page_that_is_gone_comes_back_and_one_that_is_over_goes(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    look(watch, 1)
    build(watch, folder)
    complete = files(folder)
    (folder / "standards/ST9001/1.2.html").unlink()
    build(watch, folder)
    assert files(folder) == complete
    with watch.open() as db:
        for table in ("watched_versions", "snapshots"):
            db.execute(f"DELETE FROM {table} WHERE reference = 'ST9007'")
    watch.work()
    assert build(watch, folder).removed > 0
    assert not (folder / "standards/ST9007").exists()


def test_somebody_else_s_pages_and_files_are_left_alone(watch: Watch, tmp_path: Path) -> None:
    look(watch, 1)
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "index.html").write_text("years of work", encoding="utf-8")
    with pytest.raises(WarehouseError, match="not built here"):
        build(watch, folder)
    assert (folder / "index.html").read_text(encoding="utf-8") == "years of work"
    (tmp_path / "site/feeds").mkdir(parents=True)
    (tmp_path / "site/feeds/all.xml").write_text("<feed/>", encoding="utf-8")
    build(watch, tmp_path / "site")
    build(watch, tmp_path / "site")
    assert (tmp_path / "site/feeds/all.xml").read_text(encoding="utf-8") == "<feed/>"
    assert 'href="feeds/all.xml"' in (tmp_path / "site/index.html").read_text(encoding="utf-8")


def test_two_builders_do_not_meet(watch: Watch, tmp_path: Path) -> None:
    look(watch, 1)
    with only_writer(tmp_path / "site"), pytest.raises(WarehouseBusyError):
        build(watch, tmp_path / "site")


def test_before_the_first_run_there_is_nothing_to_build(watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="standards-watch run"):
        build(watch, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_first_look_has_pages_that_say_what_they_do_not_have(watch: Watch, tmp_path: Path) -> None:
    look(watch, 1)
    build(watch, tmp_path / "site")
    home = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "No change has been seen yet" in home
    assert "Nothing: every source answered" in home
    assert "No change has been seen yet" in (tmp_path / "site/changes/index.html").read_text(encoding="utf-8")
    assert "No change has been seen in this standard" in (tmp_path / "site/standards/ST9001/index.html").read_text(encoding="utf-8")


def test_what_needs_attention_stands_on_the_first_page(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    look(watch, 1)
    build(watch, folder)
    watch.see(nights()[0], faults=[Fault(path="/api/", status=503)], at=datetime(2026, 6, 9, 5))  # noqa: DTZ001 - naive UTC
    build(watch, folder)
    home = BeautifulSoup((folder / "index.html").read_bytes(), "lxml").select_one(".attention")
    assert home is not None
    assert "could not be checked" in home.get_text()
    assert "Could not be checked since" in (folder / "standards/ST9001/index.html").read_text(encoding="utf-8")
    look(watch, 3)
    build(watch, folder)
    assert "Nothing: every source answered" in (folder / "index.html").read_text(encoding="utf-8")
    assert "Could not be checked since" not in (folder / "standards/ST9001/index.html").read_text(encoding="utf-8")


def test_what_the_sources_disagree_on_stands_with_the_standard_until_they_agree(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    records = sample()
    versions = [record for record in records if record["referenceNumber"] == "ST9001"]
    page = standard_page(versions[-1] | {"maxFunding": 1}, versions, versions[-1]).encode()
    watch.see(records, sources=("api", "page"), faults=[Fault(path="/apprenticeships/st9001", status=200, body=page)])
    build(watch, folder)
    said = BeautifulSoup((folder / "standards/ST9001/index.html").read_bytes(), "lxml").select_one("header .inset")
    assert said is not None
    assert "Maximum funding of version 1.2" in said.get_text()
    assert "the standard’s web page says “1”" in said.get_text()
    assert "The sources disagree" in (folder / "index.html").read_text(encoding="utf-8")
    watch.see(records, sources=("api", "page"))
    build(watch, folder)
    assert "The sources disagree" not in (folder / "standards/ST9001/index.html").read_text(encoding="utf-8")
