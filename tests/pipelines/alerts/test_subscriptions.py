"""Who wants what: the file, its errors, and which changes meet it."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts.messages import json_schema as webhook_schema
from pipelines.alerts.subscriptions import DEMO, Subscription, SubscriptionsError, json_schema, load, parse

ROOT = Path(__file__).resolve().parents[3]
OUTBOX = '[targets.outbox]\nkind = "file"\n\n'
ONE = '[[subscriptions]]\nname = "all"\ntargets = ["outbox"]\n'


def change(**told: Any) -> dict[str, Any]:
    row = {
        "reference": "ST9001",
        "route": "Digital",
        "level": 3,
        "family": "content",
        "event": "ksb_reworded",
        "subject": "K8",
        "before": "old",
        "severity": "revision",
        "is_declared": False,
    }
    return row | told


def wants(rows: list[dict[str, Any]], **asked: Any) -> Any:
    return Subscription(name="x", targets=("outbox",), **asked).wanted(rows)


ROUTE_LEFT = {"family": "attribute", "event": "attribute_changed", "subject": "route", "before": "Digital", "route": "Health and science"}


@pytest.mark.parametrize(
    ("asked", "met", "not_met"),
    [
        pytest.param({}, {}, {"severity": "none"}, id="anything but what only moved along"),
        pytest.param({"references": ["ST9001"]}, {}, {"reference": "ST9002"}, id="reference"),
        pytest.param({"routes": ["digital"]}, {}, {"route": "Health and science"}, id="route, however it is written"),
        pytest.param({"routes": ["Digital"]}, ROUTE_LEFT, {"route": None}, id="a standard leaves the route"),
        pytest.param({"levels": [3, 4]}, {}, {"level": 5}, id="level"),
        pytest.param(
            {"levels": [3]}, {"event": "attribute_changed", "subject": "level", "before": "3", "level": 4}, {"level": None}, id="level left"
        ),
        pytest.param({"families": ["content"]}, {}, {"family": "notice"}, id="family"),
        pytest.param({"events": ["ksb_reworded"]}, {}, {"event": "ksb_added"}, id="event"),
        pytest.param({"severities": ["revision"]}, {}, {"severity": "adjustment"}, id="severity"),
        pytest.param({"severities": ["none"]}, {"severity": "none"}, {"severity": "revision"}, id="information alone, where asked for"),
        pytest.param({"only": "silent"}, {}, {"is_declared": True}, id="silent"),
        pytest.param({"only": "declared"}, {"is_declared": True}, {}, id="declared"),
        pytest.param({"mapping": False}, {}, {"event": "mapping_added"}, id="without the mapping"),
        pytest.param(
            {"routes": ["Digital"], "levels": [3], "severities": ["revision"], "only": "silent"},
            {},
            {"level": 4},
            id="all of it must be met",
        ),
    ],
)
def test_the_matrix(asked: dict[str, Any], met: dict[str, Any], not_met: dict[str, Any]) -> None:
    assert wants([change(**met)], **asked) == [change(**met)]
    assert wants([change(**not_met)], **asked) == []


def test_what_moved_along_is_shown_with_what_is_worth_a_message() -> None:
    removed, renumbered = change(event="ksb_removed"), change(event="ksb_relabelled", severity="none")
    assert wants([removed, renumbered]) == [removed, renumbered]
    assert wants([renumbered]) == []
    assert wants([removed, renumbered], severities=["adjustment"]) == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param("[targets\n", 1, "", id="no TOML"),
        pytest.param(OUTBOX + ONE.replace("outbox", "slack"), 6, "there is no target 'slack'; there are: outbox", id="unknown target"),
        pytest.param(OUTBOX + ONE + 'severities = ["huge"]\n', 7, "subscriptions[1].severities[1]: Input should be 'none'", id="severity"),
        pytest.param(OUTBOX + ONE + ONE + 'events = ["ksb_vanished"]\n', 10, "is no event; there are standard_added", id="second one"),
        pytest.param(OUTBOX + ONE + 'references = ["Actuary"]\n', 7, "write ST0128", id="a title is no reference"),
        pytest.param(OUTBOX + ONE + "route = 1\n", 7, "Extra inputs are not permitted", id="a misspelt key"),
        pytest.param(OUTBOX + '[[subscriptions]]\nname = "all"\n', 4, "targets: Field required", id="missing"),
        pytest.param(
            '[targets.slack]\n# the team\nkind = "apprise"\nurl = "${SLACK_URL}"\n', 4, "variable SLACK_URL is not set", id="secret"
        ),
        pytest.param('[targets.slack]\nkind = "pigeon"\n', 1, "targets.slack", id="kind"),
        pytest.param('[targets.me]\nkind = "email"\nto = "me"\n', 3, "targets.me.to: ", id="address"),
        pytest.param('[targets.me]\nkind = "email"\nto = "me@example.org"\n', 1, "[smtp]", id="no mail server"),
        pytest.param(OUTBOX.join(('alarms = ["ops"]\n', "")), 1, "alarms: there is no target 'ops'", id="alarms"),
    ],
)
def test_an_error_names_the_file_and_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(SubscriptionsError) as error:
        parse(text, "who.toml", {})
    first = str(error.value).splitlines()[0]
    assert said in first
    assert first.startswith(f"who.toml, line {line}: ") or ("line 1" in first and text == "[targets\n")


def test_every_error_is_told_at_once() -> None:
    with pytest.raises(SubscriptionsError) as error:
        parse(OUTBOX + ONE + 'levels = [9]\nfrequency = "hourly"\n', "who.toml", {})
    assert len(str(error.value).splitlines()) == 2


def test_a_secret_is_taken_from_the_environment_and_never_shown() -> None:
    text = """
        [smtp]
        host = "smtp.example.org"
        user = "watch"
        password = "${SMTP_PASSWORD}"
        from = "Standards Watch <watch@example.org>"
        [targets.hook]
        kind = "webhook"
        url = "https://hooks.example.org/T0KEN123/${HOOK_TOKEN}"
        """
    loaded = parse(text, "who.toml", {"SMTP_PASSWORD": "correct horse", "HOOK_TOKEN": "s3cr3t-t0ken"})
    assert loaded.subscriptions.smtp is not None
    assert loaded.subscriptions.smtp.password is not None
    assert loaded.subscriptions.smtp.password.get_secret_value() == "correct horse"
    shown = repr(loaded.subscriptions) + str(loaded.subscriptions.model_dump())
    assert "correct horse" not in shown
    assert "s3cr3t-t0ken" not in shown
    said = "535 correct horse at https://hooks.example.org/T0KEN123/s3cr3t-t0ken: /T0KEN123/s3cr3t-t0ken refused"
    assert loaded.redacted(said) == "535 *** at ***: /***/*** refused"


def test_an_error_does_not_show_a_secret() -> None:
    with pytest.raises(SubscriptionsError) as error:
        parse('[targets.me]\nkind = "email"\nto = "${WRONG}"\n', "who.toml", {"WRONG": "hunter2hunter2"})
    assert "hunter2" not in str(error.value)


def test_without_a_file_everything_goes_to_the_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None).origin == "built in"
    assert [target.kind for target in load(None).subscriptions.targets.values()] == ["file"]
    Path("subscriptions.toml").write_text("", encoding="utf-8")
    assert load(None).subscriptions.targets == {}
    with pytest.raises(SubscriptionsError, match=r"elsewhere\.toml cannot be read: No such file"):
        load(Path("elsewhere.toml"))


def test_the_files_for_editors_are_what_the_models_say() -> None:
    assert (ROOT / "subscriptions.schema.json").read_text(encoding="utf-8") == json_schema()
    assert (ROOT / "webhook.schema.json").read_text(encoding="utf-8") == webhook_schema()


def test_the_example_is_valid_and_shows_every_field() -> None:
    text = (ROOT / "subscriptions.example.toml").read_text(encoding="utf-8")
    assert parse(text, "example", dict.fromkeys(("SMTP_PASSWORD", "SLACK_URL", "HOOK_TOKEN"), "secret")).subscriptions.subscriptions
    assert [name for name in Subscription.model_fields if f"\n{name} = " not in text.replace("\n# ", "\n")] == []
    assert parse(DEMO, "demo", {}).subscriptions.subscriptions
