"""Alerts: the targets tried, and what was and was not sent, from the command line.

Belongs here: the commands of `alerts`. Not here: sending (pipelines.alerts).
"""

from typing import Annotated

import typer

from pipelines import terminal
from pipelines.alerts.subscriptions import load as load_subscriptions
from pipelines.commands.options import EXIT_FAILED, Data, Json, one_of, plain_errors, settings_of, utc_now
from warehouse import outbox, read
from warehouse.database import open_warehouse
from warehouse.lock import only_writer
from warehouse.publish import publish

app = typer.Typer(help="Who is told of what: try every target, see what was sent, try again what was not.", no_args_is_help=True)


@app.command("test")
def send_samples(
    data: Data = None,
    target: Annotated[list[str] | None, typer.Option("--target", help="Only this target; may be repeated.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Send a sample through every target and say what each answered. Exit 1 where one did not take it."""
    from pipelines.alerts.channels import channel
    from pipelines.alerts.sample import sample_message

    with plain_errors():
        settings = settings_of(data=data)
        loaded = load_subscriptions(settings.subscriptions)
        names = list(loaded.subscriptions.targets)
        one_of(target, names, "--target")
        rows = []
        for name in target or names:
            answer = channel(loaded, name, settings.data, utc_now)(sample_message(name, utc_now(), settings.public_url))
            kind = loaded.subscriptions.targets[name].kind
            rows.append({"target": name, "channel": kind, "is_taken": answer.is_taken, "answer": answer.words})
    if as_json:
        terminal.print_json(rows)
    elif rows:
        terminal.show_rows(f"Targets of {loaded.origin}", rows, ("target", "channel", "is_taken", "answer"))
    else:
        terminal.console.print(f"{loaded.origin} names no target.")
    raise typer.Exit(0 if all(row["is_taken"] for row in rows) else EXIT_FAILED)


@app.command("list")
def show_list(
    data: Data = None, everything: Annotated[bool, typer.Option("--all", help="What was sent too.")] = False, as_json: Json = False
) -> None:
    """What is to be sent, tried again or was given up."""
    with plain_errors(), read.open_published(settings_of(data=data).data) as reader:
        rows = outbox.deliveries(reader, is_open=not everything)
    if as_json:
        terminal.print_json(rows)
    elif rows:
        columns = ("id", "state", "target", "kind", "reference", "changes", "attempts", "next_try_at", "last_answer")
        shown = [row | {"id": row["delivery_id"][:8], "changes": len(row["change_ids"])} for row in rows]
        terminal.show_rows("Deliveries" if everything else "Not sent yet", shown, columns)
    else:
        terminal.console.print("Everything was sent.")


@app.command("retry")
def retry(
    which: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, or their beginnings, as `alerts list` shows them.", metavar="[ID]...", show_default=False),
    ] = None,
    data: Data = None,
    dead: Annotated[bool, typer.Option("--dead", help="Those that were given up too.")] = False,
    as_json: Json = False,
) -> None:
    """Try now what failed, and what else is due. Exit 1 where somebody still was not told."""
    from pipelines.alerts.delivery import Office, deliver

    with plain_errors():
        settings = settings_of(data=data)
        loaded = load_subscriptions(settings.subscriptions)
        with only_writer(settings.data), open_warehouse(settings.data) as db:
            chosen = outbox.try_again(db, utc_now(), prefixes=which or (), with_dead=dead)
            if which and not chosen:
                raise typer.BadParameter(f"No failed delivery has an id that begins with {' or '.join(which)}. `alerts list` names them.")
            office = Office(data=settings.data, loaded=loaded, public_url=settings.public_url, now=utc_now)
            report = deliver(db, office, is_after_run=False)
            publish(db, settings.data)
    if as_json:
        terminal.print_json(report.tried)
    elif report.tried:
        terminal.show_rows("Tried", report.tried, ("target", "channel", "subject", "state", "attempts", "answer"))
    else:
        terminal.console.print("Nothing was due.")
    raise typer.Exit(EXIT_FAILED if report.untold else 0)
