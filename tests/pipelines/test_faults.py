"""The site's bad days, each a script of what it does and what must come of it.

A case is a file in tests/faults: the nights (the first is in order unless it says otherwise) and the outcome.
A case without an outcome is given the one that comes of it, and fails until somebody has looked at it.

    standards     names of sample records, or a number: so many copies of one standard
    sources       what is read; limits: how much of a request is waited for; validators: whether the site sends any
    nights        faults   as scrapers.sample.server.Fault
                  set, drop, rename   keys of the records: of all ("*") or of one ("ST9001 1.2")
                  leave_out, repeat, add, copy (with other keys)   whole records; only   the run's own limit; day   instead of the next one
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.rules import RULES
from scrapers.sample.server import Fault, SampleSite
from scrapers.site import Limits
from tests.pipelines.test_incidents import standards
from tests.watching import ApiRecord, Watch, night, sample

FOLDER = Path(__file__).parent.parent / "faults"
CASES = sorted(FOLDER.glob("*.json"))


def fault(told: dict[str, Any]) -> Fault:
    body = told.get("body")
    pairs = [(old, new) for old, new in told.get("replace", ())]
    return Fault(**told | {"body": None if body is None else body.encode(told.pop("encoding", "utf-8")), "replace": pairs})


def name_of(record: ApiRecord) -> str:
    return f"{record['referenceNumber'].strip()} {record.get('version') or '1.0'}"


def served(records: Sequence[ApiRecord], night_told: dict[str, Any]) -> list[ApiRecord]:
    found = []
    for record in records:
        if name_of(record) in night_told.get("leave_out", ()):
            continue
        for which in ("*", name_of(record)):
            renamed = night_told.get("rename", {}).get(which, {})
            record = {renamed.get(key, key): value for key, value in record.items() if key not in night_told.get("drop", {}).get(which, ())}
            record |= night_told.get("set", {}).get(which, {})
        found += [record] * (2 if name_of(record) in night_told.get("repeat", ()) else 1)
    copies = [dict(record) | told for name, told in night_told.get("copy", {}).items() for record in records if name_of(record) == name]
    added: list[ApiRecord] = night_told.get("add", [])
    return found + copies + added


def outcome(watch: Watch, statuses: list[str], changes: list[dict[str, Any]]) -> dict[str, Any]:
    run = f"run-{watch.runs}"
    captures = watch.rows(f"SELECT source, coalesce(rule, outcome) AS what FROM captures WHERE run_id = '{run}' ORDER BY ALL")
    stale = watch.rows(
        "SELECT source, count(*) AS n FROM watched_versions WHERE stale_since_at IS NOT NULL GROUP BY source ORDER BY source"
    )
    missing = watch.rows("SELECT concat_ws(' ', source, reference, version) AS version FROM watched_versions WHERE is_missing ORDER BY ALL")
    held = watch.rows("SELECT concat_ws(' ', source, reference, version, rule, status) AS row FROM quarantine ORDER BY ALL")
    findings = watch.rows("SELECT source, rule, count(*) AS n FROM findings JOIN snapshots USING (snapshot_id) GROUP BY ALL ORDER BY ALL")
    incidents = watch.rows(
        """
        SELECT concat_ws(' ', source, rule, subject, cause, format('{} of {}', affected, examined), if(closed_at IS NULL, 'open', 'closed')) AS row
        FROM incidents ORDER BY opened_at, source, rule, subject"""
    )
    told = Counter(" ".join(str(row[name]) for name in ("reference", "version", "event", "subject") if row[name]) for row in changes)
    return {
        "runs": statuses,
        "captures": {
            source: dict(sorted(Counter(row["what"] for row in captures if row["source"] == source).items()))
            for source in sorted({row["source"] for row in captures})
        },
        "stale": {row["source"]: row["n"] for row in stale},
        "missing": [row["version"] for row in missing],
        "quarantine": [row["row"] for row in held],
        "findings": {f"{row['source']} {row['rule']}": row["n"] for row in findings},
        "incidents": [row["row"] for row in incidents],
        "changes": sorted(told.elements()),
    }


def played(watch: Watch, case: dict[str, Any]) -> dict[str, Any]:
    who = case.get("standards", 8)
    records = standards(who) if isinstance(who, int) else sample(*who)
    watch.limits = Limits(**case.get("limits", {}))
    statuses, changes = [], []
    nights = [served(records, told) for told in case["nights"]]
    with SampleSite(nights, validators=case.get("validators", False)) as site:
        for number, told in enumerate(case["nights"], 1):
            site.move(number)
            site.behave()
            site.misbehave(*(fault(one) for one in told.get("faults", ())))
            changes += watch.look(
                site.url, sources=case.get("sources", ("api", "page")), only=told.get("only"), at=night(told.get("day", number))
            )
            (run,) = watch.rows("SELECT status FROM runs ORDER BY observed_at DESC LIMIT 1")
            statuses.append(run["status"])
    return outcome(watch, statuses, changes)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_bad_day_ends_as_it_should(watch: Watch, path: Path) -> None:
    case = json.loads(path.read_text())
    found = played(watch, case)
    if "outcome" not in case:
        path.write_text(json.dumps(case | {"outcome": found}, indent=2, ensure_ascii=False) + "\n")
        pytest.fail(f"{path.name} had no outcome; look at the one it has now")
    assert found == case["outcome"], case["about"]


def codes(case: dict[str, Any]) -> set[str]:
    """The rules that a case's outcome names; an incident stands for the rule that caused it.

    That the array is down says no more than why its one request failed.
    """
    end = case["outcome"]
    lines = [*end["findings"], *end["quarantine"], *(code for by in end["captures"].values() for code in by)]
    met = {word for line in lines for word in line.split() if word in RULES}
    for line in end["incidents"]:
        kind, *causes = [word for word in line.split() if word in RULES]
        if "1 of 1" not in line:
            met = met - {*causes, "C-DEFERRED"} | {kind}
    return met


def test_every_rule_has_a_bad_day_that_meets_it_and_only_it() -> None:
    met = [codes(json.loads(path.read_text())) for path in CASES]
    alone = {code for found in met if len(found) == 1 for code in found}
    # What sources disagree on (X-) has its own table of cases.
    assert sorted({code for code in RULES if not code.startswith("X-")} - alone) == []


def test_there_are_enough_bad_days() -> None:
    assert len(CASES) >= 60
    assert len({json.loads(path.read_text())["about"] for path in CASES}) == len(CASES)
