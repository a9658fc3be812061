"""The published views and macros: what data teams query.

Belongs here: the SQL of the public contract. Not here: the tables under it (schemas.tables).
A version told by several sources is shown as the first of api, page, occupation tells it.
Tables that are no part of the contract are named with their schema, so that any client finds them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.record import ATTRIBUTES, LISTS, digest
from schemas.tables import CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_KSBS, SNAPSHOTS, SOURCES, WATCHED_VERSIONS
from warehouse.ddl import quoted, utc
from warehouse.quality import quality_findings

# The first number grows when something is renamed or dropped, the second when something is added.
SCHEMA_VERSION: Final = "1.0"

_COUNTS: Final = ("knowledge_count", "skill_count", "behaviour_count", "duty_count")
# Only the API tells an empty list; where a page has no such heading, nothing is known.
_VERSION_COLUMNS: Final = ", ".join(
    f"CASE WHEN s.source = 'api' OR len(s.{name}) > 0 THEN s.{name} END AS {name}" if name in LISTS else f"s.{name}"
    for name in (*ATTRIBUTES, *_COUNTS)
)
_PREFERENCE: Final = "list_position([{}], {{}}source)".format(", ".join(quoted(source) for source in SOURCES))
# 1.11 comes after 1.2, so versions are ordered as pairs of numbers.
_VERSION_ORDER: Final = "[CAST(part AS INTEGER) FOR part IN string_split({}version, '.')]"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view, or a table macro where it takes parameters.

    `key`: the columns that name a row. `columns`: what a column means, where it is not what its table says.
    """

    name: str
    description: str
    sql: str
    parameters: str = ""
    key: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


_FINDING_COLUMNS: Final = {
    "rule": "The rule it met: Q-… (what is published), P-… (what the parsers met)",
    "sentence": "What the rule says",
    "subject": "Where: a code, `Duty 3`, a column; NULL = the version as a whole, or what `detail` names",
    "detail": "The words or values in question",
    "seen_from_at": "Since when the version has stood as it does (UTC); the oddity may be older",
}

_SHOWN: Final = (
    View(
        name="current_versions",
        description="One row per version now published.",
        key=("reference", "version"),
        sql=f"""
            SELECT {_VERSION_COLUMNS}, s.source, s.snapshot_id, w.first_seen_at, w.last_checked_at
            FROM internal.watched_versions w JOIN internal.snapshots s USING (snapshot_id)
            WHERE NOT w.is_missing
            QUALIFY row_number() OVER (PARTITION BY w.reference, w.version ORDER BY {_PREFERENCE.format("w.")}) = 1""",
    ),
    View(
        name="current_standards",
        description="One row per standard: the version in force, else the newest.",
        key=("reference",),
        sql=f"""
            SELECT * FROM current_versions
            QUALIFY row_number() OVER (
                PARTITION BY reference
                ORDER BY coalesce(status = 'Approved for delivery', false) DESC, {_VERSION_ORDER.format("")} DESC) = 1""",
    ),
    View(
        name="current_ksbs",
        description="The knowledge, skills and behaviours of every version now published.",
        key=("reference", "version", "code"),
        sql="""
            SELECT v.reference, v.version, k.code, k.kind, k.position, k.text, k.options
            FROM current_versions v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_ksbs k USING (content_id)""",
    ),
    View(
        name="current_duties",
        description="The duties of every version now published.",
        key=("reference", "version", "duty_number"),
        sql="""
            SELECT v.reference, v.version, d.duty_number, d.text, d.criteria, d.is_core, d.options
            FROM current_versions v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_duties d USING (content_id)""",
    ),
    View(
        name="current_duty_ksbs",
        description="Which duty needs which KSB, for every version now published.",
        key=("reference", "version", "duty_number", "code"),
        sql="""
            SELECT v.reference, v.version, m.duty_number, m.code
            FROM current_versions v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_duty_ksbs m USING (content_id)""",
    ),
    View(
        name="version_history",
        description="Every snapshot: how a version stood, from when to when, as each source told it.",
        key=("snapshot_id",),
        columns={"last_checked_at": "When this state was last seen to hold (UTC); NULL once it was superseded"},
        sql=f"""
            SELECT {_VERSION_COLUMNS}, s.source, s.snapshot_id, w.first_seen_at,
                CASE WHEN s.seen_to_at IS NULL THEN w.last_checked_at END AS last_checked_at, s.seen_from_at, s.seen_to_at
            FROM internal.snapshots s LEFT JOIN internal.watched_versions w
            ON w.source = s.source AND w.reference = s.reference AND w.version = s.version""",
    ),
    View(
        name="versions_as_of",
        description="The versions as they were known at a moment (UTC; a day is its first moment).",
        parameters="ts",
        sql=f"""
            SELECT * FROM version_history
            WHERE seen_from_at <= {utc("ts")} AND (seen_to_at IS NULL OR seen_to_at > {utc("ts")})
            QUALIFY row_number() OVER (PARTITION BY reference, version ORDER BY {_PREFERENCE.format("")}) = 1""",
    ),
    View(
        name="ksbs_as_of",
        description="The KSBs as they were known at a moment (UTC; a day is its first moment).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, k.code, k.kind, k.position, k.text, k.options
            FROM versions_as_of(ts) v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_ksbs k USING (content_id)""",
    ),
    View(
        name="duties_as_of",
        description="The duties as they were known at a moment (UTC; a day is its first moment).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, d.duty_number, d.text, d.criteria, d.is_core, d.options
            FROM versions_as_of(ts) v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_duties d USING (content_id)""",
    ),
    View(
        name="duty_ksbs_as_of",
        description="Which duty needed which KSB, as known at a moment (UTC; a day is its first moment).",
        parameters="ts",
        sql="""
            SELECT v.reference, v.version, m.duty_number, m.code
            FROM versions_as_of(ts) v JOIN internal.snapshots s USING (snapshot_id) JOIN internal.content_duty_ksbs m USING (content_id)""",
    ),
    View(
        name="changes_between",
        description="The changes first seen from one moment up to, but without, another (UTC; a day is its first moment).",
        parameters="a, b",
        sql=f"SELECT * FROM changes WHERE detected_at >= {utc('a')} AND detected_at < {utc('b')}",
    ),
    View(
        name="quality_findings",
        description="What is odd in the versions now published: one row per rule and place, to see and to cite.",
        columns=_FINDING_COLUMNS,
        sql=quality_findings(None),
    ),
    View(
        name="quality_findings_as_of",
        description="What was odd in the versions as they were known at a moment (UTC; a day is its first moment).",
        parameters="ts",
        sql=quality_findings("ts"),
    ),
    View(
        name="data_dictionary",
        description="What everything here is: one row per table, view and macro, and one per column.",
        key=("name", "position"),
        columns={
            "name": "The table or view; a macro with its parameters",
            "kind": "table, view or macro",
            "position": "Place of the column; 0 = the table, view or macro itself",
            "column_name": "The column; NULL for the table, view or macro itself",
            "type": "Type of the column, as DuckDB names it",
            "description": "What it is",
        },
        sql="""
            WITH relations AS (
                SELECT table_name AS name, 'table' AS kind, comment AS description FROM duckdb_tables()
                WHERE schema_name = 'main' AND database_name = current_database() AND NOT internal AND NOT temporary
                UNION ALL SELECT view_name, 'view', comment FROM duckdb_views()
                WHERE schema_name = 'main' AND database_name = current_database() AND NOT internal AND NOT temporary)
            SELECT name, kind, 0 AS position, NULL AS column_name, NULL AS type, description FROM relations
            UNION ALL
            SELECT name, kind, column_index, column_name, data_type, comment FROM relations
            JOIN duckdb_columns() c ON c.table_name = name AND c.schema_name = 'main' AND c.database_name = current_database()
            UNION ALL
            SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', 'macro', 0, NULL, NULL, comment FROM duckdb_functions()
            WHERE schema_name = 'main' AND database_name = current_database() AND function_type = 'table_macro' AND NOT internal""",
    ),
)
# Files made by an earlier version of this program get the views of this one.
DEFINITION: Final = digest([[v.name, v.parameters, v.sql, v.description, dict(v.columns)] for v in _SHOWN])
VIEWS: Final = (
    *_SHOWN,
    View(
        name="schema_version",
        description="The version of this contract: one row.",
        columns={
            "schema_version": "The first number grows when something is renamed or dropped, the second when something is added",
            "definition": "Address of the definitions of all views and macros",
        },
        sql=f"SELECT {quoted(SCHEMA_VERSION)} AS schema_version, {quoted(DEFINITION)} AS definition",
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


def described(view: str, column: str) -> str:
    """What a column of a view means: what the view says, else the description it has in the table it comes from."""
    tables = (CONTENT_DUTY_KSBS, CONTENT_DUTIES, CONTENT_KSBS, WATCHED_VERSIONS, SNAPSHOTS)
    known = {name: description for table in tables for name, _, _, description in table.columns()}
    return {view.name: view for view in VIEWS}[view].columns.get(column) or known[column]
