"""A changed parser is not a changed standard: what it reads differently is our change, and is reported as such."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.audit import verify
from pipelines.cli import app
from schemas.record import Record
from scrapers.reading import ParseError, Reading
from scrapers.sources import SOURCES
from tests.watching import Watch, night, no_progress, sample, told
from warehouse import read
from warehouse.checks import CHECKS, failing_rows

ST = "ST9001 1.2"
BOTH = ("api", "page")
Parse = Callable[[bytes], Reading]


def parser(monkeypatch: pytest.MonkeyPatch, source: str, version: str, wrap: Callable[[Parse], Parse] = lambda parse: parse) -> None:
    """From here on, the source is read by another parser."""
    monkeypatch.setitem(SOURCES, source, replace(SOURCES[source], parser_version=version, parse=wrap(SOURCES[source].parse)))


def reading(alter: Callable[[Record], Record]) -> Callable[[Parse], Parse]:
    def wrap(parse: Parse) -> Parse:
        def parsed(body: bytes) -> Reading:
            found = parse(body)
            return replace(found, record=alter(found.record))

        return parsed

    return wrap


def without_full_stops(record: Record) -> Record:
    """The bug: it drops the full stop at the end of every item, and the last skill."""
    content = record.content
    ksbs = tuple(replace(ksb, text=ksb.text.rstrip(".")) for ksb in content.ksbs if ksb.code != f"S{content.count('S')}")
    known = {ksb.code for ksb in ksbs}
    duties = tuple(replace(duty, codes=tuple(code for code in duty.codes if code in known)) for duty in content.duties)
    return replace(record, content=replace(content, ksbs=ksbs, duties=duties))


def refusing(words: str) -> Callable[[Parse], Parse]:
    def wrap(parse: Parse) -> Parse:
        def parsed(body: bytes) -> Reading:
            found = parse(body)
            if found.record.title == words:
                raise ParseError("P-BAD-VALUE", "a title like that")
            return found

        return parsed

    return wrap


def report(watch: Watch) -> list[dict[str, Any]]:
    return watch.rows("SELECT source, reference, version, from_parser, to_parser, event, subject, rule FROM reparse_report ORDER BY ALL")


@pytest.mark.parametrize("source", ["api", "page"])
def test_a_fixed_parser_bug_alters_what_is_known_and_tells_no_change(watch: Watch, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    with monkeypatch.context() as buggy:
        parser(buggy, source, f"{source}-0", reading(without_full_stops))
        watch.see(sample(ST), sources=(source,))
        (wrong,) = watch.rows("SELECT skill_count FROM current_versions")
        watch.see(sample(ST, maxFunding=4321), sources=(source,))
    snapshots = watch.rows("SELECT snapshot_id, seen_from_at, seen_to_at FROM snapshots ORDER BY ALL")
    assert watch.see(sample(ST, maxFunding=4321), sources=(source,)) == []
    assert watch.rows("SELECT snapshot_id, seen_from_at, seen_to_at FROM snapshots ORDER BY ALL") == snapshots
    assert watch.rows("SELECT DISTINCT parser_version, skill_count FROM snapshots") == [
        {"parser_version": f"{source}-1", "skill_count": wrong["skill_count"] + 1}
    ]
    rows = report(watch)
    assert {(row["from_parser"], row["to_parser"]) for row in rows} == {(f"{source}-0", f"{source}-1")}
    assert {"ksb_added", "ksb_reworded"} <= {row["event"] for row in rows}
    assert [row["event"] for row in watch.rows("SELECT event FROM changes")] == ["attribute_changed"]
    with read.open_published(watch.data) as reader:
        assert [verdict for verdict in verify(reader, watch.data / "evidence", no_progress) if verdict.wrong] == []
    assert told(watch.see(sample(ST, maxFunding=4321, level=7), sources=(source,))) == [("ST9001", "1.2", "attribute_changed", "level")]


def test_a_real_change_in_the_night_of_the_new_parser_is_told_and_nothing_else(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as buggy:
        parser(buggy, "api", "api-0", reading(without_full_stops))
        watch.see(sample())
    moved = [record | ({"maxFunding": 4321} if record["standardPageUrl"].lower().endswith("st9001-v1-2") else {}) for record in sample()]
    assert told(watch.see(moved)) == [("ST9001", "1.2", "attribute_changed", "max_funding_gbp")]
    assert len({(row["reference"], row["version"]) for row in report(watch)}) > 1


def test_a_version_that_says_nothing_new_costs_no_report(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.see(sample(), sources=BOTH)
    parser(monkeypatch, "api", "api-99")
    parser(monkeypatch, "page", "page-99")
    assert watch.see(sample(), sources=BOTH) == []
    assert report(watch) == []
    assert {row["parser_version"] for row in watch.rows("SELECT DISTINCT parser_version FROM watched_versions")} == {"api-99", "page-99"}


def test_bytes_that_a_stricter_parser_refuses_keep_their_old_reading_and_are_reported_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (title,) = {record["title"] for record in sample(ST)}
    watch.see(sample(ST))
    parser(monkeypatch, "api", "api-2", refusing(title))
    for _ in range(2):
        assert watch.see(sample(ST)) == []
    assert [(row["rule"], row["event"]) for row in report(watch)] == [("P-BAD-VALUE", None)]
    assert watch.rows("SELECT title, parser_version FROM snapshots") == [{"title": title, "parser_version": "api-1"}]
    assert watch.rows("SELECT rule, status FROM quarantine") == [{"rule": "P-BAD-VALUE", "status": "held"}]
    assert told(watch.see(sample(ST, title="Another"))) == [("ST9001", "1.2", "attribute_changed", "title")]


def test_what_only_the_new_parser_sees_is_read_from_the_newest_bytes_and_no_change(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as blind:
        parser(blind, "api", "api-0", reading(lambda record: replace(record, max_funding_gbp=None)))
        watch.see(sample(ST, maxFunding=1000))
        watch.see(sample(ST, maxFunding=2000))
    assert watch.see(sample(ST, maxFunding=2000)) == []
    assert watch.rows("SELECT max_funding_gbp FROM current_versions") == [{"max_funding_gbp": 2000}]
    assert [row["after"] for row in watch.see(sample(ST, maxFunding=3000))] == ["3000"]


def test_the_command_reads_again_and_reports(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as buggy:
        parser(buggy, "api", "api-0", reading(without_full_stops))
        watch.see(sample(ST))
    runner = CliRunner()
    assert "Nothing reads differently" in runner.invoke(app, ["reparse", "--report", "--data", str(watch.data)]).output
    done = runner.invoke(app, ["reparse", "--data", str(watch.data)])
    assert done.exit_code == 0, done.output
    assert "api-0" in done.output
    shown = runner.invoke(app, ["reparse", "--report", "--json", "--data", str(watch.data)])
    assert '"from_parser": "api-0"' in shown.output
    assert watch.see(sample(ST)) == []


def test_a_parser_edited_under_its_old_version_is_found_by_verify(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.see(sample(ST))
    parser(monkeypatch, "api", "api-1", reading(without_full_stops))
    with read.open_published(watch.data) as reader:
        wrong = [verdict for verdict in verify(reader, watch.data / "evidence", no_progress) if verdict.wrong]
    assert ["another version" in said for verdict in wrong for said in verdict.wrong] == [True]


def test_the_check_shows_what_was_read_differently(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as buggy:
        parser(buggy, "api", "api-0", reading(without_full_stops))
        watch.see(sample(ST))
    watch.see(sample(ST))
    (check,) = [check for check in CHECKS if check.name == "stored_bytes_read_as_before"]
    with watch.open() as db:
        assert failing_rows(db, check, "run-2")
        assert failing_rows(db, check, "run-1") == []
    assert watch.rows("SELECT DISTINCT reported_at FROM reparse_report") == [{"reported_at": night(2)}]
