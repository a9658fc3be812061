"""What readers of the published file are promised: `contract.json` beside this file.

Something that is gone, renamed or of another type fails. What is new is written into the file, and the test fails until
that is reviewed and committed. Dropping on purpose: edit the file, and raise the first number of SCHEMA_VERSION.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from warehouse.database import open_warehouse
from warehouse.publish import PUBLISHED, publish
from warehouse.read import Reader, open_published
from warehouse.views import SCHEMA_VERSION, VIEWS

CONTRACT = Path(__file__).with_name("contract.json")
ENGINES = Path(__file__).resolve().parents[2] / ".venv"
# What any client does: no search path, no library of ours.
CLIENT = """
import json, sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
answers = {sql: len(connection.execute(sql).fetchall()) for sql in json.load(sys.stdin)}
print(json.dumps({"engine": duckdb.__version__, "answers": answers}))
"""
Relations = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    data = tmp_path_factory.mktemp("new")
    with open_warehouse(data) as db:
        publish(db, data)
    with open_published(data) as reader:
        yield reader


def relations(reader: Reader) -> Relations:
    """Every table, view and macro that is published, with its columns and their types."""
    found: Relations = {}
    for row in reader.rows("SELECT name, kind FROM data_dictionary WHERE position = 0 ORDER BY name"):
        sql = row["name"].replace("(ts)", "(NULL)").replace("(a, b)", "(NULL, NULL)")
        columns = reader.rows(f"DESCRIBE FROM {sql}")
        found[row["name"]] = {"kind": row["kind"], "columns": {column["column_name"]: column["column_type"] for column in columns}}
    return found


def broken(promised: Relations, found: Relations) -> list[str]:
    """What was promised and is not there, in words."""
    gone = [f"{name} is gone" for name in promised if name not in found]
    for name in promised.keys() & found.keys():
        columns = found[name]["columns"]
        for column, kind in promised[name]["columns"].items():
            if column not in columns:
                gone.append(f"{name}.{column} is gone")
            elif columns[column] != kind:
                gone.append(f"{name}.{column} was {kind} and is {columns[column]}")
    return sorted(gone)


def added(promised: Relations, found: Relations) -> list[str]:
    """What is there and was not promised yet."""
    return [
        f"{name}.{column}"
        for name, relation in found.items()
        for column in relation["columns"]
        if column not in promised.get(name, {"columns": {}})["columns"]
    ]


def test_what_was_promised_is_there(published: Reader) -> None:
    promised = json.loads(CONTRACT.read_text(encoding="utf-8"))
    found = relations(published)
    gone = broken(promised["relations"], found)
    assert not gone, f"Readers rely on it: {'; '.join(gone)}."
    assert promised["schema_version"] == SCHEMA_VERSION
    new = added(promised["relations"], found)
    if new:
        CONTRACT.write_text(json.dumps({"schema_version": SCHEMA_VERSION, "relations": found}, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"New, and now noted in {CONTRACT.name}; review and commit it: {', '.join(new[:20])}.")


def test_breaking_it_is_noticed() -> None:
    promised: Relations = {"runs": {"columns": {"run_id": "VARCHAR", "status": "VARCHAR"}}, "changes": {"columns": {}}}
    found: Relations = {"runs": {"columns": {"id": "VARCHAR", "status": "INTEGER"}}}
    assert broken(promised, found) == ["changes is gone", "runs.run_id is gone", "runs.status was VARCHAR and is INTEGER"]
    assert added(promised, found) == ["runs.id"]
    assert broken(promised, promised) == added(promised, promised) == []


def test_everything_published_explains_itself(published: Reader) -> None:
    assert published.rows("FROM data_dictionary WHERE coalesce(description, '') = ''") == []
    shown = {row["name"] for row in published.rows("SELECT name FROM data_dictionary WHERE kind = 'view'")}
    assert shown == {view.name for view in VIEWS if not view.parameters}
    macros = {row["name"] for row in published.rows("SELECT name FROM data_dictionary WHERE kind = 'macro'")}
    assert macros == {f"{view.name}({view.parameters})" for view in VIEWS if view.parameters}


def test_keys_name_one_row(sample_history: Path) -> None:
    with open_published(sample_history) as reader:
        for view in VIEWS:
            if view.key:
                key = ", ".join(view.key)
                assert reader.rows(f"SELECT {key} FROM {view.name} GROUP BY ALL HAVING count(*) > 1") == [], view.name


def test_what_is_internal_is_not_among_the_tables_that_are_shown(published: Reader) -> None:
    shown = {row["name"] for row in published.rows("SELECT DISTINCT name FROM data_dictionary")}
    internal = {row["name"] for row in published.rows("SELECT table_name AS name FROM duckdb_tables() WHERE schema_name = 'internal'")}
    assert "snapshots" in internal
    assert not shown & internal


def engines() -> list[Any]:
    """The DuckDB of this environment, and those that `make compat` laid beside it, oldest first."""
    beside = sorted(ENGINES.glob("duckdb-*"))
    return [pytest.param(None, id="this one"), *(pytest.param(folder, id=folder.name) for folder in beside)]


@pytest.mark.parametrize("engine", engines())
def test_any_client_can_ask_everything(sample_history: Path, engine: Path | None) -> None:
    macros = [
        f"FROM {view.name}({', '.join(['TIMESTAMP ' + repr('2026-06-09 12:00:00')] * len(view.parameters.split(',')))})"
        for view in VIEWS
        if view.parameters
    ]
    with open_published(sample_history) as reader:
        tables = [row["name"] for row in reader.rows("SELECT name FROM data_dictionary WHERE position = 0 AND kind <> 'macro'")]
        questions = [*(f"FROM {name}" for name in tables), *macros]
        here = {sql: len(reader.rows(sql)) for sql in questions}
    environment = os.environ | ({"PYTHONPATH": str(engine)} if engine else {})
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", CLIENT, str(sample_history / PUBLISHED)],
        input=json.dumps(questions),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answers"] == here
    assert here["FROM current_ksbs"] > 100
    if engine:
        assert engine.name == f"duckdb-{told['engine']}"
