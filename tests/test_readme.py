"""What the README promises is what there is."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.changes.severity import RULES
from pipelines.cli import app
from pipelines.settings import PREFIX, Settings
from schemas.rules import KNOWN_ODDITIES
from schemas.rules import RULES as CODED
from schemas.tables import TABLES
from warehouse.quality import QUALITY_RULES
from warehouse.views import VIEWS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {str(command.name or command.callback.__name__) for command in app.registered_commands if command.callback} | {
    str(group.name) for group in app.registered_groups
}


def test_every_setting_is_described_in_the_readme_and_in_the_example() -> None:
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(rf"^\| `({PREFIX}\w+)`", README, re.MULTILINE)) == names
    assert set(re.findall(rf"^({PREFIX}\w+)=", example, re.MULTILINE)) == names


def test_every_command_is_in_the_readme() -> None:
    assert set(re.findall(r"^\| `standards-watch (\w+)", README, re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_the_rules_are_the_readme_s_table() -> None:
    rows = re.findall(r"^\| `(R-[A-Z-]+)` \| (\w+) \| (.+) \|$", README, re.MULTILINE)
    assert rows == [(rule.code, rule.severity, rule.sentence) for rule in RULES.values()]


def test_the_rules_between_sources_are_the_readme_s_table() -> None:
    rows = re.findall(r"^\| `(X-[A-Z-]+)` \| (\w+) \| (.+) \|$", README, re.MULTILINE)
    between = [rule for rule in CODED.values() if rule.outcome in ("flag", "note")]
    assert rows == [(rule.code, "yes" if rule.outcome == "flag" else "no", rule.sentence) for rule in between]


def test_the_findings_are_the_readme_s_table() -> None:
    rows = re.findall(r"^\| `(Q-[A-Z-]+)` \| (.+) \|$", README, re.MULTILINE)
    assert rows == [(rule.code, rule.sentence) for rule in QUALITY_RULES]


def test_the_rules_of_reading_are_the_readme_s_table() -> None:
    rows = re.findall(r"^\| `([A-Z]-[A-Z0-9-]+)` \| (hold|warn|stale|distrust|incident) \| ([^|]*) \| ([^|]+) \|$", README, re.MULTILINE)
    known = {code: ", ".join(sorted(references)) for code, references in KNOWN_ODDITIES.items()}
    assert rows == [
        (rule.code, rule.outcome, "anywhere" if rule.is_known_oddity else known.get(rule.code, ""), rule.sentence)
        for rule in CODED.values()
        if rule.outcome not in ("flag", "note")
    ]


def test_the_readme_names_only_tables_and_views_there_are() -> None:
    section = README.split("## Where the data is")[1].split("## How it works")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\([a-z, ]+\))?`", section))
    assert named <= {table.name for table in TABLES} | {view.name for view in VIEWS}
    assert {view.name for view in VIEWS} <= named


def test_the_lock_names_no_address() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
