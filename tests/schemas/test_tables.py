"""The tables, events and rules: every fact declared once, and every projection of it whole."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pandera.errors
import polars as pl
import pytest

import schemas.events
import schemas.rules
from schemas.events import EVENTS, SEVERITIES, Family
from schemas.frames import content_frames, frame, snapshot_frame
from schemas.record import APPROVED, ATTRIBUTES, Content, Duty, Ksb, Record, Snapshot
from schemas.rules import RULES
from schemas.tables import SECOND_OPINIONS, SNAPSHOTS, SOURCES, TABLES, Table, comparisons
from scrapers.api import KEYS

NOW = datetime(2026, 6, 8, 5, tzinfo=UTC).replace(tzinfo=None)

DIGEST, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4
NO_DIGESTS = ["", "0" * 31, "0" * 33, "A" * 32, f"{DIGEST}\n"]
NO_SHA256S = ["", DIGEST, "g" * 64, f"{SHA256}\n"]
NO_REFERENCES = ["", "ST128", "st9001", "ST90011", "XX9001", "ST9001 ", "ST9001\n"]
NO_VERSIONS = ["", "1", "V1.0", "1.", "1.0.0", "1.0\n"]

# Values that a column takes and values that it does not, by name or, where tables differ, by table and name.
CONSTRAINED: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    **dict.fromkeys(("capture_id", "snapshot_id", "record_id", "content_id", "transition_id"), ([DIGEST], NO_DIGESTS)),
    **dict.fromkeys(
        ("before_snapshot_id", "after_snapshot_id", "change_id", "reverts", "quarantine_id", "incident_id"), ([DIGEST], NO_DIGESTS)
    ),
    **dict.fromkeys(("sha256", "evidence_sha256", "evidence_before", "evidence_after"), ([SHA256], NO_SHA256S)),
    **dict.fromkeys(("conflict_id", "basis"), ([DIGEST], NO_DIGESTS)),
    "other_evidence_sha256": ([SHA256], NO_SHA256S),
    **dict.fromkeys(("title", "content_ksbs.text", "summary"), (["x"], [""])),
    **dict.fromkeys(("size_bytes", "offset_bytes", "absences", "knowledge_count", "skill_count", "behaviour_count"), ([0, 1], [-1])),
    **dict.fromkeys(("duty_count",), ([0, 1], [-1])),
    **dict.fromkeys(("stored_bytes", "duty_number", "position", "minimum_hours", "max_funding_gbp", "lars_code"), ([1, 9], [0, -1])),
    **dict.fromkeys(("typical_duration_months", "epa_period_months"), ([1, 9], [0, -1])),
    "reference": (["ST9001", "FA0001", "AU0009"], NO_REFERENCES),
    **dict.fromkeys(("version", "from_version", "to_version"), (["0.0", "1.0", "1.11", "10.0"], NO_VERSIONS)),
    "source": (SOURCES, ["", "API", "ksb_planner"]),
    **dict.fromkeys(
        ("captures.source", "source_conflicts.source", "other_source", "source_comparisons.source"),
        ([*SOURCES, *SECOND_OPINIONS], ["", "API", "planner"]),
    ),
    "source_conflicts.subject": (["K1", "Duty 3 → K17"], [""]),
    "code": (["K1", "S17", "B120"], ["", "K", "K0", "K01", "T1", "k1", "K1 "]),
    "level": ([1, 8], [0, 9]),
    "outcome": (["served", "not_modified", "gone", "unreachable", "refused"], ["", "missing"]),
    "family": (get_args(Family), ["", "other"]),
    "event": (list(EVENTS), ["", "ksb_renamed"]),
    "severity": (["none", "correction", "adjustment", "revision"], ["", "minor"]),
    "similarity": ([0.0, 100.0], [-0.1, 100.1]),
    **dict.fromkeys(("alert_id", "delivery_id", "message_id"), ([DIGEST], NO_DIGESTS)),
    "alerts.kind": (["standard", "welcome", "alarm"], ["", "bulk"]),
    "phase": (["opened", "reminder", "over"], ["", "closed"]),
    "channel": (["email", "apprise", "webhook", "file"], ["", "pigeon"]),
    "frequency": (["immediate", "daily", "weekly"], ["", "monthly"]),
    "deliveries.kind": (["standard", "bulk", "welcome", "alarm"], ["", "digest"]),
    "state": (["waiting", "due", "sending", "sent", "failed", "dead"], ["", "lost"]),
    "attempts": ([0, 1], [-1]),
    "quarantine.status": (["held", "approved", "released", "rejected"], ["", "gone"]),
    "runs.status": (["running", "good", "quarantine", "failed"], ["", "done"]),
    "snapshots.status": (
        ["Proposal in development", "In development", "Approved for delivery", "Retired", "Withdrawn"],
        ["", "approved for delivery", "In revision"],
    ),
    "content_ksbs.kind": (["K", "S", "B"], ["", "k", "D"]),
    "version_crosswalk.kind": (["K", "S", "B", "D"], ["", "k"]),
    "relation": (["unchanged", "relabelled", "reworded", "moved", "added", "removed"], ["", "split"]),
    "transitions.kind": (["new", "changed", "missing", "returned"], ["", "gone"]),
    **dict.fromkeys(("affected", "examined", "number"), ([1, 850], [0, -1])),
    "incidents.rule": (["S-SOURCE-DOWN", "S-FIELD-LOST"], ["", "P-BAD-VALUE", "X-UNKNOWN"]),
    "reparse_report.event": ([None, *EVENTS], ["", "ksb_renamed"]),
    "reparse_report.rule": ([None, "P-BAD-VALUE"], ["", "G-SCHEMA"]),
    "changes.rule": (["R-WORDS"], ["", "P-BAD-VALUE"]),
    "captures.rule": (["C-GONE", "C-WRONG-304", "P-NOT-JSON", "P-REPEATED-RECORD"], ["", "S-SOURCE-DOWN", "X-UNKNOWN"]),
    "quarantine.rule": (
        ["P-BAD-VALUE", "G-SCHEMA", "S-FIELD-LOST"],
        ["", "P-UNKNOWN-FIELD", "S-SOURCE-DOWN", "C-GONE", "C-WRONG-304", "X-UNKNOWN"],
    ),
    "findings.rule": (["P-UNKNOWN-FIELD", "P-REPEATED-ID"], ["", "P-BAD-VALUE", "C-GONE", "C-WRONG-304", "X-UNKNOWN"]),
    "source_conflicts.rule": (["X-VALUE", "X-SUMMER-TIME"], ["", "P-BAD-VALUE", "P-UNKNOWN-FIELD", "X-UNKNOWN"]),
}
FREE: dict[pl.DataType, Any] = {
    pl.String(): "x",
    pl.Boolean(): True,
    pl.Int32(): 1,
    pl.Date(): NOW.date(),
    pl.Datetime("us"): NOW,
    pl.List(pl.String()): ["x"],
}
COLUMNS = [pytest.param(table, name, id=f"{table.name}.{name}") for table in TABLES for name in table.schema()]

RICH = Record(
    reference="ST9001",
    version="1.11",
    title="Tidal turbine technician",
    status=APPROVED,
    is_paused_for_starts=False,
    level=3,
    route="Engineering and manufacturing",
    typical_duration_months=30,
    epa_period_months=3,
    minimum_hours=626,
    max_funding_gbp=20000,
    lars_code=901,
    occupation_code="OCC9001",
    ssa_tier_1="4 Engineering and Manufacturing Technologies",
    ssa_tier_2="4.1 Engineering",
    eqa_provider="Ofqual",
    is_regulated=True,
    regulated_body="Harbour Board",
    integration="Statutory integration",
    integrated_degree="integrated degree",
    is_core_and_options=True,
    template_type="Occupational Standard",
    trailblazer_reference="TB9001",
    change_note="Updated SSA",
    changed_on=date(2026, 6, 7),
    approved_on=date(2021, 2, 18),
    published_on=date(2027, 1, 1),
    earliest_start_on=date(2026, 6, 8),
    latest_start_on=date(2028, 6, 8),
    assessment_plan_url="https://example.org/media/c4zt0r7m/plan.pdf",
    page_url="https://example.org/apprenticeships/st9001-v1-11",
    notice="A revised version is being prepared.",
    overview="Keeping tidal turbines turning.",
    occupation_summary="This occupation is found at sea.",
    entry_requirements="None but a love of water.",
    standard_information="Occupation: technician.",
    job_titles=("Blade technician", "Nacelle technician"),
    qualifications=("Level 3 diploma",),
    professional_recognition=("Guild; full",),
    regulation=("Training provider: approved",),
    content=Content(
        ksbs=(
            Ksb(kind="K", position=1, text="How it works"),
            Ksb(kind="S", position=1, text="Make it work", options=("Maker", "Mender")),
            Ksb(kind="S", position=2, text="Mend it", options=("Mender",)),
            Ksb(kind="B", position=1, text="Careful"),
        ),
        duties=(
            Duty(number=1, text="Plan", codes=("K1", "B1"), criteria="On time", is_core=True),
            Duty(number=2, text="Mend", codes=("S2",), is_core=False, options=("Mender",)),
            Duty(number=3, text="."),
        ),
        options=("Maker", "Mender"),
    ),
)
BARE = Record(reference="AU0009", version="0.0", title="x")


def limits(table: Table, name: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """Values that a column takes and values that it does not, but for NULL."""
    if table.model.to_schema().columns[name].checks:
        return CONSTRAINED.get(f"{table.name}.{name}") or CONSTRAINED[name]
    return [FREE[table.schema()[name]]], []


def is_nullable(table: Table, name: str) -> bool:
    return bool(table.model.to_schema().columns[name].nullable)


def good_values(table: Table, name: str) -> list[Any]:
    return [*limits(table, name)[0], *([None] if is_nullable(table, name) else [])]


def bad_values(table: Table, name: str) -> list[Any]:
    return [*limits(table, name)[1], *([] if is_nullable(table, name) else [None])]


def row(table: Table) -> dict[str, Any]:
    return {name: good_values(table, name)[0] for name in table.schema()}


@cache
def refusals(table: Table) -> dict[tuple[str, Any], set[str]]:
    """The columns that are named when a row is right but for one value, for every such value."""
    places = [(name, value) for name in table.schema() for value in bad_values(table, name)]
    with pytest.raises(pandera.errors.SchemaErrors) as errors:
        table.model.validate(frame(table, [row(table) | {name: value} for name, value in places]), lazy=True)
    named: dict[tuple[str, Any], set[str]] = {place: set() for place in places}
    for case in errors.value.failure_cases.iter_rows(named=True):
        named[places[case["index"]]].add(case["column"])
    return named


def snapshot(record: Record) -> Snapshot:
    return Snapshot(source="api", record=record, seen_from_at=NOW, run_id="run", evidence_sha256=SHA256, parser_version="api-1")


# Columns


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_says_what_a_row_is_and_may_have_a_key(table: Table) -> None:
    assert re.fullmatch(r"[a-z_]+", table.name)
    assert table.description.endswith(".")
    assert set(table.key) <= set(table.schema())
    assert not any(nullable for name, _, nullable, _ in table.columns() if name in table.key)


@pytest.mark.parametrize(("table", "name"), COLUMNS)
def test_a_column_explains_itself(table: Table, name: str) -> None:
    dtype, description = next((dtype, description) for column, dtype, _, description in table.columns() if column == name)
    assert description
    assert not description.endswith(".")
    endings: Mapping[str, pl.DataType] = {"_at": pl.Datetime("us"), "_on": pl.Date(), "_gbp": pl.Int32(), "_bytes": pl.Int64()}
    for ending, due in endings.items():
        assert not name.endswith(ending) or dtype == due
    assert name.startswith("is_") == (dtype == pl.Boolean())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_takes_every_value_it_should(table: Table) -> None:
    rows = [row(table) | {name: value} for name in table.schema() for value in good_values(table, name)]
    table.model.validate(frame(table, rows), lazy=True)


@pytest.mark.parametrize(("table", "name"), COLUMNS)
def test_a_column_takes_nothing_else(table: Table, name: str) -> None:
    for value in bad_values(table, name):
        assert refusals(table)[name, value] == {name}, value


def test_one_name_is_one_type_in_every_table() -> None:
    types: dict[str, set[pl.DataType]] = {}
    for table in TABLES:
        for name, dtype in table.schema().items():
            types.setdefault(name, set()).add(dtype)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_table_names_are_unique() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)


# What a version's columns are for


def test_a_snapshot_has_every_attribute_of_a_record_in_its_order() -> None:
    columns = list(SNAPSHOTS.schema())
    start = columns.index("reference")
    assert columns[start : start + len(ATTRIBUTES)] == list(ATTRIBUTES)
    assert columns[start + len(ATTRIBUTES) :] == ["knowledge_count", "skill_count", "behaviour_count", "duty_count"]


def test_every_attribute_is_compared_or_stored_or_the_name() -> None:
    assert set(comparisons().values()) == {"text", "set", "lifecycle", "notice", "assessment_plan"}
    assert [name for name in ATTRIBUTES if name not in comparisons()] == [
        "reference",
        "version",
        "changed_on",
        "approved_on",
        "published_on",
        "page_url",
    ]
    assert set(comparisons()) <= set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("comparison", "columns"),
    [
        ("lifecycle", {"status", "is_paused_for_starts", "earliest_start_on", "latest_start_on"}),
        ("set", {"job_titles", "qualifications", "professional_recognition", "regulation"}),
        ("notice", {"notice"}),
        ("assessment_plan", {"assessment_plan_url"}),
    ],
)
def test_columns_are_compared_as_what_they_are(comparison: str, columns: set[str]) -> None:
    assert {name for name, how in comparisons().items() if how == comparison} == columns


# The source's keys


def test_every_key_of_the_source_is_classified() -> None:
    assert len(KEYS) == 79
    assert set(KEYS.values()) == {"compared", "stored", "dropped"}


@pytest.mark.parametrize(
    ("use", "keys"),
    [
        pytest.param("dropped", {"tbMainContact"}, id="personal data is dropped"),
        pytest.param(
            "stored", {"cluster", "clusterId", "clusterDescription", "pathway", "keywords", "jobRoles"}, id="what flaps is stored"
        ),
        pytest.param("stored", {"createdDate", "lastUpdated", "changedDate", "publishDate", "approvedForDelivery"}, id="echoes are stored"),
        pytest.param("stored", {key for key in KEYS if key.lower().endswith("url")} - {"assessmentPlanUrl"}, id="addresses are stored"),
        pytest.param(
            "compared", {"assessmentPlanUrl", "banners", "knowledges", "skills", "behaviours", "duties"}, id="content is compared"
        ),
    ],
)
def test_keys_are_used_as_the_design_says(use: str, keys: set[str]) -> None:
    assert keys
    assert {KEYS[key] for key in keys} == {use}
    assert use != "dropped" or {key for key, found in KEYS.items() if found == use} == keys


# Events

EVENTS_OF: Mapping[Family, str] = {
    "lifecycle": """
        standard_added standard_missing standard_returned version_announced version_added version_live version_retired version_withdrawn
        status_changed version_missing version_returned start_dates_moved starts_paused starts_resumed""",
    "content": """
        ksb_added ksb_removed ksb_reworded ksb_moved ksb_relabelled duty_added duty_removed duty_reworded duty_relabelled criteria_changed
        core_flag_changed mapping_added mapping_removed option_added option_removed option_renamed option_membership_changed""",
    "attribute": "attribute_changed",
    "notice": "notice_changed",
}


def declared(module: Any, pattern: str) -> list[str]:
    return re.findall(pattern, Path(module.__file__).read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", get_args(Family))
def test_a_family_has_its_events(family: Family) -> None:
    assert [event.name for event in EVENTS.values() if event.family == family] == EVENTS_OF[family].split()


def test_an_event_is_declared_once_and_says_what_it_means() -> None:
    assert declared(schemas.events, r'_event\("(\w+)"') == list(EVENTS)
    for name, event in EVENTS.items():
        assert event.name == name
        assert event.meaning.endswith(".")
    assert len({event.meaning for event in EVENTS.values()}) == len(EVENTS)


def test_severities_go_from_none_to_revision() -> None:
    assert SEVERITIES == ("none", "correction", "adjustment", "revision")


# Rules


def test_a_rule_is_declared_once_with_a_code_an_outcome_and_a_sentence() -> None:
    assert declared(schemas.rules, r'Rule\(\s*code="([^"]+)"') == list(RULES)
    for code, rule in RULES.items():
        assert rule.code == code
        assert re.fullmatch(r"[CPGSX](-[A-Z0-9]+)+", code)
        due = {"C": ("stale", "distrust"), "S": ("incident",), "X": ("flag", "note")}
        assert rule.outcome in due.get(code[0], ("hold", "warn"))
        assert rule.sentence.endswith(".")
    assert len({rule.sentence for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize(
    ("outcome", "codes"),
    [
        ("warn", {"P-UNKNOWN-FIELD", "P-MAPPED-ID-MISSING", "P-REPEATED-ID", "P-REPEATED-RECORD"}),
        ("note", {"X-SUMMER-TIME", "X-MORE-NOTICES", "X-SHARED-PAGE"}),
        ("flag", {"X-VALUE", "X-NO-PAGE", "X-NO-RECORD", "X-LOG-ROW", "X-LOG-MISSING", "X-LOG-UNKNOWN"}),
        ("hold", {"P-NOT-JSON", "P-NOT-A-STANDARD", "P-MISSING-FIELD", "P-BAD-VALUE", "G-SCHEMA", "G-ANOTHER-STANDARD", "G-WHICH-VERSION"}),
    ],
)
def test_rules_are_as_loud_as_they_should_be(outcome: str, codes: set[str]) -> None:
    assert codes <= {code for code, rule in RULES.items() if rule.outcome == outcome}


# Frames


@pytest.mark.parametrize("record", [RICH, BARE], ids=["rich", "bare"])
def test_the_rows_of_a_record_fit_their_tables(record: Record) -> None:
    frames = {SNAPSHOTS.name: snapshot_frame([snapshot(record)])}
    for table, rows in content_frames([record.content]):
        table.model.validate(rows, lazy=True)
        frames[table.name] = rows
    SNAPSHOTS.model.validate(frames[SNAPSHOTS.name], lazy=True)
    for table in TABLES:
        if table.name in frames:
            assert dict(frames[table.name].schema) == table.schema(), table.name
    assert list(frames) == ["snapshots", "content_ksbs", "content_duties", "content_duty_ksbs", "content_options"]


def test_every_attribute_of_the_rich_record_is_set() -> None:
    assert [name for name, value in RICH.attributes.items() if value in (None, ())] == []


def test_a_snapshots_row_says_what_the_record_says() -> None:
    (found,) = snapshot_frame([snapshot(RICH)]).iter_rows(named=True)
    for name, value in RICH.attributes.items():
        assert found[name] == (list(value) if isinstance(value, tuple) else value), name
    assert [found[f"{name}_count"] for name in ("knowledge", "skill", "behaviour", "duty")] == [1, 2, 1, 3]
    assert (found["seen_from_at"], found["seen_to_at"]) == (NOW, None)
    assert (found["record_id"], found["content_id"]) == (RICH.record_id, RICH.content.content_id)
    assert found["snapshot_id"] == snapshot(RICH).snapshot_id


def test_the_rows_of_a_content_say_what_the_content_says() -> None:
    rows = {table.name: frame.drop("content_id").rows() for table, frame in content_frames([RICH.content])}
    assert rows == {
        "content_ksbs": [
            ("K1", "K", 1, "How it works", []),
            ("S1", "S", 1, "Make it work", ["Maker", "Mender"]),
            ("S2", "S", 2, "Mend it", ["Mender"]),
            ("B1", "B", 1, "Careful", []),
        ],
        "content_duties": [
            (1, "Plan", "On time", True, []),
            (2, "Mend", None, False, ["Mender"]),
            (3, ".", None, None, []),
        ],
        "content_duty_ksbs": [(1, "K1"), (1, "B1"), (2, "S2")],
        "content_options": [(1, "Maker"), (2, "Mender")],
    }


def test_many_records_are_one_frame_and_none_is_an_empty_one() -> None:
    assert snapshot_frame([snapshot(RICH), snapshot(BARE)]).height == 2
    assert [rows.height for _, rows in content_frames([RICH.content, BARE.content])] == [4, 3, 3, 2]
    assert snapshot_frame([]).height == 0
    assert dict(snapshot_frame([]).schema) == SNAPSHOTS.schema()


@pytest.mark.parametrize(
    "changed",
    [
        {"version": None},
        {"title": ""},
        {"status": "in revision"},
        {"level": 9},
        {"max_funding_gbp": 0},
        {"reference": "ST1"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_record_that_does_not_fit_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(pandera.errors.SchemaErrors, match=next(iter(changed))):
        SNAPSHOTS.model.validate(snapshot_frame([snapshot(replace(RICH, **changed))]), lazy=True)
