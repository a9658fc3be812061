"""Held back, looked at, decided: what goes through goes through once."""

import copy
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from tests.watching import Watch, night, sample, told
from warehouse.quarantine import DecisionError, decide

ST = "ST9003 1.0"


def shrunk() -> dict[str, Any]:
    """The record with two skills left, and nothing mapped to what is gone."""
    record = copy.deepcopy(sample(ST)[0])
    record["knowledges"], record["behaviours"], record["skills"] = [], [], record["skills"][:2]
    kept = {skill["skillId"] for skill in record["skills"]}
    for duty in record["duties"]:
        duty.update(mappedKnowledge=[], mappedBehaviour=[], mappedSkills=[i for i in duty["mappedSkills"] if i in kept])
    return record


def command(watch: Watch, *words: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *words, "--data", str(watch.data)])


def held(watch: Watch) -> str:
    (row,) = watch.rows("SELECT quarantine_id FROM quarantine")
    return str(row["quarantine_id"])


def test_more_than_half_of_the_ksbs_gone_at_once_is_held(watch: Watch) -> None:
    watch.see(sample(ST))
    assert watch.see([shrunk()]) == []
    assert [row["rule"] for row in watch.counts.held] == ["G-SHRUNK"]
    assert watch.rows("SELECT skill_count > 2 AS is_whole FROM current_versions") == [{"is_whole": True}]
    assert watch.rows("SELECT stale_since_at FROM watched_versions") == [{"stale_since_at": night(2)}]
    assert watch.see(sample(ST)) == []


def test_just_half_goes_through(watch: Watch) -> None:
    (record,) = sample(ST)
    ksbs = [(key, item) for key in ("knowledges", "skills", "behaviours") for item in record[key]]
    half = copy.deepcopy(record) | {"knowledges": [], "skills": [], "behaviours": [], "duties": []}
    for key, item in ksbs[: (len(ksbs) + 1) // 2]:
        half[key].append(item)
    watch.see([record])
    assert watch.see([half])
    assert watch.counts.held == ()


def test_approved_it_goes_through_once_as_a_normal_observation(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.see([shrunk()])
    done = command(watch, "approve", held(watch)[:8], "--reason", "the publisher said so", "--by", "Ada")
    assert done.exit_code == 0, done.output
    assert "ksb_removed" in {event for _, _, event, _ in told(watch.see([shrunk()]))}
    assert watch.rows("SELECT status, decided_by, decision_reason FROM quarantine") == [
        {"status": "released", "decided_by": "Ada", "decision_reason": "the publisher said so"}
    ]
    watch.see(sample(ST))
    assert watch.see([shrunk()]) == []
    assert [row["rule"] for row in watch.counts.held] == ["G-SHRUNK"]


def test_approving_twice_is_one_approval(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.see([shrunk()])
    for reason in ("first", "second"):
        assert command(watch, "approve", held(watch), "--reason", reason).exit_code == 0
    assert watch.rows("SELECT decision_reason FROM quarantine") == [{"decision_reason": "first"}]


def test_rejected_it_stays_out_and_is_not_mentioned_again(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.see([shrunk()])
    assert command(watch, "reject", held(watch), "--reason", "half a page").exit_code == 0
    assert watch.see([shrunk()]) == []
    assert watch.rows("SELECT status FROM runs ORDER BY observed_at") == [{"status": "good"}, {"status": "quarantine"}, {"status": "good"}]
    assert command(watch, "approve", held(watch), "--reason", "after all").exit_code == 1


def test_what_cannot_be_read_cannot_be_approved(watch: Watch) -> None:
    watch.see(sample(ST, status="?"))
    ident = held(watch)
    with watch.open() as db, pytest.raises(DecisionError, match="cannot be approved"):
        decide(db, ident, "approved", reason="x", who="y", at=night(1))


def test_list_and_show(watch: Watch) -> None:
    watch.see(sample(ST))
    assert "Nothing is held back" in command(watch, "list").output
    watch.see([shrunk()])
    listed = json.loads(command(watch, "list", "--json").stdout)
    assert [row["rule"] for row in listed] == ["G-SHRUNK"]
    assert "G-SHRUNK" in command(watch, "list").output
    shown = json.loads(command(watch, "show", listed[0]["quarantine_id"], "--json").stdout)
    assert shown["evidence"].startswith('{"approvedForDelivery"')
    assert command(watch, "show", "ffffffff").exit_code == 1
