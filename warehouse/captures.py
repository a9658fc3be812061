"""Runs and captures: what was asked, what was served, which versions there are to ask for.

Belongs here: the rows of a run up to the point where bytes are kept. Not here: what the bytes say.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import polars as pl

from schemas.rules import RULES
from schemas.tables import CAPTURES, EVIDENCE, LISTINGS, RUNS
from warehouse.database import Warehouse, WarehouseError
from warehouse.evidence import sha256, write_pack
from warehouse.journal import flush, is_known, note
from warehouse.quarantine import hold

# So many addresses may have had a wrong validator before none of the site's is believed.
_FEW_WRONG: Final = 3

_DIED: Final = "It did not end: its process was killed, or the machine stopped. The next run took over what it had captured."


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is needed to find the pages of a version."""

    reference: str
    version: str
    status: str | None
    page_url: str | None
    occupation_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One version in a body, with its own bytes; where nothing was sent again, with the address of those that are kept."""

    reference: str
    version: str
    body: bytes = b""
    evidence_sha256: str | None = None
    status: str | None = None
    page_url: str | None = None
    occupation_code: str | None = None

    @property
    def address(self) -> str:
        """The sha256 its bytes are kept under."""
        return self.evidence_sha256 or sha256(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What an address held when it was last served, which is what it holds as long as its validator is `etag`.

    `read_at` is when the body itself was last read, `run_id` the run that was last promised or served it;
    `rule` and `reason` say what was odd about it.
    """

    etag: str
    run_id: str
    read_at: datetime
    rule: str | None
    reason: str | None
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """The row of a record that belongs to no version, for the quarantine, with its bytes."""

    row: dict[str, Any]
    body: bytes


def start_run(
    db: Warehouse,
    *,
    run_id: str,
    observed_at: datetime,
    started_at: datetime,
    site: str,
    sources: Sequence[str],
    only: Sequence[str] | None,
) -> datetime:
    """Write down that a run began; a run that is started again keeps its first row. Returns the time the run stands for.

    History only grows: two runs never stand for the same moment, and one that would look back is refused
    with a WarehouseError.
    """
    known = db.rows("SELECT observed_at FROM runs WHERE run_id = ?", [run_id])
    if known:
        return cast(datetime, known[0]["observed_at"])
    latest, is_same_moment = refuse_to_look_back(db, observed_at)
    observed_at = latest + timedelta(microseconds=1) if latest and is_same_moment else observed_at
    row = {
        "run_id": run_id,
        "observed_at": observed_at,
        "started_at": started_at,
        "finished_at": None,
        "status": "running",
        "site": site,
        "sources": list(sources),
        "only_references": list(only) if only else None,
        "message": None,
    }
    with db.transaction():
        # Whoever starts a run is the only writer: a run that still stands as running has died.
        db.execute("UPDATE runs SET status = 'failed', message = ? WHERE status = 'running'", [_DIED])
        db.append(RUNS, [row])
        note(
            db,
            "started",
            run_id=run_id,
            observed_at=observed_at.isoformat(),
            started_at=started_at.isoformat(),
            site=site,
            sources=list(sources),
            only=list(only) if only else None,
        )
    flush(db)
    return observed_at


def refuse_to_look_back(db: Warehouse, observed_at: datetime) -> tuple[datetime | None, bool]:
    """The latest moment a run stands for, and whether it is this very moment.

    Raises WarehouseError where it is later, or where the journal tells what this warehouse does not know.
    """
    if not is_known(db):
        raise WarehouseError(
            f"{db.journal_folder} holds a history that this warehouse does not know. `standards-watch rebuild` makes it again from there; "
            "to begin anew, name another data folder with --data."
        )
    flush(db)
    latest = db.rows("SELECT max(observed_at) AS at FROM runs")[0]["at"]
    # The looks at one moment stand a microsecond apart, in the order they were taken.
    is_same_moment = latest is not None and observed_at <= latest < observed_at + timedelta(seconds=1)
    if latest and observed_at < latest and not is_same_moment:
        raise WarehouseError(
            f"A run cannot look back: {observed_at:%Y-%m-%d %H:%M:%S} is before {latest:%Y-%m-%d %H:%M:%S}, the last one here (both UTC). "
            "Replay into another data folder (--data)."
        )
    return latest, is_same_moment


def finish_run(db: Warehouse, run_id: str, *, finished_at: datetime, status: str, message: str | None) -> None:
    """Write down how a run ended."""
    with db.transaction():
        db.execute("UPDATE runs SET finished_at = ?, status = ?, message = ? WHERE run_id = ?", [finished_at, status, message, run_id])
        note(db, "finished", run_id=run_id, finished_at=finished_at.isoformat(), status=status, message=message)
    flush(db)


def keep_captures(
    db: Warehouse, evidence: Path, captures: Sequence[tuple[dict[str, Any], Sequence[Held]]], unplaced: Sequence[Unplaced] = ()
) -> int:
    """Store captures of one run, what they held and what could not be placed in one transaction; returns how many bodies were new.

    Bodies are on disk before the rows that name them; a body that is known is not written again.
    """
    run_id = captures[0][0]["run_id"]
    addressed = [(capture, entry, entry.address) for capture, held in captures for entry in held]
    bodies = {address: entry.body for _, entry, address in addressed if entry.evidence_sha256 is None}
    bodies |= {record.row["evidence_sha256"]: record.body for record in unplaced}
    packed = pack_new(db, evidence, run_id, bodies)
    listings = [
        {
            "capture_id": capture["capture_id"],
            "reference": entry.reference,
            "version": entry.version,
            "evidence_sha256": address,
            "status": entry.status,
            "page_url": entry.page_url,
            "occupation_code": entry.occupation_code,
        }
        for capture, entry, address in addressed
    ]
    with db.transaction():
        db.append(EVIDENCE, packed)
        db.append(CAPTURES, [capture for capture, _ in captures])
        db.append(LISTINGS, listings)
        hold(db, run_id, list({record.row["quarantine_id"]: record.row for record in unplaced}.values()))
    return len(packed)


def pack_new(
    db: Warehouse, evidence: Path, run_id: str, bodies: Mapping[str, bytes], *, like: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Put bodies that are not known yet on disk, by their digest; the evidence rows are still to be written.

    `like` tells by digest which stored body one is much like; it then takes little room.
    """
    alike = like or {}
    asked = pl.DataFrame({"sha256": list({*bodies, *alike.values()})}, schema={"sha256": pl.String})
    with db.registered("addresses", asked):
        known = {row["sha256"]: row for row in db.rows("FROM evidence SEMI JOIN addresses USING (sha256)")}
    fresh = [body for address, body in bodies.items() if address not in known]
    alike_rows = {address: known[other] for address, other in alike.items() if other in known}
    return write_pack(evidence, run_id, fresh, like=alike_rows) if fresh else []


def promises(db: Warehouse, source: str, site: str) -> dict[str, Promise]:
    """What each address of a site promises, for those that may be asked whether they changed.

    Not among them: an address that has since been gone or refused, and one whose validator was once wrong;
    after more than a few of those the whole site.
    """
    wrong = db.rows("SELECT DISTINCT url FROM captures WHERE rule = 'C-WRONG-304' AND starts_with(url, ?)", [site])
    if len(wrong) > _FEW_WRONG:
        return {}
    # What a run limited to some standards kept of the array is not all that the array holds.
    rows = db.rows(
        """
        WITH asked AS (
            SELECT c.* FROM captures c JOIN runs r USING (run_id)
            WHERE c.source = ? AND (c.outcome IN ('gone', 'refused') OR r.only_references IS NULL)),
        newest AS (
            FROM asked WHERE etag IS NOT NULL AND capture_id IN (SELECT capture_id FROM listings)
            QUALIFY row_number() OVER (PARTITION BY url ORDER BY captured_at DESC) = 1),
        kept AS (
            SELECT newest.capture_id, newest.url, newest.etag, newest.run_id, newest.rule, newest.reason,
                max(asked.captured_at) FILTER (asked.outcome = 'served' AND asked.etag = newest.etag) AS read_at
            FROM newest JOIN asked USING (url) GROUP BY ALL
            HAVING NOT bool_or(asked.outcome IN ('gone', 'refused') AND asked.captured_at > newest.captured_at))
        SELECT kept.* EXCLUDE (capture_id), l.* EXCLUDE (capture_id) FROM kept JOIN listings l USING (capture_id)
        WHERE starts_with(url, ?) AND NOT list_contains(?::VARCHAR[], url)""",
        [source, site, [row["url"] for row in wrong]],
    )
    held: dict[str, list[Held]] = {}
    for row in rows:
        entry = {name: row[name] for name in ("reference", "version", "evidence_sha256", "status", "page_url", "occupation_code")}
        held.setdefault(row["url"], []).append(Held(**entry))
    return {
        row["url"]: Promise(
            etag=row["etag"],
            run_id=row["run_id"],
            read_at=row["read_at"],
            rule=row["rule"],
            reason=row["reason"],
            held=tuple(held[row["url"]]),
        )
        for row in {row["url"]: row for row in rows}.values()
    }


def forget_listings(db: Warehouse, source: str) -> None:
    """Let go of what the captures held that are read, but for the newest with a validator at each address: it is what that promises."""
    db.execute(
        """
        DELETE FROM listings WHERE capture_id IN (
            SELECT c.capture_id FROM captures c JOIN runs r USING (run_id)
            WHERE c.source = ? AND c.is_read AND c.capture_id IN (SELECT capture_id FROM listings)
            QUALIFY c.etag IS NULL OR r.only_references IS NOT NULL
                OR row_number() OVER (PARTITION BY c.url ORDER BY r.only_references IS NULL DESC, c.captured_at DESC) > 1)""",
        [source],
    )


def take_over(db: Warehouse, run_id: str, source: str, urls: Collection[str], at: datetime, within: timedelta) -> set[str]:
    """Make the answers of a run that died its successor's, where nobody has read them yet; returns their addresses.

    They stand for the successor's moment from then on, as if it had asked.
    """
    which = "source = ? AND NOT is_read AND outcome IN ('served', 'not_modified', 'gone') AND captured_at >= ? AND list_contains(?::VARCHAR[], url)"
    found = db.rows(f"SELECT DISTINCT url FROM captures WHERE {which}", [source, at - within, list(urls)])
    if found:
        db.execute(f"UPDATE captures SET run_id = ?, captured_at = ? WHERE {which}", [run_id, at, source, at - within, list(urls)])
    return {row["url"] for row in found}


def deferred_urls(db: Warehouse, source: str) -> set[str]:
    """The addresses that the last run which had them on its list did not get to ask."""
    rows = db.rows(
        "SELECT url FROM captures WHERE source = ? QUALIFY row_number() OVER (PARTITION BY url ORDER BY captured_at DESC) = 1 AND rule = 'C-DEFERRED'",
        [source],
    )
    return {row["url"] for row in rows}


def known_versions_count(db: Warehouse) -> int:
    """How many versions the array is known to hold."""
    return int(db.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'api' AND NOT is_missing")[0]["n"])


def listed_versions(db: Warehouse) -> list[Listed]:
    """What the newest array says of every version: the one just captured, else what its snapshots hold."""
    rows = db.rows(
        """
        WITH newest AS (
            SELECT capture_id FROM captures WHERE source = 'api' AND is_complete AND NOT is_read ORDER BY captured_at DESC LIMIT 1)
        SELECT reference, version, status, page_url, occupation_code FROM listings SEMI JOIN newest USING (capture_id)
        UNION ALL
        SELECT s.reference, s.version, s.status, s.page_url, s.occupation_code
        FROM watched_versions w JOIN snapshots s USING (snapshot_id)
        WHERE w.source = 'api' AND NOT w.is_missing AND s.reference NOT IN (SELECT reference FROM listings SEMI JOIN newest USING (capture_id))"""
    )
    return [Listed(**row) for row in rows]


def paged_versions(db: Warehouse) -> list[Listed]:
    """What the pages themselves last said of every version that has one."""
    rows = db.rows(
        """
        SELECT s.reference, s.version, s.status, s.page_url, s.occupation_code
        FROM watched_versions w JOIN snapshots s USING (snapshot_id) WHERE w.source = 'page' AND NOT w.is_missing"""
    )
    return [Listed(**row) for row in rows]


def run_outcome(db: Warehouse, run_id: str) -> tuple[str, str | None]:
    """How a run ended, from what it captured and held back: the status, and what went wrong or was odd in a sentence.

    failed: no source gave anything; quarantine: some of it could not be read, was held back or not to be trusted.
    """
    # A third party need not have every standard.
    captures = db.rows(
        """
        SELECT source, url, outcome, rule, reason FROM captures WHERE run_id = ? AND NOT (source = 'ksb_planner' AND outcome = 'gone')
        ORDER BY source, url""",
        [run_id],
    )
    failures = [row for row in captures if row["outcome"] not in ("served", "not_modified")]
    odd = [row for row in captures if row["rule"] and row["outcome"] in ("served", "not_modified")]
    wrong = [*failures, *(row for row in odd if RULES[row["rule"]].outcome == "distrust")]
    held = db.rows(
        "SELECT reference, version, url, rule, reason FROM quarantine WHERE last_run_id = ? AND status = 'held' ORDER BY reference, version",
        [run_id],
    )
    incidents = db.rows(
        "SELECT source, rule, summary FROM incidents WHERE last_run_id = ? AND closed_at IS NULL ORDER BY source, rule", [run_id]
    )
    down = {row["source"] for row in incidents if row["rule"] == "S-SOURCE-DOWN"}
    unknown = db.rows(
        """
        SELECT reference FROM (SELECT unnest(only_references) AS reference FROM runs WHERE run_id = ?)
        ANTI JOIN watched_versions USING (reference) ORDER BY reference""",
        [run_id],
    )
    said = [row["summary"] for row in incidents]
    said += [f"{row['url']}: {row['reason']}" for row in wrong if row["source"] not in down or row not in failures]
    # What an incident holds back is said by the incident.
    said += [
        f"{row['url']} ({row['reference'] or 'no reference'}): {row['reason']}" for row in held if RULES[row["rule"]].outcome != "incident"
    ]
    said += [f"{row['reference']} is not among the standards of the site." for row in unknown]
    is_good = not said
    said += [f"{row['url']}: {row['reason']}" for row in odd if row not in wrong]
    more = f" And {len(said) - 3} more." if len(said) > 3 else ""
    message = " ".join(said[:3]) + more if said else None
    if captures and len(failures) == len(captures):
        return "failed", message
    return ("good" if is_good else "quarantine"), message
