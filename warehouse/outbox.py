"""The outbox: what is to be told, and how far each target's delivery got.

Belongs here: the rows of alerts and deliveries, and what is read to address them. Not here: who wants what,
words and channels (pipelines.alerts).
An alert is written with what it tells; addressing it writes its deliveries, once; a delivery's state is on
disk before and after every attempt, so that a process that dies leaves it where the next one goes on.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import duckdb
import polars as pl

from schemas.record import digest
from schemas.tables import ALERTS, DELIVERIES
from warehouse.database import Warehouse
from warehouse.ddl import quoted
from warehouse.read import Queryable, Row

_DIED: Final = "The process ended while it was being sent; whether it arrived is not known."


def standard_alert(reference: str, detected_at: datetime) -> Row:
    """The alert of one standard's changes in one look at the site."""
    return _alert("standard", [reference, detected_at.isoformat()], detected_at, reference=reference)


def welcome_alert(detected_at: datetime) -> Row:
    """The alert of the first look; there is one for ever."""
    return _alert("welcome", [], detected_at)


def alarm_alert(topic: str, phase: str, summary: str, detected_at: datetime) -> Row:
    """The alert of trouble in our own house."""
    return _alert("alarm", [topic, phase, detected_at.isoformat()], detected_at, topic=topic, phase=phase, summary=summary)


def _alert(kind: str, what: Sequence[str], detected_at: datetime, **told: str) -> Row:
    nothing = dict.fromkeys(("reference", "topic", "phase", "summary"))
    return {"alert_id": digest([kind, *what]), "kind": kind, "detected_at": detected_at, "is_addressed": False, **nothing, **told}


def keep_told(db: Warehouse, before: Path) -> None:
    """Take over what was told, and what is still to be, from the warehouse that a rebuilt one replaces.

    Where that is gone or damaged nothing is taken over: a rebuild tells nothing of the past either way.
    """
    if not before.exists():
        return
    with suppress(duckdb.Error):
        db.execute(f"ATTACH {quoted(str(before))} AS before_rebuild")
        try:
            with db.transaction():
                for table in (ALERTS, DELIVERIES):
                    # Which schema a table stands in is the matter of whichever version of this program made the file.
                    found = db.rows(
                        "SELECT schema_name FROM duckdb_tables() WHERE database_name = 'before_rebuild' AND table_name = ?", [table.name]
                    )
                    for row in found:
                        db.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM before_rebuild.{row['schema_name']}.{table.name}")
        finally:
            db.execute("DETACH before_rebuild")


def add_alerts(db: Warehouse, rows: Sequence[Row]) -> None:
    """Write alerts, inside the transaction of what they tell.

    A standard that another source of the same run has more to tell of is to be addressed again; what a target
    has been told of it already stays told.
    """
    fresh = list({row["alert_id"]: row for row in rows}.values())
    known = {
        row["alert_id"] for row in db.rows("SELECT alert_id FROM alerts WHERE list_contains(?::VARCHAR[], alert_id)", [list(_ids(fresh))])
    }
    db.append(ALERTS, [row for row in fresh if row["alert_id"] not in known])
    db.execute("UPDATE alerts SET is_addressed = false WHERE kind = 'standard' AND list_contains(?::VARCHAR[], alert_id)", [list(known)])


def _ids(rows: Sequence[Row]) -> Collection[str]:
    return [row["alert_id"] for row in rows]


def unaddressed(db: Warehouse) -> list[Row]:
    """Alerts whose deliveries are still to be written, oldest first."""
    return db.rows("SELECT * FROM alerts WHERE NOT is_addressed ORDER BY detected_at, kind, reference, alert_id")


def told_changes(db: Warehouse) -> set[tuple[str, str]]:
    """(target, change) of every change of an unaddressed alert that a target has a delivery for."""
    rows = db.rows(
        """
        WITH waiting AS (
            SELECT c.change_id FROM changes c JOIN alerts a ON (a.reference, a.detected_at) = (c.reference, c.detected_at) AND NOT a.is_addressed)
        SELECT target, change_id FROM (SELECT target, unnest(change_ids) AS change_id FROM deliveries) SEMI JOIN waiting USING (change_id)"""
    )
    return {(row["target"], row["change_id"]) for row in rows}


def digest_days(db: Warehouse) -> set[tuple[str, str, datetime]]:
    """(target, frequency, day) of every digest that has been put together."""
    rows = db.rows("SELECT DISTINCT target, frequency, due_at FROM deliveries WHERE frequency <> 'immediate' AND message_id IS NOT NULL")
    return {(row["target"], row["frequency"], row["due_at"]) for row in rows}


def write_deliveries(db: Warehouse, deliveries: Sequence[Row], addressed: Sequence[str]) -> None:
    """Write the deliveries of some alerts and mark these addressed, in one transaction."""
    with db.transaction():
        db.append(DELIVERIES, list(deliveries), or_ignore=True)
        db.execute("UPDATE alerts SET is_addressed = true WHERE list_contains(?::VARCHAR[], alert_id)", [list(addressed)])


def waiting_for_digest(db: Warehouse, until: datetime) -> list[Row]:
    """Deliveries whose digest is due."""
    return db.rows("SELECT * FROM deliveries WHERE state = 'waiting' AND due_at <= ? ORDER BY created_at, delivery_id", [until])


def put_together(db: Warehouse, digests: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Make each group of waiting deliveries one message, by the message's id."""
    with db.transaction():
        for message_id, delivery_ids in digests.items():
            db.execute(
                """
                UPDATE deliveries SET message_id = ?, state = 'due', next_try_at = ?
                WHERE state = 'waiting' AND list_contains(?::VARCHAR[], delivery_id)""",
                [message_id, now, list(delivery_ids)],
            )


def recover(db: Warehouse, now: datetime) -> int:
    """Take up what a process that died was sending; returns how many deliveries. The caller is the only writer."""
    left = db.rows("SELECT count(*) AS n FROM deliveries WHERE state = 'sending'")[0]["n"]
    if left:
        db.execute("UPDATE deliveries SET state = 'failed', next_try_at = ?, last_answer = ? WHERE state = 'sending'", [now, _DIED])
    return int(left)


def due_messages(db: Warehouse, now: datetime) -> list[list[Row]]:
    """The deliveries that are to be tried now, by message; targets that took everything so far come first."""
    rows = db.rows(
        """
        SELECT * FROM deliveries WHERE state IN ('due', 'failed') AND next_try_at <= ?
        ORDER BY target IN (SELECT target FROM deliveries WHERE state IN ('failed', 'dead')), due_at, created_at, reference, target, message_id, delivery_id""",
        [now],
    )
    messages: dict[str, list[Row]] = {}
    for row in rows:
        messages.setdefault(row["message_id"], []).append(row)
    return list(messages.values())


def begin_attempt(db: Warehouse, message_id: str, now: datetime) -> None:
    """Write down that a message is being sent, before it is."""
    db.execute(
        "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, last_tried_at = ? WHERE message_id = ?", [now, message_id]
    )


def end_attempt(db: Warehouse, message_id: str, *, state: str, answer: str, next_try_at: datetime | None, sent_at: datetime | None) -> None:
    """Write down what came of it."""
    db.execute(
        "UPDATE deliveries SET state = ?, last_answer = ?, next_try_at = ?, sent_at = ? WHERE message_id = ?",
        [state, answer, next_try_at, sent_at, message_id],
    )


def try_again(db: Warehouse, now: datetime, *, prefixes: Sequence[str], with_dead: bool) -> int:
    """Make failed deliveries due now: all, or those whose id begins so; dead ones where they are asked for. Returns how many."""
    chosen = db.rows(
        """
        SELECT DISTINCT message_id FROM deliveries
        WHERE (state = 'failed' OR (state = 'dead' AND ?)) AND (len(?::VARCHAR[]) = 0 OR EXISTS (
            SELECT 1 FROM (SELECT unnest(?::VARCHAR[]) AS prefix) WHERE starts_with(delivery_id, prefix) OR starts_with(message_id, prefix)))""",
        [with_dead or bool(prefixes), list(prefixes), list(prefixes)],
    )
    ids = [row["message_id"] for row in chosen]
    db.execute(
        """
        UPDATE deliveries SET attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END, state = 'failed', next_try_at = ?
        WHERE list_contains(?::VARCHAR[], message_id)""",
        [now, ids],
    )
    return len(ids)


def untold(db: Queryable, since: datetime | None) -> list[Row]:
    """Deliveries that failed and are tried again, and those given up, since a moment where one is named; oldest first."""
    return db.rows(
        """
        SELECT * FROM deliveries WHERE state = 'failed' OR (state = 'dead' AND (?::TIMESTAMP IS NULL OR last_tried_at >= ?::TIMESTAMP))
        ORDER BY created_at, target, delivery_id""",
        [since, since],
    )


def deliveries(db: Queryable, *, is_open: bool) -> list[Row]:
    """Deliveries, newest first; `is_open` leaves out what was sent."""
    return db.rows(
        "SELECT * FROM deliveries WHERE state <> 'sent' OR NOT ? ORDER BY created_at DESC, target, reference, delivery_id", [is_open]
    )


def delivery_counts(db: Queryable) -> list[Row]:
    """How many deliveries each target has in each state."""
    return db.rows(
        "SELECT target, channel, state, count(*) AS deliveries, count(DISTINCT message_id) AS messages FROM deliveries GROUP BY ALL ORDER BY ALL"
    )


def alerts(db: Queryable, ids: Sequence[str]) -> list[Row]:
    """Alerts by id, oldest first."""
    return db.rows("SELECT * FROM alerts WHERE list_contains(?::VARCHAR[], alert_id) ORDER BY detected_at, alert_id", [list(ids)])


def changes_told(db: Warehouse, change_ids: Collection[str] | None = None) -> list[Row]:
    """Changes by id, or of the unaddressed alerts where none are named, with what else a message says of their version.

    Each row is the change with `alert_id`, and the version's `route`, `level` and `page_url` as they were last seen.
    """
    named = pl.DataFrame({"change_id": list(change_ids or ())}, schema={"change_id": pl.String})
    chosen = "SEMI JOIN named USING (change_id)" if change_ids is not None else "WHERE NOT a.is_addressed"
    with db.registered("named", named):
        return db.rows(
            f"""
            SELECT c.*, a.alert_id, s.route, s.level, s.page_url
            FROM changes c LEFT JOIN alerts a ON a.kind = 'standard' AND (a.reference, a.detected_at) = (c.reference, c.detected_at)
            LEFT JOIN ({_LAST_SEEN}) s ON (s.reference, s.version) = (c.reference, c.version)
            {chosen} ORDER BY {_READING_ORDER}"""
        )


# A version told by several sources is described as the API last told it.
_LAST_SEEN: Final = """
    SELECT reference, version, route, level, page_url FROM snapshots
    QUALIFY row_number() OVER (PARTITION BY reference, version ORDER BY source = 'api' DESC, seen_from_at DESC) = 1"""
_READING_ORDER: Final = """
    c.detected_at, c.reference, list_position(['revision', 'adjustment', 'correction', 'none'], c.severity),
    [CAST(part AS INTEGER) FOR part IN string_split(c.version, '.')] DESC, c.event, list_position(['K', 'S', 'B', 'D'], c.subject[1]), length(c.subject), c.subject, c.change_id"""


def every_change(db: Queryable) -> list[Row]:
    """Every change, oldest first, with its version's route, level and address."""
    return db.rows(
        f"""
        SELECT c.*, s.route, s.level, s.page_url FROM changes c
        LEFT JOIN ({_LAST_SEEN}) s ON (s.reference, s.version) = (c.reference, c.version) ORDER BY {_READING_ORDER}"""
    )


def crosswalks_into(db: Queryable, versions: Collection[tuple[str, str]]) -> list[Row]:
    """The crosswalk rows of some versions (reference, version) from the one before each, in reading order."""
    names = [f"{reference} {version}" for reference, version in versions]
    return db.rows(
        """
        SELECT * FROM version_crosswalk WHERE list_contains(?::VARCHAR[], reference || ' ' || to_version)
        ORDER BY reference, to_version, list_position(['K', 'S', 'B', 'D'], kind), coalesce(to_code, from_code)[1],
            length(coalesce(to_code, from_code)), coalesce(to_code, from_code)""",
        [names],
    )


def alarms_open(db: Queryable) -> list[Row]:
    """The newest alert of every alarm that is not over."""
    return db.rows(
        """
        SELECT * FROM (SELECT * FROM alerts WHERE kind = 'alarm' QUALIFY row_number() OVER (PARTITION BY topic ORDER BY detected_at DESC, phase = 'over' DESC) = 1)
        WHERE phase <> 'over' ORDER BY topic"""
    )


def alarm_opened_at(db: Queryable, topic: str) -> datetime:
    """Since when an alarm that is open stands."""
    rows = db.rows("SELECT max(detected_at) AS at FROM alerts WHERE topic = ? AND phase = 'opened'", [topic])
    return cast(datetime, rows[0]["at"])


# What counts as silence: each query gives a row per trouble, its topic and its words; `$now` is the moment that asks, `$complete_at`
# the end of the last complete run. Another kind of trouble is one more query.
TROUBLES: Final[Mapping[str, str]] = {
    "no_run": """
        SELECT 'no_run' AS topic, CASE WHEN $complete_at::TIMESTAMP IS NULL THEN 'No run has been complete yet.'
            ELSE 'The last complete run ended on ' || strftime($complete_at::TIMESTAMP, '%-d %B %Y at %H:%M') || ' UTC.' END
            || ' Nothing that changed since then is known.' AS summary
        FROM (SELECT coalesce($complete_at::TIMESTAMP, min(started_at)) AS since FROM runs WHERE only_references IS NULL)
        WHERE since < $now::TIMESTAMP - INTERVAL 26 HOURS""",
    "run_failed": """
        SELECT 'run_failed' AS topic, 'The run of ' || strftime(started_at, '%-d %B %Y at %H:%M') || ' UTC failed. ' || coalesce(message, '') AS summary
        FROM (SELECT * FROM runs WHERE status IN ('good', 'quarantine', 'failed') ORDER BY started_at DESC LIMIT 1)
        WHERE status = 'failed' AND ($complete_at::TIMESTAMP IS NULL OR started_at > $complete_at::TIMESTAMP)""",
    "stale": """
        WITH checked AS (
            SELECT w.reference, max(w.last_checked_at) AS checked_at FROM watched_versions w JOIN snapshots s USING (snapshot_id)
            WHERE NOT w.is_missing GROUP BY w.reference HAVING bool_or(s.status IN ('Approved for delivery', 'In development'))),
        old AS (SELECT * FROM checked WHERE checked_at < $now::TIMESTAMP - INTERVAL 3 DAYS ORDER BY checked_at, reference)
        SELECT 'stale' AS topic, count(*) || CASE count(*) WHEN 1 THEN ' standard was' ELSE ' standards were' END
            || ' last checked more than three days ago, the first on ' || strftime(min(checked_at), '%-d %B %Y') || ': '
            || array_to_string(list(reference ORDER BY checked_at, reference)[:20], ', ') || CASE WHEN count(*) > 20 THEN ' and more.' ELSE '.' END AS summary
        FROM old HAVING count(*) > 0""",
    "incident": "SELECT 'incident:' || incident_id AS topic, summary FROM incidents WHERE closed_at IS NULL",
    "deliveries": """
        WITH failing AS (
            SELECT target, min(created_at) AS since, count(DISTINCT message_id) AS messages, arg_max(last_answer, last_tried_at) AS answer
            FROM deliveries d WHERE state IN ('failed', 'dead') AND attempts >= 3
              AND last_tried_at > coalesce((SELECT max(sent_at) FROM deliveries s WHERE s.target = d.target), TIMESTAMP '1970-01-01')
            GROUP BY target)
        SELECT 'deliveries:' || target AS topic,
            messages || CASE messages WHEN 1 THEN ' message' ELSE ' messages' END || ' for ' || target || ' could not be delivered since '
            || strftime(since, '%-d %B %Y at %H:%M') || ' UTC. The last answer: ' || coalesce(answer, 'none') AS summary FROM failing""",
}


def complete_run_at(db: Queryable) -> datetime | None:
    """When the last run of everything ended that was good, or done with something held back."""
    rows = db.rows("SELECT max(finished_at) AS at FROM runs WHERE status IN ('good', 'quarantine') AND only_references IS NULL")
    return cast("datetime | None", rows[0]["at"])


def troubles(db: Warehouse, now: datetime, complete_at: datetime | None) -> dict[str, str]:
    """What is wrong now: the words of each trouble by its topic."""
    found: dict[str, str] = {}
    for sql in TROUBLES.values():
        asked = {"now": now, "complete_at": complete_at}
        rows = db.rows(sql, {name: value for name, value in asked.items() if f"${name}" in sql})
        found |= {row["topic"]: row["summary"].strip() for row in rows}
    return found
