"""Settings: from the environment and `.env`; what is said on the command line wins.

Belongs here: names, defaults and meanings of settings. Not here: using them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from scrapers import ksb_planner
from scrapers.site import PUBLISHER
from scrapers.sources import SOURCES

DEFAULT_SOURCES: Final = ("api", "page")
PREFIX: Final = "STANDARDS_WATCH_"


class Settings(BaseSettings):
    """Every setting; the environment name is the field's in capitals behind STANDARDS_WATCH_."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data: Path = Field(default=Path("data"), description="Folder of everything that is kept")
    site: str = Field(default=PUBLISHER, pattern=r"^https?://[^/\s]+", description="Address of the site to watch")
    contact: str | None = Field(default=None, min_length=3, description="Your e-mail address or web page, sent with every request")
    sources: Annotated[tuple[str, ...], NoDecode] = Field(
        default=DEFAULT_SOURCES, description="What to read: api, page, occupation, ksb_planner, with commas between"
    )
    ksb_planner: str | None = Field(
        default=None,
        description="Address of a standard on KSB Planner: {reference} in it is st0128, {title} software-development-technician",
    )
    requests_per_second: float = Field(default=1.0, gt=0, description="Requests a second to one host, at most")
    subscriptions: Path | None = Field(
        default=None,
        description="Who is told of what: a TOML file; subscriptions.toml where that is there, else a digest a day to the outbox",
    )
    public_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s<>\"]+$", description="Where our own site is published, for links in messages"
    )
    heartbeat_url: SecretStr | None = Field(
        default=None, description="Called after each run that was not a failure, so that silence is noticed outside"
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read `api,page`; `all` is every source that runs by default."""
        names = value.replace(" ", "").split(",") if isinstance(value, str) else value
        if not isinstance(names, Sequence):
            return value
        return tuple(dict.fromkeys(one for name in names for one in (DEFAULT_SOURCES if name == "all" else (name,))))

    @field_validator("sources")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*SOURCES, ksb_planner.NAME)
        unknown = [name for name in value if name not in known]
        if unknown or not value:
            raise ValueError(f"{', '.join(unknown) or 'nothing'} is no source; there are {', '.join(known)}")
        return value

    @field_validator("ksb_planner")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is not None and not ksb_planner.TEMPLATE_RE.fullmatch(value):
            raise ValueError("it has to be an address with {reference} in its path, and no other braces than those of {title}")
        return value

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if ksb_planner.NAME in self.sources and self.ksb_planner is None:
            raise ValueError(f"{ksb_planner.NAME} is among the sources and {PREFIX}KSB_PLANNER does not say where it is")
        return self


def settings_with(told: Mapping[str, Any]) -> Settings:
    """The settings with what was told on top; None is not told. Raises pydantic.ValidationError."""
    return Settings(**{name: value for name, value in told.items() if value is not None})


def origin(name: str) -> str:
    """Where a setting comes from: the environment, the .env file, or its default."""
    key = PREFIX + name.upper()
    if os.environ.get(key):
        return f"environment ({key})"
    if dotenv_values(".env").get(key):
        return f".env ({key})"
    return f"default ({key} is not set)"


def problems(error: ValidationError, told: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each setting: what would be right, its value, and where that comes from."""
    found = {}
    for wrong in error.errors():
        # The one rule between settings is about the sources; its input is every setting, secrets among them.
        name = str(wrong["loc"][0]) if wrong["loc"] else "sources"
        place = "command line" if told.get(name) is not None else origin(name)
        value = f"got {str(wrong.get('input'))[:60]!r}, " if wrong["loc"] else ""
        found[name] = f"{wrong['msg'].removeprefix('Value error, ')} ({value}from the {place})"
    return found


def settings_despite(told: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
    """The settings with the default in the place of each wrong one, and what is wrong with it: for looking at the rest."""
    wrong: dict[str, str] = {}
    while True:
        defaults = {name: Settings.model_fields[name].default for name in wrong}
        try:
            return Settings(**{name: value for name, value in told.items() if value is not None} | defaults), wrong
        except ValidationError as error:
            more = problems(error, told)
            if more.keys() <= wrong.keys():
                raise
            wrong = more | wrong


def misspelt() -> Iterator[tuple[str, str | None]]:
    """Names in the environment and in `.env` that look like settings and are none, each with the one that may be meant."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for key in sorted({*os.environ, *dotenv_values(".env")}):
        near = get_close_matches(key.upper(), known, n=1, cutoff=0.85)
        if key.upper() not in known and (near or key.upper().startswith(PREFIX)):
            yield key, next(iter(near), None)
