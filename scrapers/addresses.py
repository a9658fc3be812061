"""E-mail addresses: personal data that no source needs.

Belongs here: what an address looks like, and what stands in its place. Not here: contact names,
which are left out by the label they stand under.
"""

import re
from typing import Any, Final

NO_ADDRESS: Final = "[e-mail address]"

_ADDRESS_RE: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# In mark-up the sign is looked for first: a search that begins with the name would try every word.
_DOMAIN_RE: Final = re.compile(rb"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NAME_RE: Final = re.compile(rb"[A-Za-z0-9._%+-]+\Z")
_MAILTO_RE: Final = re.compile(rb"""ailto:[^"'\s<>]*""")
# Two ways to hide an address from those who collect them: a scrambled one that differs on every
# visit, and letters written as numbers.
_SCRAMBLED_RE: Final = re.compile(rb"email-protection#[0-9a-fA-F]+")
_NUMBERED_RE: Final = re.compile(rb"&(?:amp;)?(?:#0{0,4}(?P<decimal>\d{2,3})|#[xX]0{0,4}(?P<hex>[0-9a-fA-F]{2})|(?P<name>commat|period));")
_LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-")


def without_addresses(text: str) -> str:
    """The text with every e-mail address replaced."""
    return _ADDRESS_RE.sub(NO_ADDRESS, text) if "@" in text else text


def without_addresses_in(value: Any) -> Any:
    """A JSON value with every e-mail address in its texts replaced."""
    if isinstance(value, str):
        return without_addresses(value)
    if isinstance(value, dict):
        return {key: without_addresses_in(part) for key, part in value.items()}
    return [without_addresses_in(part) for part in value] if isinstance(value, list) else value


def blank_addresses(body: bytes) -> bytes:
    """The mark-up with every e-mail address replaced, in its text and in its links."""
    while (plainer := _NUMBERED_RE.sub(_letter, body)) != body:
        body = plainer
    body = _MAILTO_RE.sub(b"ailto:", body)
    body = _SCRAMBLED_RE.sub(b"email-protection", body)
    if b"@" not in body:
        return body
    kept, done = [], 0
    for domain in _DOMAIN_RE.finditer(body):
        name = _NAME_RE.search(body, max(done, domain.start() - 64), domain.start())
        if name:
            kept += [body[done : name.start()], NO_ADDRESS.encode()]
            done = domain.end()
    return b"".join((*kept, body[done:]))


def _letter(match: re.Match[bytes]) -> bytes:
    if match["name"]:
        return b"@" if match["name"] == b"commat" else b"."
    code = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
    return bytes((code,)) if code in _LETTERS else match[0]
