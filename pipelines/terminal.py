"""What people see on a terminal: tables, progress, marked words.

Belongs here: layout. Not here: options and exit codes (cli), what is said of a change (changes.summary)
or of a pair of versions (diff).
"""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.changes.summary import folded
from pipelines.changes.words import word_diff
from warehouse.publish import PUBLISHED

_SEVERITY_STYLES: Final = {"revision": "bold red", "adjustment": "yellow", "correction": "cyan", "none": "dim"}
# Words that came and went are told apart without colour too.
_MARKS: Final = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
_MARK_STYLES: Final = {"same": "", "removed": "red strike", "added": "green"}

# Piped into a file or a pager there is no width to keep to.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
errors = Console(stderr=True, highlight=False)


@contextmanager
def progress_bars(*, quiet: bool) -> Any:
    """A bar per source on a terminal, else a line for every tenth."""
    if quiet:
        yield _no_progress
    elif errors.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=errors) as bars:
            tasks: dict[str, Any] = {}

            def advance(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

            yield advance
    else:

        def line(what: str, done: int, total: int) -> None:
            if done == total or (total >= 20 and done and (done * 10) // total != ((done - 1) * 10) // total):
                errors.print(f"{what}: {done} of {total}")

        yield line


def _no_progress(what: str, done: int, total: int) -> None:
    """For --json: standard output is the answer and nothing else."""


def show_backfill(counts: dict[str, Any], folder: Path) -> None:
    """What a backfill did: noise against change."""
    if not counts["nights"]:
        console.print("There was no night that is not known already.")
        return
    console.print(
        Text(
            f"{counts['nights']:,} nights of {counts['commits']:,} commits: {counts['moved']:,} files moved, of which {counts['noise']:,} said "
            f"nothing new in anything that is read. {counts['new_snapshots']:,} snapshots, {counts['new_changes']:,} changes, {counts['missing']:,} versions gone missing, "
            f"{counts['held']:,} records held back. Now {counts['versions']:,} versions of {counts['standards']:,} standards are known in {folder}."
        ),
        soft_wrap=True,
    )


def show_outcome(run_row: dict[str, Any], found: list[dict[str, Any]], folder: Path) -> None:
    """How a run ended, in counts, with its changes and where the database is."""
    counts = run_row["counts"]
    styles = {"good": "green", "quarantine": "yellow", "failed": "bold red"}
    status = run_row["status"]
    console.print(
        Text.assemble(
            (status, styles.get(status, "bold red")),
            f": {counted(counts['versions'], 'version')} of {counted(counts['standards'], 'standard')}, {counted(counts['ksbs'], 'KSB')}, "
            f"{counted(counts['duties'], 'duty', 'duties')}; {counted(counts['new_snapshots'], 'new snapshot')}, {counted(len(found), 'change')}",
        ),
        soft_wrap=True,
    )
    if run_row["message"]:
        errors.print(Text(run_row["message"]), soft_wrap=True)
    if found:
        show_changes(found)
    elif counts["is_baseline"]:
        console.print("First look: everything seen now is the baseline that later runs are compared with.")
    if counts["versions"]:
        console.print(f"Database: {escape(str((folder / PUBLISHED).absolute()))}", soft_wrap=True)


def show_changes(rows: Sequence[dict[str, Any]]) -> None:
    """Changes as a table; what only moved along is folded."""
    if not rows:
        console.print("Nothing changed.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, options in (
        ("Seen", {"no_wrap": True}),
        ("Standard", {"no_wrap": True}),
        ("Event", {}),
        ("Severity", {}),
        ("What changed", {"ratio": 1}),
    ):
        table.add_column(column, **options)
    lines = list(folded(rows))
    for row in lines:
        table.add_row(
            f"{row['detected_at']:%d %b %Y}",
            f"{row['reference']} {row['version']}",
            row["event"],
            Text(row["severity"], _SEVERITY_STYLES[row["severity"]]),
            Text(row["summary"]),
        )
    console.print(table)
    apart = "; what moved along, or alike in many standards, is one line (--words and --json list each)" if len(lines) < len(rows) else ""
    told = f" in {counted(len(lines), 'line')}{apart}" if apart else ""
    console.print(counted(len(rows), "change") + told, style="dim", soft_wrap=True)


def show_words(rows: Sequence[dict[str, Any]]) -> None:
    """Every change with its old and new words side by side; readable without colour."""
    if not rows:
        console.print("Nothing changed.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 1, 0))
    for column, ratio in (("Change", None), ("Severity", None), ("Old", 1), ("New", 1)):
        table.add_column(column, ratio=ratio)
    for row in rows:
        old, new = _side_by_side(row["before"], row["after"])
        what = " ".join(part for part in (row["event"], row["subject"]) if part)
        table.add_row(
            Text(f"{row['detected_at']:%d %b %Y}\n{row['reference']} {row['version']}\n{what}"),
            Text(row["severity"], _SEVERITY_STYLES[row["severity"]]),
            old,
            new,
        )
    console.print(table)
    console.print(counted(len(rows), "change"), style="dim")


def _side_by_side(before: str | None, after: str | None) -> tuple[Text, Text]:
    old, new = Text(), Text()
    for span in word_diff(before or "", after or ""):
        start, end = _MARKS[span.kind]
        for side, kind in ((old, "removed"), (new, "added")):
            if span.kind in ("same", kind):
                side.append(f"{start}{span.text}{end}", _MARK_STYLES[span.kind])
    return old, new


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 change`, `1,204 changes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_diff(found: Any, *, everything: bool) -> None:
    """What became of every item of a pair, word by word; readable without colour."""
    from pipelines.diff import by_kind, codes, spans

    console.print(Text(f"{found.reference} {found.title}", "bold"))
    console.print(Text(f"{found.old.name} → {found.new.name}: {found.headline}"), soft_wrap=True)
    for line in (*found.facts, *(f"To check: {note}." for note in found.notes)):
        console.print(Text(f"- {line}"), soft_wrap=True)
    for heading, links in by_kind([link for link in found.links if everything or link.relation != "unchanged"]):
        console.print(Text(f"\n{heading}", "bold"))
        table = Table(box=None, show_header=False, pad_edge=False)
        for options in ({"no_wrap": True, "style": "bold"}, {"no_wrap": True}, {"ratio": 1}):
            table.add_column(**options)
        for link in links:
            words = Text()
            for span in spans(link):
                words.append(f"{_MARKS[span.kind][0]}{span.text}{_MARKS[span.kind][1]}", _MARK_STYLES[span.kind])
            score = f" {link.similarity:.0f} %" if link.relation in ("reworded", "moved") and link.similarity else ""
            table.add_row(codes(link), link.relation + score, words)
        console.print(table)
    if found.details:
        console.print(Text("\nMapping, criteria and options", "bold"))
        for detail in found.details:
            console.print(Text(f"- {detail}"), soft_wrap=True)
    console.print("\n" + ", ".join(f"{count} {relation}" for relation, count in found.counts.items()), style="dim")


def show_version(row: dict[str, Any], content: dict[str, list[dict[str, Any]]]) -> None:
    """One version: facts, items, duties."""
    console.print(Text(f"{row['reference']} {row['version']}  {row['title']}", "bold"))
    show_facts({name: value for name, value in row.items() if name not in ("reference", "version", "title")})
    for heading, kind in (("Knowledge", "K"), ("Skills", "S"), ("Behaviours", "B")):
        items = [ksb for ksb in content["ksbs"] if ksb["kind"] == kind]
        if items:
            console.print(Text(f"\n{heading}", "bold"))
            _show_items([(ksb["code"], ksb["text"], ksb["options"]) for ksb in items])
    if content["duties"]:
        console.print(Text("\nDuties", "bold"))
        _show_items(
            [
                (f"Duty {duty['duty_number']}", f"{duty['text']}\n{' '.join(duty['codes']) or 'no KSBs'}", duty["options"])
                for duty in content["duties"]
            ]
        )


def show_conflicts(rows: Sequence[dict[str, Any]]) -> None:
    """What the sources disagree on, each side with its own value."""
    if rows:
        console.print(Text("\nSources disagree on", "bold"))
        _show_items(
            [
                (
                    row["subject"],
                    f"{row['source']}: {row['value'] or 'nothing'}\n{row['other_source']}: {row['other_value'] or 'nothing'}",
                    (),
                )
                for row in rows
            ]
        )


def show_facts(facts: dict[str, Any]) -> None:
    """Names and values, without what is empty."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1)
    for name, value in facts.items():
        if value not in (None, []):
            table.add_row(name, Text(as_words(value)))
    console.print(table)


def _show_items(items: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(ratio=1)
    for label, text, options in items:
        table.add_row(label, Text(text + (f"\nOnly: {', '.join(options)}" if options else "")))
    console.print(table)


def show_rows(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Rows under a title."""
    console.print(Text(title, "bold"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.replace("is_", ""))
    for row in rows:
        table.add_row(*[Text(as_words(row[column])) for column in columns])
    console.print(table)


def as_words(value: object) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def print_json(value: object) -> None:
    """JSON with plain dates and moments that say they are UTC, to standard output."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode() + "\n")
