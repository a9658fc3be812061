"""The evidence folder alone gives the same history and the same change ids, and damage to it is found."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.capture import is_due_in_full
from pipelines.cli import app
from pipelines.rebuild import rebuild
from schemas.tables import TABLES
from scrapers import api
from scrapers.sample.server import Fault, SampleSite, sample_nights
from tests.watching import Watch, night, no_progress, sample
from warehouse.database import Warehouse, WarehouseError, open_warehouse
from warehouse.evidence import EvidenceError, scan_packs
from warehouse.journal import NAME, entries
from warehouse.quarantine import decide

SOURCES = ("api", "page", "occupation")
ST = "ST9003 1.0"
# What only the file system, or the way to the site, can tell.
ELSEWHERE = {
    "evidence": ("pack", "offset_bytes", "stored_bytes", "run_id"),
    "captures": ("capture_id", "etag"),
}
NOT_HISTORY = ("listings", "journal", "alerts", "deliveries")


def contents(db: Warehouse) -> dict[str, list[Any]]:
    """Every row of every table that tells history."""
    found = {}
    for table in TABLES:
        if table.name not in NOT_HISTORY:
            left_out = ELSEWHERE.get(table.name)
            columns = f"* EXCLUDE ({', '.join(left_out)})" if left_out else "*"
            found[table.name] = db.rows(f"SELECT {columns} FROM {table.name} ORDER BY ALL")
    return found


def rebuilt(watch: Watch, folder: Path) -> dict[str, list[Any]]:
    with open_warehouse(folder, is_replay=True) as db:
        rebuild(db, watch.data, no_progress)
        return contents(db)


def alive(watch: Watch) -> dict[str, list[Any]]:
    with watch.open() as db:
        return contents(db)


def test_three_nights_from_all_sources(watch: Watch, tmp_path: Path) -> None:
    with SampleSite(sample_nights()) as site:
        for number in (1, 2, 3):
            site.move(number)
            watch.look(site.url, sources=(*SOURCES, "ksb_planner"))
        watch.look(site.url, sources=SOURCES)
    before, again = alive(watch), rebuilt(watch, tmp_path / "again")
    assert again == before
    assert len(again["changes"]) > 10
    assert {row["rule"] for row in again["source_conflicts"]} == {"X-SUMMER-TIME"}


def test_nights_on_which_things_went_wrong(watch: Watch, tmp_path: Path) -> None:
    shrunk = sample(ST, knowledges=[], behaviours=[], duties=[])
    shrunk[0]["skills"] = shrunk[0]["skills"][:2]
    watch.see(sample(ST), sources=("api", "page"))
    watch.see(sample(ST), sources=("api", "page"), faults=[Fault(path="^/api/", status=503)])
    watch.see(shrunk)
    (held,) = watch.rows("SELECT quarantine_id FROM quarantine")
    with watch.open() as db:
        decide(db, held["quarantine_id"], "approved", reason="they said so", who="Ada", at=night(3))
    watch.see(shrunk)
    watch.capture(sample(ST, title="Seen by a run that died"))
    watch.see([*sample(ST, title="Another"), {"referenceNumber": "none", "version": "1.0"}])
    watch.see([*sample("ST9001 1.2"), *sample(ST, title="Another")], only=("ST9003",))
    for _ in range(3):
        watch.see(sample("ST9001 1.2"))
    before, again = alive(watch), rebuilt(watch, tmp_path / "again")
    assert again == before
    assert {row["event"] for row in again["changes"]} >= {"ksb_removed", "attribute_changed", "standard_added"}
    assert again["incidents"]
    assert {row["status"] for row in again["quarantine"]} == {"released", "held"}


def test_the_command_puts_the_new_warehouse_in_the_place_of_the_old_one_and_runs_go_on(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.see(sample(ST, title="Another"))
    before = alive(watch)
    (watch.data / "warehouse.duckdb").unlink()
    with pytest.raises(WarehouseError, match="rebuild"):
        watch.see(sample(ST, title="A third"))
    done = CliRunner().invoke(app, ["rebuild", "--data", str(watch.data)])
    assert done.exit_code == 0, done.output
    assert alive(watch) == before
    assert [row["after"] for row in watch.see(sample(ST, title="A third"))] == ["A third"]
    once_more = CliRunner().invoke(app, ["rebuild", "--json", "--data", str(watch.data)])
    assert '"runs": 3' in once_more.output
    assert (watch.data / "warehouse.before-rebuild.duckdb").is_file()


def test_without_a_journal_there_is_nothing_to_rebuild_from(watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="holds no journal"):
        rebuilt(watch, tmp_path / "again")


@pytest.mark.parametrize("damage", ["a flipped byte", "a line taken out", "two lines swapped"])
def test_a_journal_that_was_altered_is_found(watch: Watch, damage: str) -> None:
    watch.see(sample(ST))
    watch.see(sample(ST))
    journal = watch.data / "evidence" / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == len(list(entries(watch.data / "evidence"))) == 6
    if damage == "a flipped byte":
        lines[2] = lines[2].replace(b"good", b"gone")
    elif damage == "a line taken out":
        del lines[2]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    journal.write_bytes(b"".join(lines))
    with pytest.raises(EvidenceError, match="not what was written"):
        list(entries(watch.data / "evidence"))
    done = CliRunner().invoke(app, ["verify", "--data", str(watch.data)])
    assert done.exit_code == 1, done.output
    assert "journal" in done.output


def test_an_unchanged_night_adds_a_few_lines_and_no_bodies(watch: Watch) -> None:
    with SampleSite([sample()]) as site:
        # Served once, not modified from then on, but for the one day in seven on which its address is read in full.
        url = f"{site.url}{api.PATH}"
        nights = [at for at in map(night, range(2, 5)) if not is_due_in_full(url, night(1), at)][:2]
        watch.look(site.url, at=night(1))
        watch.look(site.url, at=nights[0])
        packs = {path.name: path.stat().st_size for path in (watch.data / "evidence").glob("*.pack")}
        watch.look(site.url, at=nights[1])
    assert {path.name: path.stat().st_size for path in (watch.data / "evidence").glob("*.pack")} == packs
    assert [entry["kind"] for entry in entries(watch.data / "evidence")] == ["started", "observed", "finished"] * 3


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_pack_that_was_cut_off_gives_its_whole_bodies(watch: Watch, cut: int) -> None:
    watch.see(sample())
    (pack,) = (watch.data / "evidence").glob("*.pack")
    whole = list(scan_packs(pack.parent))
    pack.write_bytes(pack.read_bytes()[:-cut])
    assert list(scan_packs(pack.parent)) == whole[:-1]


def test_a_pack_with_damage_in_the_middle_gives_the_bodies_around_it(watch: Watch) -> None:
    watch.see(sample())
    (pack,) = (watch.data / "evidence").glob("*.pack")
    whole = list(scan_packs(pack.parent))
    bytes_ = bytearray(pack.read_bytes())
    bytes_[whole[3]["offset_bytes"] + 9] ^= 1
    pack.write_bytes(bytes_)
    assert list(scan_packs(pack.parent)) == whole[:3] + whole[4:]
