"""Messages about real changes, as the stand-in site shows them."""

from datetime import date, datetime
from email.message import EmailMessage

import pytest

from tests.pipelines.alerts.conftest import Desk, Mailbox, mail_toml
from tests.pipelines.test_recorded import SHARED, real_site

pytestmark = [pytest.mark.recorded, pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")]


def test_two_august_nights(desk: Desk, mailbox: Mailbox) -> None:
    desk.toml = mail_toml(mailbox) + '[[subscriptions]]\nname = "everything"\ntargets = ["mail"]\n'
    with real_site("2026-08-12", {"ST0004", "ST1031", "ST0128"}) as (address, site):
        for day in (12, 13):
            site.move(date(2026, 8, day))
            desk.now = datetime(2026, 8, day, 5)  # noqa: DTZ001 - naive UTC, as everywhere
            desk.watch.look(address, sources=("api", "page"), at=desk.now)
            desk.deliver()
    first, actuary, other = mailbox.mails
    assert first["Subject"] == "Standards Watch is watching"
    assert str(actuary["Subject"]).startswith("ST0004 Actuarial technician: Version 2.0 takes over on 12 August 2026")
    assert str(other["Subject"]).startswith("ST1031 ")
    body = actuary.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    text = " ".join(body.get_content().split())
    for said in (
        "the publisher's note says “Assessment plan revised”.",
        "Version 1.1 retired; last starts on 11 August 2026.",
        "What 2.0 changes against 1.1: 41 unchanged.",
        "https://skillsengland.education.gov.uk/apprenticeships/st0004-v2-0",
    ):
        assert said in text
