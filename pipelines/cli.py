"""The command line.

Belongs here: options, exit codes and what is printed. Not here: doing the work. Dagster and the
parsers are imported by the commands that run the job, so that the others answer at once.
"""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast, get_args

import typer
from rich.markup import escape
from rich.text import Text

from pipelines import terminal
from pipelines.alerts.subscriptions import DEMO
from pipelines.alerts.subscriptions import load as load_subscriptions
from pipelines.commands import alerts, quarantine
from pipelines.commands.doctor import examine
from pipelines.commands.options import (
    EXIT_FAILED,
    EXIT_QUARANTINE,
    EXIT_STOPPED,
    Contact,
    Data,
    Json,
    moment_of,
    one_of,
    plain_errors,
    references_of,
    settings_of,
    utc_now,
)
from pipelines.run import AlertMode
from pipelines.settings import PREFIX, Settings, misspelt, origin, settings_despite
from schemas.events import EVENTS, SEVERITIES
from warehouse import outbox, read
from warehouse.conflicts import unresolved
from warehouse.database import BEFORE_REBUILD, WAREHOUSE, WarehouseError, open_warehouse, put_in_place
from warehouse.lock import only_writer
from warehouse.publish import PUBLISHED, publish, shrink
from warehouse.reparse import reparse_report

app = typer.Typer(
    name="standards-watch",
    help="Watch England's occupational standards: keep every state, say exactly what changed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(alerts.app, name="alerts")
_EXIT_CODES: Final = {"good": 0, "quarantine": EXIT_QUARANTINE, "failed": EXIT_FAILED, "running": EXIT_FAILED}


@app.command()
def run(
    data: Data = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="What to read: api, page, occupation, ksb_planner or all; may be repeated.", show_default=False),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="Address of the site.", show_default=False)] = None,
    only: Annotated[str | None, typer.Option("--only", help="Only these standards: ST0128,ST0004.", show_default=False)] = None,
    observed_at: Annotated[
        str | None, typer.Option("--observed-at", help="The time the run stands for, ISO 8601; for replays.", show_default=False)
    ] = None,
    contact: Contact = None,
    requests_per_second: Annotated[
        float | None, typer.Option("--requests-per-second", help="Pace, at most, to one host (default 1).", show_default=False)
    ] = None,
    alerts: Annotated[
        str, typer.Option("--alerts", help="live: tell what is seen now, nothing of a replay; always; never.", metavar="live|always|never")
    ] = "live",
    as_json: Json = False,
) -> None:
    """Run the daily job once. Exit 0 good, 1 failed or somebody was not told, 3 done but with something held back or not served."""
    from pipelines.job import JobRequest, run_job

    with plain_errors():
        settings = settings_of(data=data, site=site, sources=source, contact=contact, requests_per_second=requests_per_second)
        one_of([alerts], get_args(AlertMode), "--alerts")
        load_subscriptions(settings.subscriptions)
        request = JobRequest(
            settings=settings, only=references_of(only), observed_at=moment_of(observed_at), alerts=cast(AlertMode, alerts)
        )
        with terminal.progress_bars(quiet=as_json) as progress:
            outcome = run_job(request, progress)
    if as_json:
        terminal.print_json(outcome.as_dict())
    else:
        terminal.show_outcome(outcome.run, outcome.changes, settings.data)
        if outcome.untold:
            terminal.errors.print(Text(outcome.untold), soft_wrap=True)
    raise typer.Exit(EXIT_FAILED if outcome.untold else _EXIT_CODES[outcome.run["status"]])


@app.command()
def demo(data: Data = None) -> None:
    """Watch the built-in sample site over its three nights; needs no network."""
    from pipelines.job import JobRequest, run_job
    from scrapers.sample.nights import DATES
    from scrapers.sample.server import SampleSite, sample_nights

    with plain_errors():
        folder = settings_of(data=data).data / "demo"
        _clear(folder)
        folder.mkdir(parents=True)
        told = folder / "subscriptions.toml"
        told.write_text(DEMO, encoding="utf-8")
        with SampleSite(sample_nights()) as site:
            for number, night in enumerate(DATES, 1):
                site.move(number)
                terminal.console.rule(f"Night {number}: {night:%d %B %Y}")
                settings = settings_of(
                    data=folder,
                    site=site.url,
                    sources=["all", "occupation"],
                    contact="demo@example.org",
                    requests_per_second=1000.0,
                    subscriptions=told,
                )
                observed_at = datetime(night.year, night.month, night.day, 5, tzinfo=UTC).replace(tzinfo=None)
                with terminal.progress_bars(quiet=False) as progress:
                    outcome = run_job(JobRequest(settings=settings, only=None, observed_at=observed_at, alerts="always"), progress)
                terminal.show_outcome(outcome.run, outcome.changes, folder)
                if outcome.run["status"] != "good":
                    raise typer.Exit(_EXIT_CODES[outcome.run["status"]])
        with read.open_published(folder) as reader:
            terminal.console.rule("What changed in three nights")
            terminal.show_changes(read.changes(reader))
    terminal.console.print(f"\nThe database, for any DuckDB: [bold]{escape(str((folder / PUBLISHED).absolute()))}[/]", soft_wrap=True)
    terminal.console.print(f"The messages, to open in a browser: [bold]{escape(str((folder / 'outbox').absolute()))}[/]", soft_wrap=True)
    terminal.console.print(f"The same as pages: [bold]{escape(str((folder / 'site' / 'index.html').absolute()))}[/]", soft_wrap=True)
    terminal.console.print(f"Look closer: [bold]standards-watch show ST9001 --data {escape(str(folder))}[/]", soft_wrap=True)


@app.command()
def changes(
    data: Data = None,
    since: Annotated[str | None, typer.Option("--since", help="From this day or moment on (UTC).", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this day or moment (UTC).", show_default=False)] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="Only these standards: ST0128,ST0004.", show_default=False)] = None,
    event: Annotated[list[str] | None, typer.Option("--event", help="Only this event; may be repeated.", show_default=False)] = None,
    severity: Annotated[
        list[str] | None, typer.Option("--severity", help="Only this severity; may be repeated.", show_default=False)
    ] = None,
    words: Annotated[bool, typer.Option("--words", help="Old and new words side by side, every change by itself.")] = False,
    as_json: Json = False,
) -> None:
    """What changed, newest first."""
    with plain_errors():
        one_of(event, list(EVENTS), "--event")
        one_of(severity, SEVERITIES, "--severity")
        since_at, until_at = moment_of(since), moment_of(until)
        if since_at and until_at and since_at >= until_at:
            raise typer.BadParameter(f"--since {since} is not before --until {until}.")
        with read.open_published(settings_of(data=data).data) as reader:
            for name in references_of(reference) or ():
                if not read.versions_of(reader, name):
                    raise typer.BadParameter(f"{name} is not in the warehouse: no version of it was ever seen.")
            rows = read.changes(
                reader,
                since=since_at,
                until=until_at,
                references=references_of(reference) or (),
                events=event or (),
                severities=severity or (),
            )
    if as_json:
        terminal.print_json(rows)
    elif words:
        terminal.show_words(rows)
    else:
        terminal.show_changes(rows)


@app.command()
def show(
    reference: Annotated[str, typer.Argument(help="The standard: ST0128.")],
    data: Data = None,
    version: Annotated[
        str | None, typer.Option("--version", help="The version: 1.1 (default: the one in force).", show_default=False)
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known at this day or moment (UTC).", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """One standard: facts, KSBs, duties, which duty needs which KSB, and what the sources disagree on."""
    with plain_errors(), read.open_published(settings_of(data=data).data) as reader:
        row = _version(reader, reference.upper(), version, as_of)
        content = read.content(reader, row["snapshot_id"])
        found = unresolved(reader, row["reference"], moment_of(as_of, is_end_of_day=True))
        found = [conflict for conflict in found if conflict["version"] in (row["version"], None)]
    if as_json:
        terminal.print_json(row | content | {"source_conflicts": found})
    else:
        terminal.show_version(row, content)
        terminal.show_conflicts([conflict for conflict in found if not conflict["is_explained"]])


@app.command("diff")
def show_diff(
    reference: Annotated[str, typer.Argument(help="The standard: ST0128.")],
    old: Annotated[str, typer.Argument(help="The older version: 1.0; or the only one, with --from and --to.", metavar="OLD")],
    new: Annotated[str | None, typer.Argument(help="The newer version: 1.1.", metavar="NEW", show_default=False)] = None,
    data: Data = None,
    since: Annotated[
        str | None, typer.Option("--from", help="One version as it was known at this day or moment (UTC).", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="And at this one (default: now).", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="List the unchanged items too.")] = False,
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print a page instead of text.")] = False,
) -> None:
    """Two versions of a standard, or two days of one: what became of every KSB and duty, word by word."""
    from pipelines import diff as words

    if (new is None) == (since is None):
        raise typer.BadParameter(
            "Name two versions (diff ST0128 1.0 1.1), or one version and two days (diff ST0128 1.1 --from 2026-08-13 --to 2026-08-14)."
        )
    reference = reference.upper()
    with plain_errors(), read.open_published(settings_of(data=data).data) as reader:
        pair = []
        for version, day in ((old, since), (new or old, until)):
            row = _version(reader, reference, version, day)
            pair.append((words.Side(version=version, as_of=day), read.record(reader, row)))
    found = words.diff(*pair)
    if as_json:
        terminal.print_json(found.as_dict())
    elif as_html:
        sys.stdout.write(words.as_html(found))
    else:
        terminal.show_diff(found, everything=everything)


@app.command("backfill")
def fill_in(
    data: Data = None,
    git: Annotated[
        Path | None,
        typer.Option(
            "--git",
            help="A git repository with one JSON file per version, committed nightly.",
            show_default=False,
            exists=True,
            file_okay=False,
        ),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(
            "--jsonl",
            help="A replay file: {seq, committed, file, record} on each line; plain, .gz or .xz.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill an empty data folder with the nights somebody else kept; the daily run goes on from there. Nobody is told of the past."""
    from pipelines.backfill import backfill
    from scrapers.history import HistoryError
    from scrapers.replay import Replay
    from scrapers.repository import Repository

    if (git is None) == (jsonl is None):
        raise typer.BadParameter("Name a repository with --git or a replay file with --jsonl, one of the two.")
    with plain_errors():
        folder = settings_of(data=data).data
        try:
            history = Repository(git) if git else Replay(jsonl or Path())
            with only_writer(folder), terminal.progress_bars(quiet=as_json) as progress:
                with open_warehouse(folder) as db:
                    done = backfill(db, folder / "evidence", history, progress, utc_now)
                    publish(db, folder)
                    counts = done.as_dict() | read.tally(db)
                shrink(folder)
        except HistoryError as error:
            raise WarehouseError(str(error)) from error
        except KeyboardInterrupt as error:
            terminal.errors.print("Stopped. What was written is whole; the same command goes on from there.", soft_wrap=True)
            raise typer.Exit(EXIT_STOPPED) from error
    if as_json:
        terminal.print_json(counts)
    else:
        terminal.show_backfill(counts, folder)


@app.command()
def explain(
    reference: Annotated[str, typer.Argument(help="The standard: ST0128.")],
    item: Annotated[str, typer.Argument(help='A code (K7), a duty ("Duty 3") or a column (max_funding_gbp).')],
    data: Data = None,
    version: Annotated[
        str | None, typer.Option("--version", help="The version: 1.1 (default: the one in force).", show_default=False)
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known at this day or moment (UTC).", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Where a value came from: the bytes, their hash, address and time, and what they read as today. Exit 1 where that differs."""
    from pipelines.audit import explain as explain_value

    with plain_errors():
        folder = settings_of(data=data).data
        with read.open_published(folder) as reader:
            row = _version(reader, reference.upper(), version, as_of)
            try:
                found = explain_value(reader, folder / "evidence", row, item)
            except KeyError as error:
                raise typer.BadParameter(
                    f"{row['reference']} {row['version']} has no {item}. `standards-watch show {row['reference']}` lists what it has."
                ) from error
    facts = {name: getattr(found, name) for name in found.__slots__} | {"is_same": found.is_same}
    if as_json:
        terminal.print_json(facts)
    else:
        terminal.show_facts(facts)
    raise typer.Exit(0 if found.is_same else EXIT_FAILED)


@app.command()
def verify(data: Data = None, as_json: Json = False) -> None:
    """Check every stored body against its digest and every rule between the tables. Exit 1 where something is wrong."""
    from pipelines.audit import verify as verify_all

    with plain_errors():
        folder = settings_of(data=data).data
        with read.open_published(folder) as reader, terminal.progress_bars(quiet=as_json) as progress:
            verdicts = list(verify_all(reader, folder / "evidence", progress))
    if as_json:
        terminal.print_json([{"what": v.what, "checked": v.checked, "wrong": list(v.wrong)} for v in verdicts])
    else:
        terminal.show_rows(
            "Verified",
            [{"is_good": not v.wrong, "what": v.what, "wrong": "; ".join(v.wrong[:3])} for v in verdicts],
            ("is_good", "what", "wrong"),
        )
    raise typer.Exit(EXIT_FAILED if any(v.wrong for v in verdicts) else 0)


@app.command("rebuild")
def make_again(data: Data = None, as_json: Json = False) -> None:
    """Make the warehouse again from the evidence folder alone: the same history, the same change ids."""
    from pipelines.rebuild import rebuild

    with plain_errors():
        folder = settings_of(data=data).data
        with only_writer(folder), terminal.progress_bars(quiet=as_json) as progress:
            draft = folder / ".rebuild"
            shutil.rmtree(draft, ignore_errors=True)
            with open_warehouse(draft, is_replay=True) as db:
                outbox.keep_told(db, folder / WAREHOUSE)
                runs = rebuild(db, folder, progress)
            put_in_place(draft, folder)
            with open_warehouse(folder) as db:
                publish(db, folder)
                counts = read.tally(db) | {"runs": runs}
            shrink(folder)
    if as_json:
        terminal.print_json(counts)
    else:
        terminal.console.print(
            f"{runs:,} runs replayed: {counts['snapshots']:,} snapshots, {counts['changes']:,} changes. "
            f"What stood here before is {escape(str(folder / BEFORE_REBUILD))}; delete it when you have looked.",
            soft_wrap=True,
        )


@app.command("reparse")
def read_again(
    data: Data = None,
    report: Annotated[bool, typer.Option("--report", help="Only show what reading again has altered so far.")] = False,
    as_json: Json = False,
) -> None:
    """Read stored evidence again with today's parsers, as a run does first; what that alters is our change, never the publisher's."""
    from pipelines.reparse import reparse

    with plain_errors():
        folder = settings_of(data=data).data
        if not report:
            now = utc_now()
            with only_writer(folder), open_warehouse(folder) as db, terminal.progress_bars(quiet=as_json) as progress:
                reparse(db, folder / "evidence", progress, run_id="reparse", at=now)
                publish(db, folder)
        with read.open_published(folder) as reader:
            rows = reparse_report(reader)
    if as_json:
        terminal.print_json(rows)
    elif rows:
        columns = (
            "reported_at",
            "source",
            "reference",
            "version",
            "from_parser",
            "to_parser",
            "event",
            "subject",
            "before",
            "after",
            "reason",
        )
        terminal.show_rows("Read differently", rows, columns)
    else:
        terminal.console.print("Nothing reads differently: every stored body says to today's parsers what it said when it was first read.")


site_app = typer.Typer(help="The pages that people look at, made of the published file.", no_args_is_help=True)
app.add_typer(site_app, name="site")


@site_app.command("build")
def site_build(
    folder: Annotated[
        Path | None, typer.Argument(help="Where the pages go (default: site in the data folder).", metavar="DIR", show_default=False)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Bring the pages to what the published file says; only what moved is made anew. They work from a disk and from any file server."""
    from pipelines.publish.site.build import SITE, build_site

    with plain_errors():
        kept = settings_of(data=data).data
        target = folder or kept / SITE
        with terminal.progress_bars(quiet=as_json) as progress:
            built = build_site(kept, target, progress)
    home = (target / "index.html").absolute()
    if as_json:
        terminal.print_json({"home": str(home), **built.as_dict()})
    else:
        told = f"{built.pages:,} pages: {built.written:,} written, {built.checked:,} with a later last check, {built.removed:,} removed."
        terminal.console.print(f"{told}\nOpen {escape(str(home))}", soft_wrap=True)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; it is made where it is not there.", metavar="DIR", file_okay=False)],
    form: Annotated[str, typer.Option("--format", help="parquet, csv, json (lines) or sqlite.")] = "parquet",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Everything that is published, as files: Parquet, CSV, JSON Lines or SQLite, with a data package descriptor."""
    from pipelines.publish import exports

    with plain_errors():
        one_of([form], get_args(exports.Format), "--format")
        with read.open_published(settings_of(data=data).data) as reader:
            try:
                written = exports.export(reader, folder, cast(exports.Format, form))
            except exports.ExportError as error:
                raise WarehouseError(str(error)) from error
    rows = [{"name": one.relation.name, "rows": one.rows, "paths": list(one.paths)} for one in written]
    if as_json:
        terminal.print_json({"folder": str(folder.absolute()), "format": form, "written": rows})
    else:
        terminal.show_rows(f"Exported to {folder.absolute()}", rows, ("name", "rows", "paths"))


@app.command()
def doctor(data: Data = None, as_json: Json = False) -> None:
    """Explain the settings and the state of the data folder; asks nobody over the network."""
    with plain_errors():
        told = {"data": data}
        settings, wrong = settings_despite(told)
        rows = [
            {
                "setting": name,
                "value": terminal.as_words(getattr(settings, name)) if name not in wrong else "wrong",
                "from": "command line" if told.get(name) else origin(name),
            }
            for name in Settings.model_fields
        ]
        findings = [{"what": PREFIX + name.upper(), "is_good": False, "finding": said} for name, said in wrong.items()]
        for name, meant in misspelt():
            hint = f"; {meant} is" if meant else ""
            findings.append({"what": name, "is_good": False, "finding": f"is no setting, and nobody reads it{hint}"})
        findings += examine(settings)
    if as_json:
        terminal.print_json({"settings": rows, "state": findings})
    else:
        terminal.show_rows("Settings", rows, ("setting", "value", "from"))
        terminal.show_rows("State", findings, ("what", "is_good", "finding"))
    raise typer.Exit(EXIT_FAILED if any(row["is_good"] is False for row in findings) else 0)


def _version(reader: read.Queryable, reference: str, version: str | None, as_of: str | None) -> dict[str, Any]:
    row = read.version(reader, reference, version, moment_of(as_of, is_end_of_day=True))
    if row is None:
        there = ", ".join(read.versions_of(reader, reference)) or "no version of that standard"
        since = read.known_since(reader, reference) if as_of else None
        known = f", first seen on {since:%Y-%m-%d} at {since:%H:%M} (UTC)" if since else ""
        asked = " ".join(part for part in (reference, version, f"as of {as_of}" if as_of else None) if part)
        raise typer.BadParameter(f"{asked} is not in the warehouse; there is {there}{known}.")
    return row


def _clear(folder: Path) -> None:
    """Empty the demo's own folder; anything that is not a data folder is left alone."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / WAREHOUSE).exists():
        raise WarehouseError(f"{folder} holds something else than a demo. Name another data folder with --data.")
    shutil.rmtree(folder, ignore_errors=True)
