"""Subscriptions: who wants what, read from one TOML file.

Belongs here: the file's form, its errors with file and line, and matching changes against it. Not here: sending.
A secret is written as ${NAME} and taken from the environment (or .env); it is never shown, logged or stored.
"""

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from schemas.events import EVENTS, Family, Severity
from schemas.tables import CHANNELS, REFERENCE_RE

DEFAULT_FILE: Final = Path("subscriptions.toml")
Frequency = Literal["immediate", "daily", "weekly"]
Row = Mapping[str, Any]
_VARIABLE_RE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ADDRESS: Final = r"^[^@\s<>,;]+@[^@\s<>,;]+$"
_LINK: Final = r"^(?:https?://|mailto:)[^\s<>]+$"
_NO_HEADER: Final = r"^[^\r\n]+$"
# What is too short to be a secret; hiding it would hide ordinary words of an answer.
_SHORTEST_SECRET: Final = 6


class SubscriptionsError(Exception):
    """Raised when the file cannot be used; each line names the file, the line and what is wrong."""


def _reference(value: str) -> str:
    if not REFERENCE_RE.match(value):
        raise ValueError("names no standard; write ST0128")
    return value


def _event(value: str) -> str:
    if value not in EVENTS:
        raise ValueError(f"is no event; there are {', '.join(EVENTS)}")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class EmailTarget(_Strict):
    """One address; the messages to it are e-mails."""

    kind: Literal["email"]
    to: str = Field(pattern=_ADDRESS, description="The address; a list's address for several people")
    unsubscribe: str | None = Field(
        default=None, pattern=_LINK, description="Where to unsubscribe (https:// or mailto:); sent as List-Unsubscribe"
    )


class AppriseTarget(_Strict):
    """Anything Apprise knows: Slack, Teams, Discord and some hundred more."""

    kind: Literal["apprise"]
    url: SecretStr = Field(description="Apprise's address of the service, as a rule with its token from the environment: ${SLACK_URL}")


class WebhookTarget(_Strict):
    """An address that is posted the typed JSON."""

    kind: Literal["webhook"]
    url: SecretStr = Field(description="Where to post; http:// or https://")


class FileTarget(_Strict):
    """A folder; each message is a page and a text in it."""

    kind: Literal["file"]
    folder: Path | None = Field(default=None, description="The folder (default: outbox in the data folder)")


Target = Annotated[EmailTarget | AppriseTarget | WebhookTarget | FileTarget, Field(discriminator="kind")]


class Smtp(_Strict):
    """The mail server that e-mails are handed to."""

    host: str = Field(description="Name of the server")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port (default: 587 with starttls, 465 with tls, 25 with none)")
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How the connection is secured")
    user: str | None = Field(default=None, description="User name, where the server asks for one")
    password: SecretStr | None = Field(default=None, description="Password, from the environment: ${SMTP_PASSWORD}")
    sender: str = Field(alias="from", pattern=_NO_HEADER, description="Who the messages are from: Standards Watch <watch@example.org>")


class Subscription(_Strict):
    """What somebody wants to hear of: every list that is there must be met; one that is not there is met by anything."""

    name: str = Field(min_length=1, pattern=_NO_HEADER, description="What it is, in words; each message says which subscription it is for")
    references: tuple[Annotated[str, AfterValidator(_reference)], ...] = Field(default=(), description="Standards: ST0128")
    routes: tuple[str, ...] = Field(default=(), description="Occupational routes: Digital")
    levels: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(default=(), description="Levels, 1 to 8")
    families: tuple[Family, ...] = Field(default=(), description="Families of events")
    events: tuple[Annotated[str, AfterValidator(_event)], ...] = Field(
        default=(), description="Events: version_live", json_schema_extra={"items": {"enum": list(EVENTS)}}
    )
    severities: tuple[Severity, ...] = Field(
        default=("correction", "adjustment", "revision"),
        description="Severities that are worth a message; what merely moved along (none) is shown with it",
    )
    only: Literal["declared", "silent"] | None = Field(default=None, description="Only what the publisher declared, or only silent edits")
    mapping: bool = Field(default=True, description="Whether links between duties and KSBs count")
    frequency: Frequency = Field(default="immediate", description="With each run, once a day, or once a week on Monday")
    targets: tuple[str, ...] = Field(min_length=1, description="Names of the targets that are told")

    def wanted(self, rows: Sequence[Row]) -> list[Row]:
        """The changes of one standard in one look that this asks for: none, unless one of them is worth a message."""
        found = [row for row in rows if self._asks_for(row)]
        return [row for row in found if row["severity"] in (*self.severities, "none")] if self._is_worth_it(found) else []

    def _is_worth_it(self, rows: Sequence[Row]) -> bool:
        return any(row["severity"] in self.severities for row in rows)

    def _asks_for(self, row: Row) -> bool:
        # Who watches a route hears when a standard leaves it, and who watches a level when it goes elsewhere.
        before = {row["subject"]: row["before"]} if row["event"] == "attribute_changed" else {}
        routes = {str(route).casefold() for route in (row["route"], before.get("route"))}
        levels = {str(level) for level in (row["level"], before.get("level"))}
        return (
            (not self.references or row["reference"] in self.references)
            and (not self.routes or any(route.casefold() in routes for route in self.routes))
            and (not self.levels or any(str(level) in levels for level in self.levels))
            and (not self.families or row["family"] in self.families)
            and (not self.events or row["event"] in self.events)
            and (self.only is None or row["is_declared"] == (self.only == "declared"))
            and (self.mapping or not row["event"].startswith("mapping_"))
        )


class Subscriptions(_Strict):
    """The whole file."""

    smtp: Smtp | None = Field(default=None, description="The mail server, for targets of the kind email")
    targets: dict[str, Target] = Field(default={}, description="Where messages go, each with a name of its own")
    subscriptions: tuple[Subscription, ...] = Field(default=(), description="Who wants what")
    alarms: tuple[str, ...] | None = Field(
        default=None, description="Targets that are told when this program itself falls silent or fails (default: all)"
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "Subscriptions":
        if self.smtp is None and any(isinstance(target, EmailTarget) for target in self.targets.values()):
            raise ValueError("a target of the kind email needs the mail server, in a table [smtp]")
        return self

    @property
    def alarm_targets(self) -> tuple[str, ...]:
        """Who is told of trouble in our own house."""
        return tuple(self.targets) if self.alarms is None else self.alarms


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The subscriptions, where they come from, and the values that must never be shown."""

    subscriptions: Subscriptions
    origin: str
    secrets: tuple[str, ...]

    def redacted(self, text: str) -> str:
        """A text without any secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


# Without a file, everything that changes goes to the outbox folder, a digest a run and day.
DEFAULT: Final = Loaded(
    subscriptions=Subscriptions(
        targets={"outbox": FileTarget(kind="file")},
        subscriptions=(Subscription(name="everything (there is no subscriptions file)", frequency="daily", targets=("outbox",)),),
    ),
    origin="built in",
    secrets=(),
)

# What `demo` subscribes to.
DEMO: Final = """# Who is told of what; subscriptions.example.toml shows the rest.
[targets.outbox]
kind = "file"

[[subscriptions]]
name = "everything in the demo"
targets = ["outbox"]
"""


def load(path: Path | None) -> Loaded:
    """The subscriptions of a file; None is `subscriptions.toml` where that is there, else everything to the outbox folder.

    Raises SubscriptionsError with a line for each thing that is wrong.
    """
    if path is None:
        return load(DEFAULT_FILE) if DEFAULT_FILE.is_file() else DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SubscriptionsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.") from error
    return parse(text, str(path), {**dotenv_values(".env"), **os.environ})


def parse(text: str, origin: str, environment: Mapping[str, str | None]) -> Loaded:
    """The subscriptions of a text. Raises SubscriptionsError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SubscriptionsError(f"{origin}: {error}.") from error
    missing: list[tuple[tuple[str | int, ...], str]] = []
    taken: set[str] = set()
    expanded = _expanded(raw, environment, (), missing, taken)
    expanded.pop("$schema", None)
    found = [(loc, f"the environment variable {name} is not set") for loc, name in missing]
    try:
        subscriptions = Subscriptions.model_validate(expanded)
        found += list(_unknown_targets(subscriptions))
    except ValidationError as error:
        found += [
            (tuple(one["loc"]), one["msg"].removeprefix("Value error, ")) for one in error.errors(include_input=False, include_url=False)
        ]
    if found:
        lines = [f"{origin}, line {_line_of(text, loc)}: {_named(loc)}{said}." for loc, said in found]
        raise SubscriptionsError("\n".join(dict.fromkeys(lines)))
    return Loaded(subscriptions=subscriptions, origin=origin, secrets=_secrets(subscriptions, taken))


def json_schema() -> str:
    """The JSON Schema of the file, for editors."""
    schema = Subscriptions.model_json_schema(by_alias=True) | {"$schema": "http://json-schema.org/draft-07/schema#"}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _expanded(
    value: Any,
    environment: Mapping[str, str | None],
    loc: tuple[str | int, ...],
    missing: list[tuple[tuple[str | int, ...], str]],
    taken: set[str],
) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(one, environment, (*loc, key), missing, taken) for key, one in value.items()}
    if isinstance(value, list):
        return [_expanded(one, environment, (*loc, index), missing, taken) for index, one in enumerate(value)]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        found = environment.get(match[1])
        if not found:
            missing.append((loc, match[1]))
            return match[0]
        taken.add(found)
        return found

    return _VARIABLE_RE.sub(fill, value)


def _unknown_targets(subscriptions: Subscriptions) -> Iterator[tuple[tuple[str | int, ...], str]]:
    asked = [(("subscriptions", index, "targets"), one.targets) for index, one in enumerate(subscriptions.subscriptions)]
    for loc, names in [*asked, (("alarms",), subscriptions.alarms or ())]:
        for name in names:
            if name not in subscriptions.targets:
                yield loc, f"there is no target {name!r}; there are: {', '.join(subscriptions.targets) or 'none'}"


def _named(loc: Sequence[str | int]) -> str:
    # Which kind of target was tried stands in the place, and is none of it.
    parts = [part for index, part in enumerate(loc) if not (index == 2 and loc[0] == "targets" and part in CHANNELS)]
    name = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
    return f"{name}: " if name else ""


def _line_of(text: str, loc: Sequence[str | int]) -> int:
    """The line of a key in a TOML text, or of the table it should stand in; 1 where neither is found."""
    lines = text.splitlines()
    if not loc:
        return 1
    header = r"\[\[\s*subscriptions\s*\]\]" if loc[0] == "subscriptions" else rf"\[\s*{re.escape(str(loc[0]))}\s*\]"
    if loc[0] == "targets" and len(loc) > 1:
        header = rf"\[\s*targets\s*\.\s*[\"']?{re.escape(str(loc[1]))}[\"']?\s*\]"
    starts = [number for number, line in enumerate(lines) if re.match(rf"\s*(?:{header})", line)]
    nth = int(loc[1]) if loc[0] == "subscriptions" and len(loc) > 1 and isinstance(loc[1], int) else 0
    start = starts[nth] if nth < len(starts) else None
    keys = [str(part) for part in loc if isinstance(part, str)]
    begin = 0 if start is None else start + 1
    end = next((number for number in range(begin, len(lines)) if re.match(r"\s*\[", lines[number])), len(lines))
    for number in range(begin, end):
        if any(re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", lines[number]) for key in reversed(keys)):
            return number + 1
    return 1 if start is None else start + 1


def _secrets(subscriptions: Subscriptions, taken: Collection[str]) -> tuple[str, ...]:
    """Everything that must not be shown, longest first: what came from the environment, and addresses that carry tokens with their parts."""
    found = set(taken)
    for target in subscriptions.targets.values():
        if isinstance(target, AppriseTarget | WebhookTarget):
            url = target.url.get_secret_value()
            found |= {url, *re.split(r"[/:@?&=#]+", url.partition("://")[2])[1:]}
        elif isinstance(target, EmailTarget):
            found.add(target.to)
    if subscriptions.smtp and subscriptions.smtp.password:
        found.add(subscriptions.smtp.password.get_secret_value())
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True))
