"""Options: what several commands take, and how their errors are said.

Belongs here: options, their values and exit codes. Not here: a command.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import pydantic
import typer
from rich.markup import escape

from pipelines import terminal
from pipelines.alerts.subscriptions import SubscriptionsError
from pipelines.settings import Settings, problems, settings_with
from schemas.tables import REFERENCE_RE
from warehouse.database import WarehouseError
from warehouse.evidence import EvidenceError

EXIT_FAILED: Final = 1
EXIT_QUARANTINE: Final = 3
# As a shell has it for a program that was interrupted.
EXIT_STOPPED: Final = 130

Data = Annotated[Path | None, typer.Option("--data", help="Data folder (default: STANDARDS_WATCH_DATA, else data).", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Contact = Annotated[
    str | None, typer.Option("--contact", help="E-mail address or web page the publisher can reach you at.", show_default=False)
]


def utc_now() -> datetime:
    """Now, in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def settings_of(**told: Any) -> Settings:
    """The settings with what the command line told."""
    try:
        return settings_with(told)
    except pydantic.ValidationError as error:
        details = "; ".join(f"{name}: {said}" for name, said in problems(error, told).items())
        raise typer.BadParameter(f"{details}. `standards-watch doctor` shows every setting.") from error


@contextmanager
def plain_errors() -> Iterator[None]:
    """What is wrong in a sentence on the error stream, and exit 1, instead of a traceback."""
    try:
        yield
    except (WarehouseError, EvidenceError, SubscriptionsError) as error:
        terminal.errors.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from error
    except OSError as error:
        terminal.errors.print(
            f"[red]{escape(f'{error.filename}: {error.strerror}.')}[/] Name another data folder with --data.", soft_wrap=True
        )
        raise typer.Exit(EXIT_FAILED) from error


def references_of(text: str | None) -> tuple[str, ...] | None:
    """Standards, written with commas."""
    if text is None:
        return None
    parts = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    wrong = [part for part in parts if not REFERENCE_RE.match(part)]
    if wrong or not parts:
        raise typer.BadParameter(f"{', '.join(wrong) or 'Nothing'} names no standard; write ST0128,ST0004.")
    return parts


def moment_of(text: str | None, *, is_end_of_day: bool = False) -> datetime | None:
    """A day or moment as naive UTC; "as it was known at a day" means at its end."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day or moment; write 2026-08-13 or 2026-08-13T05:00:00Z.") from error
    if is_end_of_day and len(text) == len("2026-08-13"):
        moment += timedelta(days=1, microseconds=-1)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def one_of(values: Sequence[str] | None, known: Sequence[str], option: str) -> None:
    """Refuse values that are not known."""
    unknown = [value for value in values or () if value not in known]
    if unknown:
        raise typer.BadParameter(f"{option} {', '.join(unknown)} is not known. There are: {', '.join(known)}.")
