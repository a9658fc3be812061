"""Whole standards at once say what one at a time says."""

from tests.watching import Watch, night, sample
from warehouse import read, site


def test_records_read_at_once_are_those_read_one_by_one(watch: Watch) -> None:
    watch.see(sample())
    with watch.open() as db:
        rows = site.versions(db)
        prose = site.prose(db, [row["snapshot_id"] for row in rows])
        contents = site.contents(db, {row["content_id"] for row in rows})
        assert len(rows) == len(sample())
        for row in rows:
            found = site.record(row, prose[row["snapshot_id"]], contents[row["content_id"]])
            one = read.version(db, row["reference"], row["version"], None)
            assert one is not None
            assert found == read.record(db, one)


def test_versions_come_in_the_order_of_their_numbers_with_those_that_are_gone(watch: Watch) -> None:
    watch.see(sample())
    left = [record for record in sample() if record["referenceNumber"] != "ST9007"]
    for _ in range(3):
        watch.see(left)
    with watch.open() as db:
        rows = site.versions(db)
    assert [row["version"] for row in rows if row["reference"] == "ST9001"] == ["1.0", "1.1", "1.2"]
    assert {row["reference"] for row in rows if row["is_missing"]} == {"ST9007"}


def test_a_notice_that_only_the_page_shows_is_the_version_s(watch: Watch) -> None:
    watch.see(sample(), sources=("api", "page"))
    with watch.open() as db:
        shown = {(row["reference"], row["version"]): row["notice"] for row in site.versions(db)}
        for row in db.rows("SELECT reference, version, notice FROM snapshots WHERE source = 'page' AND notice IS NOT NULL"):
            assert shown[row["reference"], row["version"]]


def test_marks_move_with_what_is_said(watch: Watch) -> None:
    assert watch.see(sample("ST9003 1.0", "ST9001 1.2")) == []
    watch.see([*sample("ST9003 1.0", maxFunding=1), *sample("ST9001 1.2")])
    with watch.open() as db:
        (mark,) = site.marks(db)
        assert (mark.reference, mark.seen_on, mark.changes) == ("ST9003", night(2).date(), 1)
        assert [(row["month"], row["family"], row["changes"]) for row in site.by_month(db)] == [
            (night(2).date().replace(day=1), "attribute", 1)
        ]
        assert (site.watching_since(db), site.last_look(db)) == (night(1), night(2))
        db.execute("UPDATE changes SET sources = list_append(sources, 'page')")
        (again,) = site.marks(db)
    assert again.mark != mark.mark
