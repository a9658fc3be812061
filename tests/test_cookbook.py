"""The README's cookbook: every question is asked, and the answer is what the sample's three nights give."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.publish.exports import export
from tests.watching import Watch, sample
from warehouse.publish import PUBLISHED
from warehouse.read import open_published

BOOK = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8").split("## Cookbook")[1]
SQL, PYTHON = (BOOK.split(f"```{language}\n")[1].split("```")[0] for language in ("sql", "python"))
QUESTIONS = dict(re.findall(r"^-- ([^\n]+\?)\n(.+?);$", SQL, re.MULTILINE | re.DOTALL))
# Some columns of some rows of each answer; an empty answer would prove nothing.
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "What changed last month in one route?": [{"reference": "ST9008", "version": "2.0", "event": "start_dates_moved"}],
    "What was K8 of ST9001 on a day, and what is it now?": [{"version": "1.2"}],
    "What has to be mapped again when a cohort moves from version 1.1 to 2.0?": [
        {"from_code": "K2", "to_code": "K2", "relation": "reworded"},
        {"from_code": "S8", "to_code": "B1", "relation": "moved"},
        {"from_code": None, "to_code": "K3", "relation": "added"},
    ],
    "Which standards share the wording of a KSB?": [],
    "How far does the mapping cover the KSBs of what is in force?": [{"reference": "ST9001", "version": "1.2", "percent": 100}],
    "Which versions start in a quarter, and what do they take over from?": [
        {"reference": "ST9008", "version": "2.0", "takes_over_from": "1.0"}
    ],
    "How often is each route edited in silence?": [{"route": "Construction and the built environment", "silent": 1, "changes": 1}],
    "Which words were changed without a word?": [{"reference": "ST9001", "version": "1.2", "subject": "K8"}],
    "Which duties, and which other KSBs in them, does a change of K8 touch?": [{"duty_number": 5, "needs": ["B6", "K1", "K8", "S7", "S9"]}],
    "How has the funding moved, and from when was each figure known?": [{"max_funding_gbp": 7000}, {"max_funding_gbp": 9000}],
    "What closes to new starts in the hundred days from a day (or current_date) on, or takes none for now?": [
        {"reference": "ST9008", "version": "1.0"},
        {"reference": "ST9009", "is_paused_for_starts": True},
    ],
    # S7 had the words of S3, which stays.
    "What came and went in one version between two days?": [{"what": "gone", "kind": "S"}],
    "Which oddities stand in the published data, and were there more of them before?": [
        {"rule": "Q-KSB-TWICE", "now": 1, "before": 2},
        {"rule": "Q-NO-DUTIES", "now": 3, "before": 3},
    ],
    "How fresh is all this, and did the last runs go well?": [{"status": "good", "message": None}],
}


@pytest.fixture(scope="module")
def bare(sample_history: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file as any client opens it."""
    with duckdb.connect(str(sample_history / PUBLISHED), read_only=True) as connection:
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, question: str) -> list[dict[str, Any]]:
    return connection.sql(QUESTIONS[question]).pl().to_dicts()


def test_there_are_enough_questions_and_each_has_its_answer_here() -> None:
    assert len(QUESTIONS) >= 12
    assert list(QUESTIONS) == list(ANSWERS)


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_has_its_answer(bare: duckdb.DuckDBPyConnection, question: str) -> None:
    rows = ask(bare, question)
    for due in ANSWERS[question]:
        assert any(all(row[name] == value for name, value in due.items()) for row in rows), rows


def test_the_words_of_a_day(bare: duckdb.DuckDBPyConnection) -> None:
    (row,) = ask(bare, "What was K8 of ST9001 on a day, and what is it now?")
    assert row["was"]
    assert row["is_now"]
    assert row["was"] != row["is_now"]


def test_wording_that_is_shared(watch: Watch) -> None:
    (one,) = sample("ST9001 1.2")
    watch.see([one, one | {"referenceNumber": "ST9999"}])
    with duckdb.connect(str(watch.data / PUBLISHED), read_only=True) as connection:
        rows = ask(connection, "Which standards share the wording of a KSB?")
        assert {tuple(row["standards"]) for row in rows} == {("ST9001", "ST9999")}


def test_what_came_and_went(watch: Watch) -> None:
    (one,) = sample("ST9005 1.1")
    watch.see([one])
    first, *rest = one["knowledges"]
    watch.see([one | {"knowledges": [first | {"detail": "Something else altogether."}, *rest]}])
    question = QUESTIONS["What came and went in one version between two days?"]
    asked = question.replace("2026-06-08 12:00", "2026-03-01 12:00").replace("2026-09-15 12:00", "2026-03-02 12:00")
    with duckdb.connect(str(watch.data / PUBLISHED), read_only=True) as connection:
        rows = connection.execute(asked).fetchall()
    assert sorted((what, text) for what, _, text in rows) == [("gone", first["detail"]), ("new", "Something else altogether.")]


def test_the_same_from_python(sample_history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "demo" / "published"
    folder.mkdir(parents=True)
    (folder / PUBLISHED.name).symlink_to(sample_history / PUBLISHED)
    with open_published(sample_history) as reader:
        export(reader, folder / "parquet", "parquet")
    script = (
        f"{PYTHON}\nassert edited_in_silence['silent'].sum() == 4, edited_in_silence\nassert covered['percent'].max() == 100\n"
        "assert shared_wording.is_empty()\nassert set(to_map_again['relation']) == {'reworded', 'relabelled', 'moved', 'added', 'removed'}\n"
        "assert set(as_it_was.columns) >= {'code', 'text'} and len(as_it_was) > 10\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
