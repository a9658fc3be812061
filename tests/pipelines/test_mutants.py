"""Damaged pages and records through the whole job: each is held by name or told as what it shows, and nothing is told as gone that is there."""

import json
import random
from typing import Any

import orjson
from typer.testing import CliRunner

from pipelines.cli import app
from schemas.rules import RULES
from scrapers.sample.pages import standard_page
from scrapers.sample.records import sample_records
from scrapers.sample.server import Fault
from tests.scrapers.test_mutations import broken, damaged, squeezed, words_seen
from tests.watching import Watch
from warehouse.checks import NEW_ODDITIES, failing_rows

MUTANTS = 150
LOST = ("ksb_removed", "duty_removed", "mapping_removed", "option_removed")
GONE = ("version_missing", "standard_missing", "version_withdrawn")
MOVED = ("move", "swap", "swap_texts", "swap_columns")


def clone(number: int) -> dict[str, Any]:
    """One sample record under a reference of its own."""
    text = orjson.dumps(sample_records()["ST9003 1.0"]).decode()
    record: dict[str, Any] = orjson.loads(text.replace("9003", str(5000 + number)))
    return record


def coded(watch: Watch) -> set[str]:
    """The standards held back: every one by a rule that holds, or as part of one fault that explains many."""
    rules = {row["rule"] for row in watch.rows("SELECT rule FROM quarantine UNION SELECT rule FROM incidents")}
    assert {RULES[rule].outcome for rule in rules} <= {"hold", "incident"}
    assert rules
    return {row["reference"] for row in watch.rows("SELECT reference FROM watched_versions WHERE stale_since_at IS NOT NULL")}


def test_damaged_pages(watch: Watch) -> None:
    records = [clone(number) for number in range(MUTANTS)]
    mutants = {}
    for record in records:
        rng = random.Random(record["referenceNumber"])
        mutants[record["referenceNumber"]] = damaged(rng, standard_page(record, [record], record).encode())
    faults = [Fault(path=f"{reference.lower()}-v1-0", status=200, body=body) for reference, (_, body) in mutants.items()]
    assert watch.see(records, sources=("page",)) == []
    changes = watch.see(records, sources=("page",), faults=faults)
    held = coded(watch)
    assert held
    assert held.isdisjoint(row["reference"] for row in changes)
    assert [row for row in changes if row["event"] in GONE] == []
    for row in changes:
        how, body = mutants[row["reference"]]
        if row["event"] in LOST and row["event"] != "mapping_removed" and how not in MOVED:
            assert squeezed(row["before"]) not in words_seen(body), (row["reference"], how, row["summary"])
    assert watch.see(records, sources=("page",), faults=faults) == []
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE NOT is_missing") == [{"n": MUTANTS}]


def test_damaged_records(watch: Watch) -> None:
    records = [clone(number) for number in range(MUTANTS)]
    mutants = {}
    for record in records:
        # A record that names itself otherwise is another record.
        whole = {key: value for key, value in record.items() if key not in ("referenceNumber", "version")}
        how, path, mutant = broken(random.Random(record["referenceNumber"]), whole)
        mutants[record["referenceNumber"]] = how, path, mutant | {key: record[key] for key in ("referenceNumber", "version")}
    night = Fault(path="^/api/apprenticeshipstandards$", status=200, body=orjson.dumps([mutant for _, _, mutant in mutants.values()]))
    assert watch.see(records) == []
    changes = watch.see(records, faults=[night])
    held = coded(watch)
    assert held
    assert held.isdisjoint(row["reference"] for row in changes)
    for row in changes:
        how, path, _ = mutants[row["reference"]]
        if row["event"] in LOST:
            assert path[0] in ("knowledges", "skills", "behaviours", "duties"), (row["reference"], how, path, row["summary"])
            assert how not in ("rename", "noise"), (row["reference"], how, path, row["summary"])
    for _ in range(3):
        assert watch.see(records, faults=[night]) == []
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE NOT is_missing") == [{"n": MUTANTS}]


def test_a_record_that_cannot_be_placed_counts_nothing_as_absent(watch: Watch) -> None:
    records = [clone(number) for number in range(3)]
    watch.see(records)
    for _ in range(4):
        assert watch.see([*records[:2], records[2] | {"referenceNumber": "ST50"}]) == []
    assert watch.see(records[:2]) == []
    assert watch.see(records[:2]) == []
    assert [row["event"] for row in watch.see(records[:2])] == ["version_missing", "standard_missing"]


def test_a_page_without_the_version_log_it_had_is_held(watch: Watch) -> None:
    record = clone(1)
    body = standard_page(record, [record], record)
    begin, end = body.index("<h2>Version log"), body.index("</main>")
    watch.see([record], sources=("page",))
    fault = Fault(path="st5001-v1-0", status=200, body=(body[:begin] + body[end:]).encode())
    assert watch.see([record], sources=("page",), faults=[fault]) == []
    assert [row["rule"] for row in watch.rows("SELECT rule FROM quarantine")] == ["G-LOG-GONE"]


def test_an_oddity_is_kept_when_it_comes_without_a_change(watch: Watch) -> None:
    record = clone(1)
    watch.see([record])
    assert watch.see([record | {"tLevelUrl": "x"}]) == []
    assert watch.rows("SELECT rule, message FROM findings WHERE rule LIKE 'P-%'") == [{"rule": "P-UNKNOWN-FIELD", "message": "tLevelUrl"}]


def test_only_a_new_oddity_is_pointed_at(watch: Watch) -> None:
    known = orjson.loads(orjson.dumps(clone(1)).replace(b"ST5001", b"ST0332"))
    known["knowledges"][1] = known["knowledges"][1] | {"knowledgeId": known["knowledges"][0]["knowledgeId"]}
    new = orjson.loads(orjson.dumps(known).replace(b"ST0332", b"ST5002").replace(b"st5001", b"st5002"))
    new["duties"][0] |= {"mappedKnowledge": [], "mappedSkills": [], "mappedBehaviour": []}
    watch.see([known, new])
    with watch.open() as db:
        rows = failing_rows(db, NEW_ODDITIES, "")
    assert {row["rule"] for row in watch.rows("SELECT rule FROM findings")} >= {"P-REPEATED-ID", "G-DUTY-WITHOUT-KSBS"}
    pointed = {(row["reference"], row["rule"]) for row in rows}
    assert ("ST5002", "P-REPEATED-ID") in pointed
    assert not {("ST0332", "P-REPEATED-ID"), ("ST5002", "G-DUTY-WITHOUT-KSBS")} & pointed
    done = CliRunner().invoke(app, ["doctor", "--data", str(watch.data), "--json"])
    told = [row["finding"] for row in json.loads(done.stdout)["state"] if row["what"] == "new oddity"]
    assert any(finding.startswith("P-REPEATED-ID, 1 times: ST5002 1.0 knowledges") for finding in told)
    assert not any("ST0332" in finding and "P-REPEATED-ID" in finding for finding in told)
