"""The findings of data quality: each rule met by the least that breaks it, and not by what is in order."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from schemas.frames import frame
from schemas.record import APPROVED, RETIRED, Content, Duty, Ksb
from schemas.tables import FINDINGS
from tests.warehouse.test_views import FIRST, SECOND, THIRD, Told, tell, write
from warehouse.database import Warehouse, open_warehouse
from warehouse.quality import QUALITY_RULES

DAY = date(2026, 6, 8)


def ksb(kind: Any, position: int, text: str, *options: str) -> Ksb:
    return Ksb(kind=kind, position=position, text=text, options=options)


SOUND = Content(
    ksbs=(ksb("K", 1, "How it works"), ksb("S", 1, "Make it work")),
    duties=(Duty(number=1, text="Make it", codes=("K1",)), Duty(number=2, text="Mend it", codes=("S1",))),
)
FUNDED = {"lars_code": 1, "max_funding_gbp": 1000}


def version(number: str = "1.0", content: Content = SOUND, **more: Any) -> Told:
    return tell(number, content=content, **(FUNDED | more))


def part(ksbs: tuple[Ksb, ...] = SOUND.ksbs, duties: tuple[Duty, ...] = SOUND.duties) -> Content:
    return Content(ksbs=ksbs, duties=duties)


IN_ORDER = [
    pytest.param([version()], id="a sound version"),
    pytest.param([version(standard_information="Words", content=Content())], id="the oldest template"),
    pytest.param(
        [
            version(
                content=part(
                    (ksb("K", 1, "Same", "A"), ksb("K", 2, "Same", "B")),
                    (Duty(number=1, text="Make it", codes=("K1", "K2"), options=("A",)),),
                ),
                is_core_and_options=True,
            )
        ],
        id="the same words for two options",
    ),
    pytest.param(
        [version("1.0", status=RETIRED, latest_start_on=DAY), version("1.1", earliest_start_on=DAY + timedelta(1))],
        id="one after the other",
    ),
]
MET: dict[str, tuple[list[Told], set[tuple[str, str | None]]]] = {
    "Q-KSB-UNMAPPED": ([version(content=part((*SOUND.ksbs, ksb("B", 1, "Be kind"))))], {("1.0", "B1")}),
    "Q-DUTY-UNMAPPED": ([version(content=part(duties=(*SOUND.duties, Duty(number=3, text="Rest"))))], {("1.0", "Duty 3")}),
    "Q-NO-MAPPING": ([version(content=part(duties=(Duty(number=1, text="Make it"),)))], {("1.0", None)}),
    "Q-NO-DUTIES": ([version(content=part(duties=()))], {("1.0", None)}),
    "Q-NO-KSBS": ([version(content=Content())], {("1.0", None)}),
    "Q-KSB-TWICE": (
        [
            version(
                content=part(
                    (ksb("K", 1, "Same", "A"), ksb("K", 2, "Same", "A"), ksb("K", 3, "Same", "B"), ksb("S", 1, "Same", "A")),
                    (Duty(number=1, text="Make it", codes=("K1", "K2", "K3", "S1")),),
                )
            )
        ],
        {("1.0", "K1, K2")},
    ),
    "Q-DUTY-TWICE": (
        [version(content=part(duties=(*SOUND.duties, Duty(number=3, text="Make it", codes=("K1",)))))],
        {("1.0", "Duty 1, Duty 3")},
    ),
    "Q-NO-WORDS": (
        [version(content=part(duties=(*SOUND.duties, Duty(number=3, text=".", codes=("K1",)))))],
        {("1.0", "Duty 3")},
    ),
    "Q-OPTIONS-MISSING": ([version(is_core_and_options=True)], {("1.0", None)}),
    "Q-DATES-ORDER": ([version(earliest_start_on=DAY, latest_start_on=DAY - timedelta(1), status=RETIRED)], {("1.0", "latest_start_on")}),
    "Q-DATES-OVERLAP": (
        [version("1.9", status=RETIRED, latest_start_on=DAY, earliest_start_on=DAY), version("1.10", earliest_start_on=DAY)],
        {("1.9", "latest_start_on")},
    ),
    "Q-DATES-GAP": (
        [version("1.9", status=RETIRED, latest_start_on=DAY), version("1.10", earliest_start_on=DAY + timedelta(2))],
        {("1.9", "latest_start_on")},
    ),
    "Q-TWO-IN-FORCE": ([version("1.0"), version("1.1")], {("1.0", None), ("1.1", None)}),
    "Q-NO-LARS-CODE": ([version(lars_code=None)], {("1.0", "lars_code")}),
    "Q-NO-FUNDING": ([version(max_funding_gbp=None)], {("1.0", "max_funding_gbp")}),
    "Q-STARTS-OVER": ([version(latest_start_on=DAY)], {("1.0", "latest_start_on")}),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path_factory.mktemp("empty")) as db:
        yield db


@pytest.fixture
def db(empty: Warehouse) -> Iterator[Warehouse]:
    """An empty warehouse; what a test writes is taken back."""
    empty.execute("BEGIN")
    yield empty
    empty.execute("ROLLBACK")


# A version whose duties name no KSB at all has these too.
ALSO = {"Q-NO-MAPPING": {("Q-DUTY-UNMAPPED", "1.0", "Duty 1")}}


def found(db: Warehouse, view: str = "quality_findings") -> set[tuple[str, str, str | None]]:
    return {(row["rule"], row["version"], row["subject"]) for row in db.rows(f"FROM {view}")}


def test_every_rule_has_its_case() -> None:
    assert list(MET) == [rule.code for rule in QUALITY_RULES]


@pytest.mark.parametrize("told", IN_ORDER)
def test_what_is_in_order_is_no_finding(db: Warehouse, told: list[Told]) -> None:
    write(db, *told)
    assert found(db) == set()


@pytest.mark.parametrize("code", MET)
def test_an_oddity_is_found_where_it_is_and_nothing_else(db: Warehouse, code: str) -> None:
    told, due = MET[code]
    write(db, *told)
    assert found(db) == {(code, *place) for place in due} | ALSO.get(code, set())
    sentences = {row["rule"]: row["sentence"] for row in db.rows("FROM quality_findings")}
    assert sentences.items() >= {rule.code: rule.sentence for rule in QUALITY_RULES if rule.code == code}.items()


@pytest.mark.parametrize("code", MET)
def test_an_oddity_is_found_as_of_then_too(db: Warehouse, code: str) -> None:
    told, due = MET[code]
    write(db, *told)
    assert found(db, f"quality_findings_as_of('{THIRD}')") == {(code, *place) for place in due} | ALSO.get(code, set())
    assert found(db, "quality_findings_as_of('2026-01-01')") == set()


def test_an_oddity_that_was_mended_stands_in_the_past(db: Warehouse) -> None:
    write(db, version(until=SECOND, content=part(duties=())), version(seen=SECOND))
    assert found(db) == set()
    assert found(db, f"quality_findings_as_of('{FIRST}')") == {("Q-NO-DUTIES", "1.0", None)}


def test_an_oddity_of_the_publisher_s_is_found_once_however_the_gate_noted_it(db: Warehouse) -> None:
    told = version(content=part(duties=(*SOUND.duties, Duty(number=3, text=". . . . . . ."))))
    write(db, told)
    noted = [
        {"snapshot_id": told.snapshot.snapshot_id, "rule": rule, "message": "Duty 3"} for rule in ("G-DUTY-WITHOUT-KSBS", "G-PLACEHOLDER")
    ]
    db.append(FINDINGS, frame(FINDINGS, noted))
    assert sorted(row["rule"] for row in db.rows("FROM quality_findings")) == ["Q-DUTY-UNMAPPED", "Q-NO-WORDS"]


def test_what_the_parsers_met_stands_beside_it(db: Warehouse) -> None:
    told = version()
    write(db, told)
    db.append(FINDINGS, frame(FINDINGS, [{"snapshot_id": told.snapshot.snapshot_id, "rule": "P-REPEATED-ID", "message": "skills 1"}]))
    (row,) = db.rows("FROM quality_findings")
    assert (row["rule"], row["detail"], row["title"], row["status"], row["source"]) == (
        "P-REPEATED-ID",
        "skills 1",
        "api 1.0",
        APPROVED,
        "api",
    )
    assert row["sentence"] == "Two items of one record share the publisher's id."
    assert row["seen_from_at"] == FIRST


def test_a_page_that_shows_no_lars_code_is_no_oddity(db: Warehouse) -> None:
    write(db, version(source="page", lars_code=None, max_funding_gbp=None))
    assert found(db) == set()
