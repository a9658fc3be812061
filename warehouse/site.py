"""Reading the published file in bulk, for what is made of all of it.

Belongs here: whole standards at once, and marks that say what moved since the last time. Not here: one version for
a person who asks (read), or what is made of the rows (pipelines.publish).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from schemas.record import ATTRIBUTES, Content, Duty, Ksb, Record
from schemas.tables import SOURCES
from warehouse.read import Queryable, Row

# Long texts that only a version's own page shows.
PROSE: Final = ("overview", "occupation_summary", "entry_requirements", "standard_information")
_WANTED: Final = "(SELECT DISTINCT unnest(?::VARCHAR[]) AS {})"
# The banner stands on the page alone; a version that another source tells better has it all the same.
_LATEST: Final = """
    SELECT s.* REPLACE (coalesce(s.notice, max(s.notice) FILTER (NOT w.is_missing) OVER (PARTITION BY w.reference, w.version)) AS notice),
        w.first_seen_at, w.last_checked_at, w.is_missing, w.stale_since_at, w.stale_reason
    FROM watched_versions w JOIN snapshots s USING (snapshot_id)
    QUALIFY row_number() OVER (PARTITION BY w.reference, w.version ORDER BY w.is_missing, list_position(?::VARCHAR[], w.source)) = 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How many changes of a standard were seen on a day, and a digest of what is said of them."""

    reference: str
    seen_on: date
    changes: int
    mark: str


def versions(reader: Queryable) -> list[Row]:
    """Every version ever seen, as it stands now or stood last (`is_missing`), without its long texts; in the order of their numbers."""
    return reader.rows(
        f"""
        SELECT * EXCLUDE ({", ".join(PROSE)}) FROM ({_LATEST})
        ORDER BY reference, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')]""",
        [list(SOURCES)],
    )


def prose(reader: Queryable, snapshot_ids: Collection[str]) -> dict[str, Row]:
    """The long texts of some snapshots."""
    rows = reader.rows(
        f"SELECT snapshot_id, {', '.join(PROSE)} FROM snapshots JOIN {_WANTED.format('snapshot_id')} USING (snapshot_id)",
        [list(snapshot_ids)],
    )
    return {row.pop("snapshot_id"): row for row in rows}


def contents(reader: Queryable, content_ids: Collection[str]) -> dict[str, Content]:
    """The KSBs, duties, mapping and options of some contents."""
    wanted, ids = _WANTED.format("content_id"), [list(content_ids)]
    ksbs, duties, codes, options = (
        _grouped(reader.rows(f"SELECT t.* FROM {table} t JOIN {wanted} USING (content_id) ORDER BY content_id, {order}", ids))
        for table, order in (
            ("content_ksbs", "strpos('KSB', kind), position"),
            ("content_duties", "duty_number"),
            ("content_duty_ksbs", "duty_number, strpos('KSB', code[1]), CAST(code[2:] AS INTEGER)"),
            ("content_options", "position"),
        )
    )
    return {ident: _content(ksbs[ident], duties[ident], codes[ident], options[ident]) for ident in content_ids}


def _grouped(rows: list[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["content_id"]].append(row)
    return groups


def _content(ksbs: list[Row], duties: list[Row], codes: list[Row], options: list[Row]) -> Content:
    mapped: defaultdict[int, list[str]] = defaultdict(list)
    for row in codes:
        mapped[row["duty_number"]].append(row["code"])
    return Content(
        ksbs=tuple(Ksb(kind=row["kind"], position=row["position"], text=row["text"], options=tuple(row["options"])) for row in ksbs),
        duties=tuple(
            Duty(
                number=row["duty_number"],
                text=row["text"],
                codes=tuple(mapped[row["duty_number"]]),
                criteria=row["criteria"] or "",
                is_core=row["is_core"],
                options=tuple(row["options"]),
            )
            for row in duties
        ),
        options=tuple(row["title"] for row in options),
    )


def record(row: Mapping[str, Any], texts: Mapping[str, Any], content: Content) -> Record:
    """A version's row with its long texts and its content, as one record."""
    whole = {**row, **texts}
    values: dict[str, Any] = {name: tuple(whole[name] or ()) if isinstance(whole[name], list) else whole[name] for name in ATTRIBUTES}
    return Record(**values, content=content)


def marks(reader: Queryable) -> list[Mark]:
    """Which standards changed on which days (UTC), newest day first."""
    rows = reader.rows(
        """
        SELECT reference, CAST(detected_at AS DATE) AS seen_on, count(*) AS changes,
            md5(string_agg(concat_ws('|', change_id, detected_at, severity, rule, is_declared, effective_on, reverts, title, summary,
                                     array_to_string(sources, ',')), ';' ORDER BY detected_at, change_id)) AS mark
        FROM changes GROUP BY reference, seen_on ORDER BY seen_on DESC, reference"""
    )
    return [Mark(**row) for row in rows]


def by_month(reader: Queryable) -> list[Row]:
    """How many changes that are more than information were seen in each month (its first day), by family; oldest first."""
    return reader.rows(
        """
        SELECT CAST(date_trunc('month', detected_at) AS DATE) AS month, family, count(*) AS changes
        FROM changes WHERE severity <> 'none' GROUP BY month, family ORDER BY month, family"""
    )


def watching_since(reader: Queryable) -> datetime | None:
    """When the first run was that looked at the site."""
    return reader.rows("SELECT min(observed_at) AS at FROM runs WHERE status IN ('good', 'quarantine')")[0]["at"]  # type: ignore[no-any-return]


def last_look(reader: Queryable) -> datetime | None:
    """The moment the newest run stands for, good or not."""
    return reader.rows("SELECT max(observed_at) AS at FROM runs")[0]["at"]  # type: ignore[no-any-return]


def freshness(reader: Queryable) -> list[Row]:
    """Of each source: versions it tells, those that are stale or missing, the newest and the oldest check of one that is neither."""
    return reader.rows(
        """
        SELECT source, count(*) FILTER (NOT is_missing) AS versions, count(*) FILTER (stale_since_at IS NOT NULL) AS stale,
            count(*) FILTER (is_missing) AS missing, max(last_checked_at) AS newest_at,
            min(last_checked_at) FILTER (NOT is_missing) AS oldest_at
        FROM watched_versions GROUP BY source ORDER BY list_position(?::VARCHAR[], source)""",
        [list(SOURCES)],
    )


def stale(reader: Queryable, limit: int) -> list[Row]:
    """Versions that the last run that tried could not check, longest first."""
    return reader.rows(
        """
        SELECT reference, version, source, stale_since_at, stale_reason FROM watched_versions
        WHERE stale_since_at IS NOT NULL ORDER BY stale_since_at, reference, version LIMIT ?""",
        [limit],
    )


def incidents(reader: Queryable, limit: int) -> list[Row]:
    """Incidents, open ones first, then the newest."""
    return reader.rows("SELECT * FROM incidents ORDER BY closed_at IS NOT NULL, opened_at DESC, source, rule LIMIT ?", [limit])


def oddities(reader: Queryable) -> list[Row]:
    """How many published versions each warning rule was met in."""
    return reader.rows(
        """
        SELECT rule, count(*) AS findings, count(DISTINCT (reference, version)) AS versions
        FROM findings JOIN watched_versions USING (snapshot_id) WHERE NOT is_missing GROUP BY rule ORDER BY rule"""
    )
