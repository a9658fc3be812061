"""Values of a JSON object by the form they always have; any other form is refused, not guessed at.

Belongs here: reading one value. Not here: which keys there are and what they mean (scrapers.api).
Every function raises ParseError (P-BAD-VALUE) naming the key. An absent key reads like null.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, TypeVar

from schemas.text import plain, said
from scrapers.reading import ParseError

JsonObject = Mapping[str, Any]
Value = TypeVar("Value")

_DATE_RE: Final = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:[T ]|$)")


def bad(key: str, what: str, value: object) -> ParseError:
    """The error for a value without its form."""
    return ParseError("P-BAD-VALUE", f"{key} is not {what}: {str(value)[:60]!r}")


def _place(key: str, of: str) -> str:
    return f"{of}: {key}" if of else key


def text(raw: JsonObject, key: str, of: str = "") -> str:
    """Text as it stands; null is ''. `of` names the key the object itself stands under."""
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise bad(_place(key, of), "text", value)
    return value or ""


def required(raw: JsonObject, key: str, of: str = "") -> str:
    """Text that has to be there."""
    if key not in raw or not isinstance(raw[key], str):
        raise bad(_place(key, of), "text", raw.get(key))
    return str(raw[key])


def words(raw: JsonObject, key: str, of: str = "") -> str | None:
    """Normalised text, or None for nothing."""
    return said(plain(text(raw, key, of)))


def texts(raw: JsonObject, key: str, of: str = "") -> list[str]:
    """A list of texts; null is empty."""
    value = raw.get(key)
    if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise bad(_place(key, of), "a list of texts", value)
    return value or []


def objects(raw: JsonObject, key: str) -> list[JsonObject]:
    """A list of objects; null is empty."""
    value = raw.get(key)
    if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise bad(key, "a list of objects", value)
    return value or []


def one_object(raw: JsonObject, key: str) -> JsonObject:
    """An object; null is empty."""
    value = raw.get(key)
    if value is not None and not isinstance(value, dict):
        raise bad(key, "an object", value)
    return value or {}


def whole(raw: JsonObject, key: str) -> int | None:
    """A whole number, also as digits in text or with nothing after its point; None for the publisher's 0 and '' that mean "not set"."""
    value = raw.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad(key, "a whole number", value)
    if not 0 <= value < 2**31:
        raise bad(key, "in range", value)
    return value or None


def flag(raw: JsonObject, key: str) -> bool | None:
    """True, false, or None."""
    value = raw.get(key)
    if value is not None and not isinstance(value, bool):
        raise bad(key, "true or false", value)
    return value


def day(raw: JsonObject, key: str) -> date | None:
    """The plain date; '' and the year 0001 mean "not set"."""
    value = text(raw, key)
    if not value or value.startswith("0001"):
        return None
    match = _DATE_RE.match(value)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError as error:
        raise bad(key, "a date", value) from error


def as_set(values: list[Value], read: Callable[[Value], str]) -> tuple[str, ...]:
    """A list that is compared as a set: read, sorted, without repeats or empty ones."""
    return tuple(sorted({found for value in values if (found := read(value))}))
