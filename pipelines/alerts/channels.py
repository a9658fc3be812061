"""Channels: handing one message to one target, and what the target said.

Belongs here: e-mail, Apprise, webhook, file; the only place that posts anything. Not here: when to try again
(pipelines.alerts.delivery).
Each channel sends the message's id along, so that whoever gets a message twice can know it: e-mail as Message-ID,
a webhook as Idempotency-Key, a file as its name.
"""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr, parseaddr
from pathlib import Path
from typing import Final

import requests

from pipelines.alerts.messages import JSON_VERSION, Message, as_brief, as_html, as_json, as_text
from pipelines.alerts.subscriptions import AppriseTarget, EmailTarget, FileTarget, Loaded, Smtp, WebhookTarget

# A target that is slower than this has failed, and the others do not wait for it.
TIMEOUT_S: Final = 15
_ANSWER: Final = 300
_QUOTED: Final = Charset("utf-8")
_QUOTED.body_encoding = QP
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether the target took the message, and what it said."""

    is_taken: bool
    words: str


Send = Callable[[Message], Answer]


def channel(loaded: Loaded, target: str, data: Path, now: Callable[[], datetime]) -> Send:
    """What hands a message to a target of the subscriptions; it answers whatever happens, and never shows a secret."""
    found, smtp = loaded.subscriptions.targets[target], loaded.subscriptions.smtp

    def send(message: Message) -> Answer:
        try:
            match found:
                case EmailTarget() if smtp:
                    answer = _send_email(message, found, smtp, now())
                case AppriseTarget():
                    answer = _notify(message, found)
                case WebhookTarget():
                    answer = _post(message, found)
                case FileTarget():
                    answer = _write(message, found.folder or data / "outbox")
                case _:
                    answer = Answer(is_taken=False, words="There is no mail server; add a table [smtp].")
        except Exception as error:  # noqa: BLE001 - one target's fault is never another's
            answer = Answer(is_taken=False, words=f"{type(error).__name__}: {error}")
        words = loaded.redacted(" ".join(answer.words.split()))
        return Answer(is_taken=answer.is_taken, words=words[:_ANSWER])

    return send


def email_of(message: Message, target: EmailTarget, smtp: Smtp, at: datetime) -> MIMEMultipart:
    """The e-mail: text and HTML, and headers that are the same at every attempt but for the date."""
    # EmailMessage loses the spaces between words that are not ASCII (£5,000 → £6,000); the older classes do not.
    mail = MIMEMultipart("alternative")
    name, address = parseaddr(smtp.sender)
    mail["Subject"] = Header(message.subject, "utf-8", header_name="Subject").encode()
    mail["From"] = formataddr((name, address))
    mail["To"] = target.to
    mail["Date"] = format_datetime(at.replace(tzinfo=UTC))
    mail["Message-ID"] = f"<{message.message_id}@{address.rpartition('@')[2] or 'standards-watch.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"
    if target.unsubscribe:
        mail["List-Unsubscribe"] = f"<{target.unsubscribe}>"
    for text, subtype in ((as_text(message), "plain"), (as_html(message), "html")):
        part = MIMENonMultipart("text", subtype, charset="utf-8")
        part.set_payload(text, _QUOTED)
        mail.attach(part)
    return mail


def _send_email(message: Message, target: EmailTarget, smtp: Smtp, at: datetime) -> Answer:
    port = smtp.port or _PORTS[smtp.security]
    context = ssl.create_default_context()
    opened = (
        smtplib.SMTP_SSL(smtp.host, port, timeout=TIMEOUT_S, context=context)
        if smtp.security == "tls"
        else smtplib.SMTP(smtp.host, port, timeout=TIMEOUT_S)
    )
    with opened as server:
        if smtp.security == "starttls":
            server.starttls(context=context)
        if smtp.user and smtp.password:
            server.login(smtp.user, smtp.password.get_secret_value())
        server.send_message(email_of(message, target, smtp, at))
    return Answer(is_taken=True, words=f"{smtp.host} took it.")


def _notify(message: Message, target: AppriseTarget) -> Answer:
    # Some hundred services are loaded with it; only who uses one pays for that.
    import apprise

    asset = apprise.AppriseAsset(app_id="Standards Watch", app_desc="Standards Watch", app_url="", async_mode=False, storage_mode="memory")
    service = apprise.Apprise(asset=asset)
    if not service.add(target.url.get_secret_value()):
        return Answer(is_taken=False, words="Apprise does not know this kind of address.")
    result = service.notify(title=message.subject, body=as_brief(message), body_format=apprise.NotifyFormat.TEXT, timeout=TIMEOUT_S)
    said = "; ".join(entry.message for one in result.results for attempt in one for entry in attempt)
    return Answer(
        is_taken=bool(result), words=f"{result.results[0].name if result.results else 'Apprise'}: {said or result.status.name.lower()}"
    )


def _post(message: Message, target: WebhookTarget) -> Answer:
    answer = requests.post(
        target.url.get_secret_value(),
        data=as_json(message),
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"standards-watch webhook/{JSON_VERSION}",
            "Idempotency-Key": message.message_id,
        },
        timeout=TIMEOUT_S,
        allow_redirects=False,
    )
    return Answer(is_taken=200 <= answer.status_code < 300, words=f"HTTP {answer.status_code} {answer.reason}")


def _write(message: Message, folder: Path) -> Answer:
    folder.mkdir(parents=True, exist_ok=True)
    references = [section.reference for section in message.sections if section.reference]
    about = references[0] if message.kind == "standard" and references else message.kind
    name = f"{message.at:%Y-%m-%d}-{about}-{message.message_id[:8]}"
    for ending, text in ((".txt", f"{message.subject}\n\n{as_text(message)}"), (".html", as_html(message))):
        draft = folder / f".{name}{ending}.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(folder / f"{name}{ending}")
    return Answer(is_taken=True, words=f"{folder / name}.html")


def call_heartbeat(url: str) -> str:
    """Tell something outside that a run was good; returns what it said, without the address."""
    try:
        answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    return f"HTTP {answer.status_code}"
