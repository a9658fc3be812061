"""The published views and macros: what data teams query.

Belongs here: the SQL of the public contract. Not here: the tables under it (schemas.tables).
A version told by several sources is shown as the first of api, page, occupation tells it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas.record import ATTRIBUTES
from schemas.tables import CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_KSBS, SNAPSHOTS, SOURCES, WATCHED_VERSIONS
from warehouse.ddl import quoted

_COUNTS: Final = ("knowledge_count", "skill_count", "behaviour_count", "duty_count")
_VERSION_COLUMNS: Final = ", ".join(f"s.{name}" for name in (*ATTRIBUTES, *_COUNTS))
_PREFERENCE: Final = "list_position([{}], {{}}source)".format(", ".join(quoted(source) for source in SOURCES))
# 1.11 comes after 1.2, so versions are ordered as pairs of numbers.
_VERSION_ORDER: Final = "[CAST(part AS INTEGER) FOR part IN string_split({}version, '.')]"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view, or a table macro where it takes parameters."""

    name: str
    description: str
    sql: str
    parameters: str = ""


VIEWS: Final = (
    View(
        name="current_versions",
        description="One row per version now published.",
        sql=f"""
            SELECT {_VERSION_COLUMNS}, s.source, s.snapshot_id, w.first_seen_at, w.last_checked_at
            FROM watched_versions w JOIN snapshots s USING (snapshot_id)
            WHERE NOT w.is_missing
            QUALIFY row_number() OVER (PARTITION BY w.reference, w.version ORDER BY {_PREFERENCE.format("w.")}) = 1""",
    ),
    View(
        name="current_standards",
        description="One row per standard: the version in force, else the newest.",
        sql=f"""
            SELECT * FROM current_versions
            QUALIFY row_number() OVER (
                PARTITION BY reference
                ORDER BY coalesce(status = 'Approved for delivery', false) DESC, {_VERSION_ORDER.format("")} DESC) = 1""",
    ),
    View(
        name="current_ksbs",
        description="The knowledge, skills and behaviours of every version now published.",
        sql="""
            SELECT v.reference, v.version, k.code, k.kind, k.position, k.text, k.options
            FROM current_versions v JOIN snapshots s USING (snapshot_id) JOIN content_ksbs k USING (content_id)""",
    ),
    View(
        name="current_duties",
        description="The duties of every version now published.",
        sql="""
            SELECT v.reference, v.version, d.duty_number, d.text, d.criteria, d.is_core, d.options
            FROM current_versions v JOIN snapshots s USING (snapshot_id) JOIN content_duties d USING (content_id)""",
    ),
    View(
        name="current_duty_ksbs",
        description="Which duty needs which KSB, for every version now published.",
        sql="""
            SELECT v.reference, v.version, m.duty_number, m.code
            FROM current_versions v JOIN snapshots s USING (snapshot_id) JOIN content_duty_ksbs m USING (content_id)""",
    ),
    View(
        name="version_history",
        description="Every snapshot: how a version stood, from when to when, as each source told it.",
        sql=f"SELECT {_VERSION_COLUMNS}, s.source, s.snapshot_id, s.evidence_sha256, s.seen_from_at, s.seen_to_at FROM snapshots s",
    ),
    View(
        name="versions_as_of",
        description="The versions as they were known at a moment (UTC).",
        parameters="ts",
        sql=f"""
            SELECT * FROM version_history
            WHERE seen_from_at <= CAST(ts AS TIMESTAMP) AND (seen_to_at IS NULL OR seen_to_at > CAST(ts AS TIMESTAMP))
            QUALIFY row_number() OVER (PARTITION BY reference, version ORDER BY {_PREFERENCE.format("")}) = 1""",
    ),
    View(
        name="ksbs_as_of",
        description="The KSBs as they were known at a moment (UTC).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, k.code, k.kind, k.position, k.text, k.options
            FROM versions_as_of(ts) v JOIN snapshots s USING (snapshot_id) JOIN content_ksbs k USING (content_id)""",
    ),
    View(
        name="duties_as_of",
        description="The duties as they were known at a moment (UTC).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, d.duty_number, d.text, d.criteria, d.is_core, d.options
            FROM versions_as_of(ts) v JOIN snapshots s USING (snapshot_id) JOIN content_duties d USING (content_id)""",
    ),
    View(
        name="duty_ksbs_as_of",
        description="Which duty needed which KSB, as known at a moment (UTC).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, m.duty_number, m.code
            FROM versions_as_of(ts) v JOIN snapshots s USING (snapshot_id) JOIN content_duty_ksbs m USING (content_id)""",
    ),
    View(
        name="changes_between",
        description="The changes first seen from one moment up to, but without, another (UTC).",
        parameters="a, b",
        sql="SELECT * FROM changes WHERE detected_at >= CAST(a AS TIMESTAMP) AND detected_at < CAST(b AS TIMESTAMP)",
    ),
)


def create_views() -> Iterator[str]:
    """Statements that create the views and macros; later ones use earlier ones."""
    for view in VIEWS:
        if view.parameters:
            yield f"CREATE OR REPLACE MACRO {view.name}({view.parameters}) AS TABLE {view.sql}"
            yield f"COMMENT ON MACRO TABLE {view.name} IS {quoted(view.description)}"
        else:
            yield f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}"
            yield f"COMMENT ON VIEW {view.name} IS {quoted(view.description)}"


def column_descriptions() -> dict[str, str]:
    """What each column of the views means: the description it has in the table it comes from."""
    tables = (CONTENT_DUTY_KSBS, CONTENT_DUTIES, CONTENT_KSBS, WATCHED_VERSIONS, SNAPSHOTS)
    return {name: description for table in tables for name, _, _, description in table.columns()}
