"""Quarantine: what is held back, seen and decided from the command line.

Belongs here: the commands of `quarantine`. Not here: what a decision does (warehouse.quarantine).
"""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipelines import terminal
from pipelines.commands.options import Data, Json, plain_errors, settings_of, utc_now
from warehouse import quarantine, read
from warehouse.database import open_warehouse
from warehouse.evidence import read_body
from warehouse.lock import only_writer
from warehouse.publish import publish

app = typer.Typer(help="Records held back: look at them, let one through, or turn it down.", no_args_is_help=True)
Held = Annotated[str, typer.Argument(help="The id, or its beginning, as `quarantine list` shows it.", metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")]
Who = Annotated[str | None, typer.Option("--by", help="Who decides (default: the user of this machine).", show_default=False)]


@app.command("list")
def show_list(
    data: Data = None, everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False, as_json: Json = False
) -> None:
    """What is held back now."""
    with plain_errors(), read.open_published(settings_of(data=data).data) as reader:
        rows = quarantine.held(reader, is_open=not everything)
    if as_json:
        terminal.print_json(rows)
    elif rows:
        shown = [row | {"id": row["quarantine_id"][:8]} for row in rows]
        terminal.show_rows("Held back", shown, ("id", "status", "held_at", "source", "reference", "version", "rule", "reason"))
    else:
        terminal.console.print("Nothing is held back.")


@app.command("show")
def show_one(held: Held, data: Data = None, as_json: Json = False) -> None:
    """One held record: what was wrong, and the beginning of its evidence."""
    with plain_errors():
        folder = settings_of(data=data).data
        with read.open_published(folder) as reader:
            row = quarantine.one(reader, held)
            kept = reader.rows("SELECT * FROM evidence WHERE sha256 = ?", [row["evidence_sha256"]])
            row["evidence"] = read_body(folder / "evidence", kept[0])[:2000].decode("utf-8", "replace") if kept else None
    if as_json:
        terminal.print_json(row)
    else:
        terminal.show_facts(row)


@app.command("approve")
def approve(held: Held, reason: Reason, data: Data = None, by: Who = None, as_json: Json = False) -> None:
    """Let a held record through, once, at the next run that meets it."""
    _decide(held, "approved", reason, data, by, as_json=as_json)


@app.command("reject")
def reject(held: Held, reason: Reason, data: Data = None, by: Who = None, as_json: Json = False) -> None:
    """Keep a record out and stop mentioning it; the last good one stays current."""
    _decide(held, "rejected", reason, data, by, as_json=as_json)


def _decide(held: str, decision: quarantine.Decision, reason: str, data: Path | None, by: str | None, *, as_json: bool) -> None:
    with plain_errors():
        folder = settings_of(data=data).data
        with only_writer(folder), open_warehouse(folder) as db:
            row = quarantine.decide(db, held, decision, reason=reason, who=by or getpass.getuser(), at=utc_now())
            publish(db, folder)
    if as_json:
        terminal.print_json(row)
    else:
        name = f"{row['reference']} {row['version']} ({row['quarantine_id'][:8]})"
        terminal.console.print(Text(f"{name} is {row['status']}, by {row['decided_by']}: {row['decision_reason']}"), soft_wrap=True)
