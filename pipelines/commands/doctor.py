"""The doctor: what a person would look at first, each thing with whether it is in order.

Belongs here: sentences on the settings and the state of the data folder. Not here: asking anybody over the network.
"""

import platform
import sys
from collections.abc import Generator, Iterator
from importlib.metadata import version as installed
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipelines.alerts.subscriptions import SubscriptionsError
from pipelines.alerts.subscriptions import load as load_subscriptions
from pipelines.settings import Settings
from warehouse import read
from warehouse.checks import NEW_ODDITIES, failing_rows
from warehouse.conflicts import unresolved
from warehouse.database import WAREHOUSE, WarehouseBusyError, WarehouseError, open_warehouse
from warehouse.incidents import open_incidents
from warehouse.publish import PUBLISHED


def examine(settings: Settings) -> Iterator[dict[str, Any]]:
    """What was looked at, whether it is in order (None: nothing to say yet), and what was found."""
    yield {"what": "Python", "is_good": sys.version_info >= (3, 11), "finding": platform.python_version()}
    for package in ("standards-watch", "dagster", "duckdb", "pandera", "polars"):
        yield {"what": package, "is_good": True, "finding": installed(package)}
    loopback = "127.0.0.1" in settings.site or "localhost" in settings.site
    contact = settings.contact or "not set: run needs STANDARDS_WATCH_CONTACT or --contact"
    yield {"what": "contact", "is_good": bool(settings.contact) or (None if loopback else False), "finding": contact}
    try:
        loaded = load_subscriptions(settings.subscriptions)
        said = f"{loaded.origin}: {len(loaded.subscriptions.subscriptions)} subscriptions, {len(loaded.subscriptions.targets)} targets"
        yield {"what": "subscriptions", "is_good": True, "finding": said}
    except SubscriptionsError as error:
        yield {"what": "subscriptions", "is_good": False, "finding": str(error)}
    folder = settings.data
    if not folder.exists():
        yield {"what": "data folder", "is_good": None, "finding": f"{folder.absolute()} is not there yet; the first run makes it"}
        return
    newest: list[dict[str, Any]] = []
    if (folder / WAREHOUSE).exists():
        newest = yield from _examine_warehouse(folder)
    else:
        yield {"what": "warehouse", "is_good": None, "finding": f"{folder.absolute()} holds none yet; the first run makes it"}
    try:
        with read.open_published(folder) as reader:
            counts = read.tally(reader)
            newest = newest or read.runs(reader, 1)
            incidents = open_incidents(reader)
            disagreements = [row for row in unresolved(reader) if not row["is_explained"]]
    except WarehouseError as error:
        yield {"what": "published", "is_good": None, "finding": str(error)}
        return
    told = f"{counts['versions']:,} versions of {counts['standards']:,} standards, {counts['snapshots']:,} snapshots, {counts['changes']:,} changes"
    yield {"what": "published", "is_good": True, "finding": f"{(folder / PUBLISHED).absolute()}: {told}"}
    for row in newest:
        said = f": {row['message']}" if row["message"] else ""
        yield {
            "what": "last run",
            "is_good": row["status"] == "good",
            "finding": f"{row['status']}, {row['started_at']:%Y-%m-%d %H:%M} UTC{said}",
        }
    for row in incidents:
        yield {
            "what": "incident",
            "is_good": False,
            "finding": f"{row['rule']}, since {row['opened_at']:%Y-%m-%d %H:%M} UTC: {row['summary']}",
        }
    if counts["stale"]:
        yield {
            "what": "stale",
            "is_good": False,
            "finding": f"{counts['stale']:,} versions could not be checked by the last run that tried",
        }
    if disagreements:
        references = list(dict.fromkeys(row["reference"] for row in disagreements))
        named = ", ".join(references[:5]) + (f" and {len(references) - 5:,} more" if len(references) > 5 else "")
        points = f"{len(disagreements):,} point{'s' if len(disagreements) > 1 else ''}"
        finding = f"they disagree on {points}, of {named}; `standards-watch show` says what each tells"
        yield {"what": "sources", "is_good": None, "finding": finding}


def _examine_warehouse(folder: Path) -> Generator[dict[str, Any], None, list[dict[str, Any]]]:
    """The writer's file; returns its newest run."""
    try:
        with open_warehouse(folder) as db:
            newest = read.runs(db, 1)
            died = db.rows("SELECT run_id, started_at FROM runs WHERE status = 'running' ORDER BY started_at")
            for row in died:
                yield {"what": "run", "is_good": None, "finding": f"{row['run_id']} of {row['started_at']:%Y-%m-%d %H:%M} UTC did not end"}
            odd = failing_rows(db, NEW_ODDITIES, "")
        yield {"what": "warehouse", "is_good": True, "finding": str((folder / WAREHOUSE).absolute())}
        for rule, rows in groupby(odd, key=itemgetter("rule")):
            said = [f"{row['reference']} {row['version']} {row['message']}" for row in rows]
            yield {"what": "new oddity", "is_good": None, "finding": f"{rule}, {len(said)} times: {'; '.join(said[:3])}"}
    except WarehouseBusyError as error:
        yield {"what": "warehouse", "is_good": None, "finding": str(error)}
    except WarehouseError as error:
        yield {"what": "warehouse", "is_good": False, "finding": str(error)}
    else:
        return newest
    return []
