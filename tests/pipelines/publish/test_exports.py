"""Exports: the same rows in every format, explained, and safe to open."""

import csv
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines.publish.exports import PARQUET, ExportError, Format, export, refresh_parquet
from tests.watching import Watch, sample
from warehouse.read import Reader, open_published

FORMATS = get_args(Format)
KSBS = "SELECT reference, version, code, text FROM current_ksbs ORDER BY ALL"


@pytest.fixture(scope="module")
def reader(sample_history: Path) -> Iterator[Reader]:
    with open_published(sample_history) as reader:
        yield reader


@pytest.fixture(scope="module")
def exported(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one export in each format."""
    folder = tmp_path_factory.mktemp("exports")
    for form in FORMATS:
        export(reader, folder / form, form)
    return folder


def descriptor(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def paths(resource: dict[str, Any]) -> list[str]:
    return [resource["path"]] if isinstance(resource["path"], str) else list(resource["path"])


def read_back(folder: Path, form: Format, name: str) -> list[dict[str, Any]]:
    """The rows of an export as whoever opens it has them."""
    match form:
        case "parquet":
            pattern = folder / f"{name}.parquet" if (folder / f"{name}.parquet").exists() else folder / name / "*" / "*.parquet"
            with duckdb.connect() as connection:
                return connection.sql(f"SELECT * FROM read_parquet('{pattern}', hive_partitioning = false)").pl().to_dicts()
        case "csv":
            with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as lines:
                return list(csv.DictReader(lines))
        case "json":
            return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        case "sqlite":
            with closing(sqlite3.connect(folder / "standards.db")) as database:
                database.row_factory = sqlite3.Row
                return [dict(row) for row in database.execute(f"SELECT * FROM {name}")]


@pytest.mark.parametrize("form", FORMATS)
def test_every_table_and_view_is_there_with_all_its_rows(exported: Path, reader: Reader, form: Format) -> None:
    names = {row["name"] for row in reader.rows("SELECT name FROM data_dictionary WHERE position = 0 AND kind <> 'macro'")}
    resources = descriptor(exported / form)["resources"]
    assert {resource["name"] for resource in resources} == names - {"schema_version"}
    for resource in resources:
        name = resource["name"]
        columns = [row["column_name"] for row in reader.rows(f"DESCRIBE {name}")]
        assert [field["name"] for field in resource["schema"]["fields"]] == columns
        assert all(field["description"] for field in resource["schema"]["fields"])
        rows = read_back(exported / form, form, name)
        assert len(rows) == reader.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"], name
        assert all(list(row) == columns for row in rows)


@pytest.mark.parametrize("form", FORMATS)
def test_the_words_are_the_words(exported: Path, reader: Reader, form: Format) -> None:
    rows = [
        {name: row[name] for name in ("reference", "version", "code", "text")} for row in read_back(exported / form, form, "current_ksbs")
    ]
    if form == "csv":
        # The guard comes off again: one apostrophe, where a formula or another guard follows.
        guarded = re.compile(r"'('*[=+\-@＝＋－＠])")
        rows = [row | {"text": guarded.sub(r"\1", row["text"], count=1) if guarded.match(row["text"]) else row["text"]} for row in rows]
    assert sorted(rows, key=lambda row: tuple(row.values())) == reader.rows(KSBS)


@pytest.mark.parametrize("form", FORMATS)
def test_the_descriptor_names_what_is_there_and_whose_it_is(exported: Path, form: Format) -> None:
    package = descriptor(exported / form)
    assert (package["name"], package["version"], package["licenses"][0]["name"]) == ("standards-watch", "1.0", "OGL-UK-3.0")
    listed = {path for resource in package["resources"] for path in paths(resource)}
    there = {str(path.relative_to(exported / form)) for path in (exported / form).rglob("*") if path.is_file()}
    assert there == listed | {"datapackage.json"} | ({"metadata.json"} if form == "sqlite" else set())
    for resource in package["resources"]:
        if "hash" in resource:
            body = (exported / form / resource["path"]).read_bytes()
            assert resource["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
            assert resource["bytes"] == len(body)


def test_parquet_explains_itself_and_is_parted_by_year(exported: Path) -> None:
    schema = pq.read_schema(exported / "parquet" / "current_ksbs.parquet")
    assert schema.metadata[b"license"] == b"OGL-UK-3.0"
    assert b"skills" in schema.metadata[b"description"]
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)
    assert [path.name for path in (exported / "parquet" / "changes").iterdir()] == ["year=2026"]
    assert pl.read_parquet(exported / "parquet" / "changes" / "**" / "*.parquet", hive_partitioning=True)["year"].unique().to_list() == [
        2026
    ]
    assert pl.read_parquet(exported / "parquet" / "current_versions.parquet").schema["job_titles"] == pl.List(pl.String)


def test_moments_say_that_they_are_utc(exported: Path) -> None:
    for form in ("csv", "json", "sqlite"):
        assert read_back(exported / form, form, "changes")[0]["detected_at"].endswith("T05:00:00.000000Z")


def test_sqlite_has_keys_and_lists_as_json_and_tells_datasette(exported: Path) -> None:
    (row, *_) = [row for row in read_back(exported / "sqlite", "sqlite", "current_versions") if row["reference"] == "ST9001"]
    assert isinstance(json.loads(row["job_titles"]), list)
    with closing(sqlite3.connect(exported / "sqlite" / "standards.db")) as database:
        keys = [name for _, name, _, _, _, key in database.execute("PRAGMA table_info(current_ksbs)") if key]
    assert keys == ["reference", "version", "code"]
    tables = json.loads((exported / "sqlite" / "metadata.json").read_text(encoding="utf-8"))["databases"]["standards"]["tables"]
    assert tables["current_ksbs"]["columns"]["code"].startswith("K1, S17")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://example.org")', """'=HYPERLINK("http://example.org")"""),
        ("+44 20", "'+44 20"),
        ("-1 to 5", "'-1 to 5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("a = b", "a = b"),
        ('He said "no",\r\nthen left', 'He said "no", then left'),
        ("é £ – ✓", "é £ – ✓"),
    ],
)
def test_csv_is_safe_in_a_spreadsheet(watch: Watch, tmp_path: Path, text: str, cell: str) -> None:
    watch.see(sample("ST9001 1.2", title=text, typicalJobTitles=[text]))
    with open_published(watch.data) as reader:
        export(reader, tmp_path / "csv", "csv")
    (row,) = read_back(tmp_path / "csv", "csv", "current_versions")
    assert row["title"] == cell
    assert not row["job_titles"].startswith(tuple("=+-@"))


def test_a_folder_keeps_to_one_format_and_what_is_not_ours_is_left_alone(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    export(reader, tmp_path, "csv")
    export(reader, tmp_path, "csv")
    with pytest.raises(ExportError, match="holds an export as csv"):
        export(reader, tmp_path, "json")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"
    (tmp_path / "datapackage.json").write_text('{"name": "another"}', encoding="utf-8")
    with pytest.raises(ExportError, match="not one of ours"):
        export(reader, tmp_path, "csv")


@pytest.mark.parametrize(("form", "name"), [("csv", "changes.csv"), ("parquet", "changes"), ("sqlite", "standards.db")])
def test_a_file_of_the_same_name_that_is_not_ours_is_not_replaced(reader: Reader, tmp_path: Path, form: Format, name: str) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(ExportError, match=f"holds {name}, which no export of ours lists"):
        export(reader, tmp_path, form)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_an_export_no_longer_has_is_taken_away_and_nothing_else(reader: Reader, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.touch()
    folder = tmp_path / "export"
    export(reader, folder, "csv")
    package = descriptor(folder)
    package["resources"] += [{"path": "old.csv"}, {"path": "../outside.csv"}, {"path": str(outside)}]
    (folder / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    (folder / "old.csv").touch()
    export(reader, folder, "csv")
    assert not (folder / "old.csv").exists()
    assert outside.exists()


def test_the_same_data_gives_the_same_bytes(reader: Reader, exported: Path, tmp_path: Path) -> None:
    export(reader, tmp_path, "parquet")
    assert descriptor(tmp_path) == descriptor(exported / "parquet")


def test_parquet_is_written_anew_only_where_something_changed(watch: Watch) -> None:
    def refreshed() -> bool:
        with open_published(watch.data) as reader:
            return refresh_parquet(reader, watch.data) is not None

    watch.see(sample("ST9001 1.2"))
    assert refreshed()
    assert not refreshed()
    watch.see(sample("ST9001 1.2"))
    assert not refreshed()
    watch.see(sample("ST9001 1.2", maxFunding=1))
    assert refreshed()
    assert pl.read_parquet(watch.data / PARQUET / "current_versions.parquet")["max_funding_gbp"].to_list() == [1]
