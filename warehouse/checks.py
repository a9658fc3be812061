"""Checks: what must hold between rows, each as the SQL that finds the rows where it does not.

Belongs here: the table of rules between records. Not here: rules within a row (schemas.tables) and
how a check is shown (pipelines.defs.checks).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl

from schemas.rules import KNOWN_ODDITIES, RULES
from schemas.tables import Table
from warehouse.database import Warehouse
from warehouse.quality import findings_now
from warehouse.read import Queryable


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A sentence that holds unless `sql` finds rows. `$run_id` is the run that asks.

    error: our own house is not in order; warn: the publisher's is not, or something could not be read.
    """

    name: str
    asset: str
    severity: Literal["error", "warn"]
    description: str
    sql: str


_FAILED_CAPTURES: Final = """
    SELECT url, outcome, reason FROM captures
    WHERE run_id = $run_id AND source = '{source}' AND outcome NOT IN ('served', 'not_modified')"""
_DISAGREEMENTS: Final = """
    SELECT reference, version, subject, source, value, other_source, other_value, rule, first_seen_at FROM source_conflicts
    WHERE resolved_at IS NULL AND NOT is_explained AND rule {} ORDER BY reference, version, subject"""


def _not_known() -> Iterator[str]:
    for rule in RULES.values():
        if rule.is_known_oddity:
            yield f"f.rule <> '{rule.code}'"
        for reference in sorted(KNOWN_ODDITIES.get(rule.code, ())):
            yield f"(f.rule, s.reference) <> ('{rule.code}', '{reference}')"


CHECKS: Final = (
    Check(
        name="the_array_was_served",
        asset="api_capture",
        severity="error",
        description="The public JSON answered with an array of standards.",
        sql=_FAILED_CAPTURES.format(source="api"),
    ),
    Check(
        name="every_page_was_served",
        asset="page_captures",
        severity="warn",
        description="Every page that was asked for answered.",
        sql=_FAILED_CAPTURES.format(source="page"),
    ),
    Check(
        name="every_occupation_page_was_served",
        asset="occupation_captures",
        severity="warn",
        description="Every occupation page that was asked for answered.",
        sql=_FAILED_CAPTURES.format(source="occupation"),
    ),
    Check(
        name="what_was_called_unchanged_was_unchanged",
        asset="standard_snapshots",
        severity="warn",
        description="No address gave another body under the validator of an earlier one, so that “not modified” can be relied on.",
        sql="SELECT source, url, reason FROM captures WHERE run_id = $run_id AND rule = 'C-WRONG-304'",
    ),
    Check(
        name="the_array_names_each_version_once",
        asset="standard_snapshots",
        severity="warn",
        description="The public JSON holds no version twice.",
        sql="SELECT url, reason FROM captures WHERE run_id = $run_id AND rule = 'P-REPEATED-RECORD'",
    ),
    Check(
        name="no_record_was_held_back",
        asset="standard_snapshots",
        severity="warn",
        description="Every record of this run passed the gate; what did not is in quarantine and the last good record stays current.",
        sql="SELECT reference, version, source, rule, reason FROM quarantine WHERE last_run_id = $run_id AND status = 'held'",
    ),
    Check(
        name="every_version_could_be_checked",
        asset="standard_snapshots",
        severity="warn",
        description="No version stands on what an earlier run saw because the last one that tried could not check it.",
        sql="SELECT source, reference, version, stale_since_at, stale_reason FROM watched_versions WHERE stale_since_at IS NOT NULL",
    ),
    Check(
        name="no_incident_is_open",
        asset="standard_snapshots",
        severity="warn",
        description="No fault of the site as a whole keeps a source from being read.",
        sql="SELECT source, rule, subject, opened_at, affected, examined, summary FROM incidents WHERE closed_at IS NULL",
    ),
    Check(
        name="no_record_is_odd_in_a_new_way",
        asset="standard_snapshots",
        severity="warn",
        description="What is odd about the records now shown is known of the publisher: schemas/rules.py says what and where.",
        sql=f"""
            SELECT s.source, s.reference, s.version, f.rule, f.message FROM findings f JOIN snapshots s USING (snapshot_id)
            WHERE s.seen_to_at IS NULL AND {" AND ".join(_not_known())}
            ORDER BY f.rule, s.reference, s.version, s.source, f.message""",
    ),
    Check(
        name="no_snapshots_overlap",
        asset="standard_snapshots",
        severity="error",
        description="Each source tells one state of a version at a time.",
        sql="""
            SELECT a.source, a.reference, a.version, a.snapshot_id, b.snapshot_id AS other FROM snapshots a JOIN snapshots b
            ON (a.source, a.reference, a.version) = (b.source, b.reference, b.version) AND a.snapshot_id < b.snapshot_id
            AND a.seen_from_at < coalesce(b.seen_to_at, 'infinity') AND b.seen_from_at < coalesce(a.seen_to_at, 'infinity')""",
    ),
    Check(
        name="every_version_stands_on_its_snapshot",
        asset="standard_snapshots",
        severity="error",
        description="What a source shows now is a snapshot that is in force; what is missing has none.",
        sql="""
            SELECT w.source, w.reference, w.version, w.is_missing, s.seen_to_at FROM watched_versions w LEFT JOIN snapshots s USING (snapshot_id)
            WHERE s.snapshot_id IS NULL OR w.is_missing <> (s.seen_to_at IS NOT NULL)""",
    ),
    Check(
        name="the_counts_of_every_snapshot_add_up",
        asset="standard_snapshots",
        severity="error",
        description="A snapshot counts as many KSBs and duties as its content lists.",
        sql="""
            SELECT snapshot_id, s.reference, s.version FROM snapshots s
            LEFT JOIN (SELECT content_id, count(*) AS n FROM content_ksbs GROUP BY ALL) k USING (content_id)
            LEFT JOIN (SELECT content_id, count(*) AS n FROM content_duties GROUP BY ALL) d USING (content_id)
            WHERE s.knowledge_count + s.skill_count + s.behaviour_count <> coalesce(k.n, 0) OR s.duty_count <> coalesce(d.n, 0)""",
    ),
    Check(
        name="every_snapshot_names_its_evidence",
        asset="standard_snapshots",
        severity="error",
        description="The bytes behind a snapshot are in the evidence store.",
        sql="SELECT snapshot_id, reference, version FROM snapshots ANTI JOIN evidence ON evidence_sha256 = sha256",
    ),
    Check(
        name="every_content_belongs_to_a_snapshot",
        asset="standard_snapshots",
        severity="error",
        description="No KSB, duty or link is left over from what no version has had.",
        sql="""
            SELECT DISTINCT content_id FROM (FROM content_ksbs SELECT content_id UNION FROM content_duties SELECT content_id
            UNION FROM content_duty_ksbs SELECT content_id UNION FROM content_options SELECT content_id) ANTI JOIN snapshots USING (content_id)""",
    ),
    Check(
        name="stored_bytes_read_as_before",
        asset="standard_snapshots",
        severity="warn",
        description="Reading stored bytes with a newer parser altered nothing in this run; what it did alter is our change, not the publisher's.",
        sql="SELECT reference, version, source, from_parser, to_parser, event, subject, before, after, rule FROM reparse_report WHERE run_id = $run_id",
    ),
    Check(
        name="every_mapped_code_is_listed",
        asset="standard_snapshots",
        severity="error",
        description="A duty is mapped to KSBs that the same content lists.",
        sql="SELECT content_id, duty_number, code FROM content_duty_ksbs ANTI JOIN content_ksbs USING (content_id, code)",
    ),
    Check(
        name="a_standard_has_one_approved_version",
        asset="standard_snapshots",
        severity="warn",
        description="At most one version of a standard is approved for delivery at a time.",
        sql=findings_now("Q-TWO-IN-FORCE"),
    ),
    Check(
        name="an_approved_version_has_a_lars_code",
        asset="standard_snapshots",
        severity="warn",
        description="A version approved for delivery has a LARS code.",
        sql=findings_now("Q-NO-LARS-CODE"),
    ),
    Check(
        name="an_approved_version_takes_starts",
        asset="standard_snapshots",
        severity="warn",
        description="A version approved for delivery has no last day for starts in the past.",
        sql=findings_now("Q-STARTS-OVER"),
    ),
    Check(
        name="every_transition_was_compared",
        asset="standard_changes",
        severity="error",
        description="Nothing waits to be compared.",
        sql="SELECT transition_id, reference, version, kind FROM transitions WHERE NOT is_compared",
    ),
    Check(
        name="every_change_names_its_evidence",
        asset="standard_changes",
        severity="error",
        description="The bytes behind a change are in the evidence store.",
        sql="""
            SELECT change_id, reference, version FROM changes
            WHERE (evidence_before IS NULL AND evidence_after IS NULL)
               OR evidence_before NOT IN (SELECT sha256 FROM evidence) OR evidence_after NOT IN (SELECT sha256 FROM evidence)""",
    ),
    Check(
        name="every_second_opinion_was_served",
        asset="ksb_planner_captures",
        severity="warn",
        description="Every page of the third party that was asked for answered, and could be read.",
        sql=_FAILED_CAPTURES.format(source="ksb_planner") + " AND outcome <> 'gone'",
    ),
    Check(
        name="every_disagreement_names_its_evidence",
        asset="source_conflicts",
        severity="error",
        description="The bytes behind a disagreement are in the evidence store.",
        sql="""
            SELECT conflict_id, reference, version, rule FROM source_conflicts
            WHERE (evidence_sha256 IS NULL AND other_evidence_sha256 IS NULL)
               OR evidence_sha256 NOT IN (SELECT sha256 FROM evidence) OR other_evidence_sha256 NOT IN (SELECT sha256 FROM evidence)""",
    ),
    Check(
        name="the_sources_agree",
        asset="source_conflicts",
        severity="warn",
        description="What a page or a third party says of a version is what the API says of it.",
        sql=_DISAGREEMENTS.format("= 'X-VALUE'"),
    ),
    Check(
        name="every_live_version_has_its_page",
        asset="source_conflicts",
        severity="warn",
        description="Every version that the API tells as approved or in development has a page, and every page a version.",
        sql=_DISAGREEMENTS.format("IN ('X-NO-PAGE', 'X-NO-RECORD')"),
    ),
    Check(
        name="the_version_logs_agree",
        asset="source_conflicts",
        severity="warn",
        description="The version log of a page lists the versions that the API tells, with the same notes and dates.",
        sql=_DISAGREEMENTS.format("LIKE 'X-LOG-%'"),
    ),
)


NEW_ODDITIES: Final = next(check for check in CHECKS if check.name == "no_record_is_odd_in_a_new_way")


def failing_rows(db: Queryable, check: Check, run_id: str) -> list[dict[str, Any]]:
    """The rows for which a check does not hold."""
    return db.rows(check.sql, {"run_id": run_id} if "$run_id" in check.sql else ())


def whole_table(db: Warehouse, table: Table) -> pl.DataFrame:
    """Every row of a table."""
    return db.frame(f"SELECT * FROM {table.name}")
