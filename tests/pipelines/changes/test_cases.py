"""The product's specification, found by looking: tests/changes/<verdict>-<what>/{before,after}.{json,html} and expected.json.

A side is one record of the API, several records of one standard (a list), or the page of a version.
    noise    nothing may come of it
    silent   an edit in place that the publisher did not announce
    alert    a change that somebody needs to hear of
    info     a change that is kept and told to nobody
A missing expectation is written, and the test fails until it has been reviewed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.changes.lifecycle import Step, compare_standard
from pipelines.changes.severity import RULES
from schemas.change import Change
from schemas.events import EVENTS
from schemas.record import APPROVED, RETIRED, Record, version_key
from scrapers import api, page

FOLDER = Path(__file__).resolve().parents[2] / "changes"
CASES = sorted(path for path in FOLDER.iterdir() if path.is_dir())
# Events that need a history longer than two observations, or a source that stops telling; the pipeline's tests hold their cases.
_NEED_NIGHTS = {"standard_missing", "standard_returned", "version_missing", "version_returned"}


def records(case: Path, side: str) -> dict[str, Record]:
    """The records of one side by version."""
    html = case / f"{side}.html"
    if html.exists():
        found = [page.parse(page.evidence(html.read_bytes())).record]
    else:
        raw = json.loads((case / f"{side}.json").read_text(encoding="utf-8"))
        found = [api.parse(json.dumps(one).encode()).record for one in (raw if isinstance(raw, list) else [raw])]
    return {record.version or "in revision": record for record in found}


def changes(case: Path) -> list[Change]:
    """Every change between the two sides of a case."""
    before, after = records(case, "before"), records(case, "after")
    steps = [
        Step(
            kind="changed" if version in before else "new",
            version=version,
            before=before.get(version),
            after=record,
            previous=previous(after, version),
        )
        for version, record in after.items()
    ]
    (reference,) = {record.reference for record in after.values()}
    return list(compare_standard(reference, steps, is_new_standard=not before, versions_left=len(after)))


def previous(versions: Mapping[str, Record], version: str) -> Record | None:
    """The last version before one that is, or was, in force."""
    if version == "in revision":
        return None
    older = [v for v in versions if version_key(v) < version_key(version) and versions[v].status in (APPROVED, RETIRED)]
    return versions[max(older, key=version_key)] if older else None


def as_expected(change: Change) -> dict[str, Any]:
    """A change as it stands in expected.json."""
    d = change.difference
    return {
        "version": change.version,
        "event": d.event,
        "subject": d.subject,
        "before": d.before,
        "after": d.after,
        "similarity": d.similarity,
        "severity": change.severity,
        "rule": change.rule,
        "is_declared": change.is_declared,
        "effective_on": change.effective_on.isoformat() if change.effective_on else None,
        "summary": change.summary,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    found = [as_expected(change) for change in changes(case)]
    expected = case / "expected.json"
    if not expected.exists():
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail(f"{expected} was written; review it, and run again.")
    assert found == json.loads(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_named_by_its_verdict(case: Path) -> None:
    found = changes(case)
    told = [change for change in found if change.severity != "none"]
    match case.name.split("-")[0]:
        case "noise":
            assert found == []
        case "silent":
            assert told
            assert not any(change.is_declared for change in told)
        case "alert":
            assert told
        case "info":
            assert found
            assert told == []
        case verdict:
            pytest.fail(f"{verdict} is no verdict")


def test_every_rule_has_a_case_that_triggers_it_and_only_it() -> None:
    alone = {rules.pop() for case in CASES if len(rules := {change.rule for change in changes(case)}) == 1}
    assert alone == set(RULES) - {"R-MAPPING-FOLLOWS"}  # a link never goes alone: its item's own change is there too
    assert "R-MAPPING-FOLLOWS" in {change.rule for case in CASES for change in changes(case)}


def test_every_event_has_a_case() -> None:
    assert {change.difference.event for case in CASES for change in changes(case)} == set(EVENTS) - _NEED_NIGHTS
