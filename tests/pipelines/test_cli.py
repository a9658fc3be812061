"""The command line as people meet it: what is printed, and the exit code."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from scrapers.sample.pages import standard_page
from scrapers.sample.server import Fault, SampleSite, sample_nights
from tests.watching import sample
from warehouse.lock import only_writer

API = "/api/apprenticeshipstandards"


class Shell:
    """A data folder, the sample site, and a way to type commands."""

    def __init__(self, data: Path, site: SampleSite) -> None:
        self.data, self.site = data, site

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--data", str(self.data)])

    def run(self, *words: str) -> Result:
        return self("run", "--site", self.site.url, "--requests-per-second", "1000", *words)

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    with SampleSite(sample_nights()) as site:
        yield Shell(tmp_path / "data", site)


def test_run_twice_then_move(shell: Shell) -> None:
    first = shell.run("--source", "api", "--observed-at", "2026-06-08T05:00:00Z")
    assert first.exit_code == 0, first.output
    assert "baseline" in first.stdout
    again = shell.run("--source", "api", "--observed-at", "2026-06-08T06:00:00+01:00")
    assert again.exit_code == 0
    assert "0 new snapshots, 0 changes" in again.stdout
    shell.site.move(2)
    moved = shell.run("--source", "api")
    assert moved.exit_code == 0
    assert "version_announced" in moved.stdout
    assert str((shell.data / "published" / "standards.duckdb").absolute()) in moved.stdout


def test_run_as_json_is_json_and_nothing_else(shell: Shell) -> None:
    done = json.loads(shell.run("--source", "api", "--json").stdout)
    assert done["run"]["status"] == "good"
    assert done["run"]["counts"]["versions"] == len(sample_nights()[0])
    assert done["changes"] == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(Fault(path="/api/", status=500), "500", id="500"),
        pytest.param(Fault(path="/api/", status=200, body=b"<!DOCTYPE html><h1>Maintenance</h1>"), "not the JSON", id="HTML"),
    ],
)
def test_run_that_reads_nothing_fails_and_says_which_address_and_why(shell: Shell, fault: Fault, reason: str) -> None:
    assert shell.run("--source", "api").exit_code == 0
    shell.site.validators = False  # else the answer would be that nothing changed, and there is nothing to cut off
    shell.site.misbehave(fault)
    done = shell.run("--source", "api")
    assert done.exit_code == 1
    assert shell.site.url + API in done.output
    assert reason in done.output
    assert shell.json("show", "ST9001")["version"] == "1.2"


def test_run_against_nobody(shell: Shell) -> None:
    done = shell("run", "--site", "http://127.0.0.1:9", "--source", "api", "--requests-per-second", "1000")
    assert done.exit_code == 1
    assert "http://127.0.0.1:9" in done.output
    assert "No connection" in done.output


def test_run_beside_another_run_says_who_is_writing(shell: Shell) -> None:
    with only_writer(shell.data):
        done = shell.run("--source", "api")
    assert done.exit_code == 1
    assert f"process {os.getpid()}" in done.output


def test_run_with_a_page_that_is_no_standard_is_done_with_something_held_back(shell: Shell) -> None:
    shell.site.misbehave(
        Fault(path="/apprenticeships/st9003", status=200, body=b"<html><h1>Sorry, there is a problem with the service</h1></html>")
    )
    done = shell.run()
    assert done.exit_code == 3
    assert "ST9003" in done.output


def test_run_for_a_standard_there_is_not_says_so(shell: Shell) -> None:
    done = shell.run("--source", "api", "--only", "ST9001,ST0000")
    assert done.exit_code == 3
    assert "ST0000 is not among the standards of the site." in done.output
    assert shell.json("show", "ST9001")["reference"] == "ST9001"


def test_run_needs_a_contact_for_any_site_but_a_local_one(shell: Shell) -> None:
    done = shell("run", "--site", "http://standards.invalid", "--source", "api")
    assert done.exit_code == 1
    assert "STANDARDS_WATCH_CONTACT" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--source", "everything"), "there are api, page, occupation, ksb_planner"),
        (("run", "--site", "skillsengland"), "site"),
        (("run", "--observed-at", "yesterday"), "2026-08-13"),
        (("changes", "--since", "yesterday"), "2026-08-13"),
        (("changes", "--event", "ksb_vanished"), "ksb_removed"),
        (("changes", "--severity", "huge"), "revision"),
    ],
    ids=["source", "site", "observed-at", "since", "event", "severity"],
)
def test_a_wrong_option_says_what_would_be_right(shell: Shell, words: tuple[str, ...], said: str) -> None:
    done = shell(*words)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize("words", [("changes",), ("show", "ST9001")], ids=" ".join)
def test_reading_before_the_first_run_says_what_makes_the_file(shell: Shell, words: tuple[str, ...]) -> None:
    done = shell(*words)
    assert done.exit_code == 1
    assert "standards-watch run" in done.output


def test_changes_and_show(shell: Shell) -> None:
    for number, day in enumerate(("2026-06-08", "2026-06-09", "2026-09-15"), 1):
        shell.site.move(number)
        assert shell.run("--source", "api", "--observed-at", day).exit_code == 0
    assert {row["reference"] for row in shell.json("changes", "--reference", "st9003")} == {"ST9003"}
    assert {row["detected_at"][:10] for row in shell.json("changes", "--since", "2026-06-10")} == {"2026-09-15"}
    assert {row["event"] for row in shell.json("changes", "--event", "version_live", "--event", "version_retired")} == {
        "version_live",
        "version_retired",
    }
    assert shell("changes", "--until", "2026-06-01").stdout.strip() == "Nothing changed."
    assert shell("changes", "--reference", "ST9404").exit_code == 2
    assert shell("changes", "--since", "2026-06-02", "--until", "2026-06-01").exit_code == 2
    too_early = shell("show", "ST9001", "--as-of", "2026-06-01")
    assert (too_early.exit_code, "first seen on 2026-06-08" in " ".join(too_early.output.replace("│", " ").split())) == (2, True)
    assert all(row["detected_at"].endswith("T00:00:00Z") for row in shell.json("changes"))
    assert shell("changes", "--reference", "ST9003").stdout.rstrip().endswith("\n1 change")
    counts = shell("changes", "--reference", "ST9005").stdout.rstrip().splitlines()[-1]
    assert counts == "5 changes in 3 lines; what moved along, or alike in many standards, is one line (--words and --json list each)"
    words = " ".join(shell("changes", "--reference", "ST9003,ST9005", "--words").stdout.split())
    assert "[-7-]" in words or "[-£7,000-]" in words or "[-7000-]" in words
    assert words.endswith("6 changes")
    now = shell.json("show", "st9002")
    assert (now["version"], now["status"]) == ("2.0", "Approved for delivery")
    then = shell.json("show", "ST9002", "--as-of", "2026-06-10")
    assert (then["version"], then["status"]) == ("1.1", "Approved for delivery")
    assert shell.json("show", "ST9002", "--version", "1.0")["status"] == "Retired"
    text = shell("show", "ST9001").stdout
    assert "Knowledge" in text
    assert "Duty 1" in text
    assert shell("show", "ST0000").exit_code == 2


def test_show_says_what_the_sources_disagree_on(shell: Shell) -> None:
    versions = [record for record in sample() if record["referenceNumber"] == "ST9001"]
    page = standard_page(versions[-1] | {"maxFunding": 1}, versions, versions[-1]).encode()
    shell.site.misbehave(Fault(path="/apprenticeships/st9001", status=200, body=page))
    shell.run("--only", "ST9001", "--observed-at", "2026-06-08")
    conflicts = shell.json("show", "ST9001")["source_conflicts"]
    assert [(row["subject"], row["other_source"], row["other_value"]) for row in conflicts] == [("max_funding_gbp", "page", "1")]
    text = " ".join(shell("show", "ST9001").stdout.split())
    assert "Sources disagree on max_funding_gbp api: " in text
    assert "page: 1" in text
    assert shell.json("show", "ST9001", "--as-of", "2026-06-08T12:00:00")["source_conflicts"] == conflicts
    state = {row["what"]: row["finding"] for row in json.loads(shell("doctor", "--json").stdout)["state"]}
    assert state["sources"].startswith("they disagree on 1 point, of ST9001")
    shell.site.behave()
    shell.run("--only", "ST9001", "--observed-at", "2026-06-09")
    assert shell.json("show", "ST9001")["source_conflicts"] == []
    assert "disagree" not in shell("show", "ST9001").stdout
    assert shell.json("show", "ST9001", "--as-of", "2026-06-08")["source_conflicts"][0]["resolved_at"]


def test_a_third_party_is_asked_only_where_its_address_is_set(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    done = shell.run("--source", "api", "--source", "ksb_planner")
    assert done.exit_code == 2
    assert "STANDARDS_WATCH_KSB_PLANNER" in " ".join(done.output.replace("│", " ").split())
    monkeypatch.setenv("STANDARDS_WATCH_KSB_PLANNER", f"{shell.site.url}/planner/{{reference}}")
    assert shell.run("--source", "api").exit_code == 0
    assert not any(request.path.startswith("/planner") for request in shell.site.requests)
    done = shell.run("--source", "api", "--source", "ksb_planner", "--only", "ST9003")
    assert done.exit_code == 0, done.output
    assert [request.path for request in shell.site.requests if request.path.startswith("/planner")] == ["/planner/st9003"]
    found = shell.json("show", "ST9003")["source_conflicts"]
    assert {(row["rule"], row["is_explained"]) for row in found} == {("X-SUMMER-TIME", True)}
    assert "disagree" not in shell("show", "ST9003").stdout


def test_every_run_leaves_pages_and_a_failed_one_says_so_on_them(shell: Shell) -> None:
    assert shell.run("--source", "api").exit_code == 0
    home = shell.data / "site" / "index.html"
    assert "Nothing: every source answered" in home.read_text(encoding="utf-8")
    shell.site.misbehave(Fault(path="/api/", status=500))
    assert shell.run("--source", "api").exit_code == 1
    assert "The last run failed" in home.read_text(encoding="utf-8")


def test_site_build(shell: Shell, tmp_path: Path) -> None:
    nothing = shell("site", "build")
    assert nothing.exit_code == 1
    assert "standards-watch run" in nothing.output
    assert shell.run("--source", "api").exit_code == 0
    first = shell.json("site", "build", str(tmp_path / "pages"))
    assert first["home"] == str(tmp_path / "pages" / "index.html")
    assert first["pages"] == first["written"] > 15
    again = shell("site", "build", str(tmp_path / "pages"))
    assert "0 written" in again.stdout
    assert str(tmp_path / "pages" / "index.html") in again.stdout


def test_doctor(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("STANDARDS_WATCH_REQUESTS_PER_SECOND=0.5\n", encoding="utf-8")
    monkeypatch.setenv("STANDARDS_WATCH_CONTACT", "me@example.org")
    told = {row["setting"]: (row["value"], row["from"]) for row in shell.json("doctor")["settings"]}
    assert told["data"] == (str(shell.data), "command line")
    assert told["contact"] == ("me@example.org", "environment (STANDARDS_WATCH_CONTACT)")
    assert told["requests_per_second"] == ("0.5", ".env (STANDARDS_WATCH_REQUESTS_PER_SECOND)")
    assert told["site"][1] == "default (STANDARDS_WATCH_SITE is not set)"
    shell.run("--source", "api")
    state = {row["what"]: row for row in shell.json("doctor")["state"]}
    assert state["warehouse"]["is_good"]
    assert "15 versions" in state["published"]["finding"]
    assert state["last run"]["finding"].startswith("good")


def test_doctor_finds_what_is_wrong(shell: Shell) -> None:
    done = shell("doctor")
    assert done.exit_code == 1
    assert "STANDARDS_WATCH_CONTACT" in done.stdout
    shell.data.mkdir()
    (shell.data / "warehouse.duckdb").write_text("not a database", encoding="utf-8")
    assert "cannot be opened" in " ".join(shell("doctor").stdout.split())


def test_doctor_names_a_wrong_setting_and_where_it_comes_from_and_goes_on(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell.run("--source", "api").exit_code == 0
    Path(".env").write_text("STANDARDS_WATCH_REQUESTS_PER_SECOND=fast\nSTANDARDS_WATCH_CONTRACT=me@example.org\n", encoding="utf-8")
    monkeypatch.setenv("STANDARDS_WATCH_SOURCES", "api,everything")
    monkeypatch.setenv("STANDARDS_WATCH_CONTACT", "x")
    monkeypatch.setenv("STANDARD_WATCH_SITE", "http://localhost")
    done = shell("doctor", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    state = {row["what"]: row["finding"] for row in found["state"]}
    assert "everything is no source" in state["STANDARDS_WATCH_SOURCES"]
    assert "environment (STANDARDS_WATCH_SOURCES)" in state["STANDARDS_WATCH_SOURCES"]
    assert "'fast', from the .env (STANDARDS_WATCH_REQUESTS_PER_SECOND)" in state["STANDARDS_WATCH_REQUESTS_PER_SECOND"]
    assert "STANDARDS_WATCH_CONTACT is" in state["STANDARDS_WATCH_CONTRACT"]
    assert "STANDARDS_WATCH_SITE is" in state["STANDARD_WATCH_SITE"]
    assert "15 versions" in state["published"]
    assert {row["setting"]: row["value"] for row in found["settings"]}["sources"] == "wrong"


def test_a_wrong_setting_fails_a_command_and_says_where_it_comes_from(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDARDS_WATCH_SOURCES", "everything")
    done = shell("changes")
    assert done.exit_code == 2
    assert "environment (STANDARDS_WATCH_SOURCES)" in " ".join(done.output.replace("│", " ").split())


def test_doctor_makes_nothing(shell: Shell) -> None:
    shell.data.mkdir()
    shell("doctor")
    assert list(shell.data.iterdir()) == []


def test_export(shell: Shell, tmp_path: Path) -> None:
    assert shell("export", str(tmp_path / "out")).exit_code == 1
    assert shell.run("--source", "api").exit_code == 0
    done = shell.json("export", str(tmp_path / "out"), "--format", "csv")
    assert {"name": "current_versions", "rows": 15, "paths": ["current_versions.csv"]} in done["written"]
    assert (tmp_path / "out" / "current_versions.csv").is_file()
    wrong = shell("export", str(tmp_path / "out"), "--format", "json")
    assert wrong.exit_code == 1
    assert "holds an export as csv" in " ".join(wrong.output.split())
    assert shell("export", str(tmp_path / "out"), "--format", "xlsx").exit_code == 2
    assert shell("export", str(tmp_path / "out" / "current_versions.csv")).exit_code == 2


def test_demo_takes_an_earlier_one_s_place_and_prints_what_the_readme_says(shell: Shell) -> None:
    earlier = shell.data / "demo" / "warehouse.duckdb"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"of another version")
    done = shell("demo")
    assert done.exit_code == 0, done.output
    assert "What changed in three nights" in done.stdout
    assert str(shell.data / "demo" / "published" / "standards.duckdb") in done.stdout
    printed = " ".join(done.stdout.split())
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    for line in readme.split("```text\n")[1].split("```")[0].strip().splitlines():
        assert all(" ".join(part.split()) in printed for part in line.split("…")), line


def test_demo_leaves_another_folder_alone(shell: Shell) -> None:
    precious = shell.data / "demo" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work", encoding="utf-8")
    assert shell("demo").exit_code == 1
    assert precious.exists()
