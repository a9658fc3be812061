"""What two records must share to be the same."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.record import ATTRIBUTES, Content, Duty, Ksb, Record, Snapshot, digest, version_key

CONTENT = Content(
    ksbs=(
        Ksb(kind="K", position=1, text="How it works"),
        Ksb(kind="S", position=1, text="Make it work", options=("Maker",)),
        Ksb(kind="B", position=1, text="Careful"),
    ),
    duties=(
        Duty(number=1, text="Plan", codes=("K1", "B1"), criteria="On time", is_core=True),
        Duty(number=2, text="Make", codes=("S1",), is_core=False, options=("Maker",)),
    ),
    options=("Maker", "Mender"),
)
RECORD = Record(reference="ST9001", version="1.0", title="Tidal turbine technician", content=CONTENT)
SNAPSHOT = Snapshot(
    source="api",
    record=RECORD,
    seen_from_at=datetime(2026, 6, 8, tzinfo=UTC),
    run_id="run",
    evidence_sha256="0" * 64,
    parser_version="api-1",
)
# A value no attribute has by default, by its type.
ANOTHER: dict[type, Any] = {str: "another", int: 7, bool: False, date: date(2026, 6, 8), tuple: ("another",)}


def type_of(attribute: str) -> type:
    hint = get_type_hints(Record)[attribute]
    kind = next(part for part in get_args(hint) if part is not type(None)) if isinstance(hint, UnionType) else hint
    found: type = get_origin(kind) or kind
    return found


def is_digest(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def with_ksb(**values: Any) -> Content:
    return replace(CONTENT, ksbs=(replace(CONTENT.ksbs[0], **values), *CONTENT.ksbs[1:]))


def with_duty(**values: Any) -> Content:
    return replace(CONTENT, duties=(replace(CONTENT.duties[0], **values), *CONTENT.duties[1:]))


def test_labels_follow_from_kind_and_position() -> None:
    assert [ksb.code for ksb in CONTENT.ksbs] == ["K1", "S1", "B1"]
    assert [duty.label for duty in CONTENT.duties] == ["Duty 1", "Duty 2"]
    assert [CONTENT.count(kind) for kind in ("K", "S", "B")] == [1, 1, 1]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_ksb(publisher_id="4f18eb09"), id="an item's id"),
        pytest.param(with_duty(publisher_id="4f18eb09"), id="a duty's id"),
        pytest.param(replace(CONTENT), id="a copy"),
    ],
)
def test_the_publishers_ids_name_nothing(content: Content) -> None:
    assert content == CONTENT
    assert content.content_id == CONTENT.content_id
    assert replace(RECORD, content=content).record_id == RECORD.record_id


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_ksb(text="How it worked"), id="an item's words"),
        pytest.param(with_ksb(position=2), id="an item's position"),
        pytest.param(with_ksb(kind="S", position=2), id="an item's kind"),
        pytest.param(with_ksb(options=("Mender",)), id="an item's options"),
        pytest.param(with_duty(text="Planning"), id="a duty's words"),
        pytest.param(with_duty(number=3), id="a duty's number"),
        pytest.param(with_duty(codes=("K1",)), id="a duty's mapping"),
        pytest.param(with_duty(criteria=""), id="a duty's criteria"),
        pytest.param(with_duty(is_core=False), id="a duty no longer core"),
        pytest.param(with_duty(is_core=None), id="a duty of which the source does not say"),
        pytest.param(with_duty(options=("Maker",)), id="a duty's options"),
        pytest.param(replace(CONTENT, ksbs=CONTENT.ksbs[:-1]), id="an item less"),
        pytest.param(replace(CONTENT, duties=CONTENT.duties[:-1]), id="a duty less"),
        pytest.param(replace(CONTENT, options=("Mender", "Maker")), id="options in another order"),
        pytest.param(Content(), id="none at all"),
    ],
)
def test_other_content_has_another_address(content: Content) -> None:
    assert is_digest(content.content_id)
    assert content.content_id != CONTENT.content_id
    assert replace(RECORD, content=content).record_id != RECORD.record_id


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_any_attribute_moves_the_address_of_a_record(attribute: str) -> None:
    other = replace(RECORD, **{attribute: ANOTHER[type_of(attribute)]})
    assert is_digest(other.record_id)
    assert other.record_id != RECORD.record_id
    assert other.content.content_id == RECORD.content.content_id


def test_no_two_attributes_share_an_address() -> None:
    moved = {replace(RECORD, **{attribute: ANOTHER[type_of(attribute)]}).record_id for attribute in ATTRIBUTES}
    assert len(moved) == len(ATTRIBUTES)


def test_attributes_are_in_column_order_without_the_content() -> None:
    assert tuple(RECORD.attributes) == ATTRIBUTES
    assert ATTRIBUTES[:3] == ("reference", "version", "title")
    assert "content" not in ATTRIBUTES


@pytest.mark.parametrize(
    ("changed", "moves"),
    [
        ({"source": "page"}, True),
        ({"seen_from_at": datetime(2026, 6, 9, tzinfo=UTC)}, True),
        ({"record": replace(RECORD, version="9.9")}, True),
        ({"record": replace(RECORD, title="another")}, False),
        ({"run_id": "another"}, False),
        ({"evidence_sha256": "1" * 64}, False),
        ({"parser_version": "api-2"}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_snapshot_is_what_was_seen_where_and_when(changed: dict[str, Any], moves: bool) -> None:
    other = replace(SNAPSHOT, **changed)
    assert is_digest(other.snapshot_id)
    assert (other.snapshot_id != SNAPSHOT.snapshot_id) == moves


@pytest.mark.parametrize(
    "ordered",
    [
        pytest.param(["0.0", "1.0", "1.1", "1.2", "1.9", "1.10", "1.11", "2.0", "2.1", "10.0"], id="numbers, not decimals"),
        pytest.param(["0.0"], id="alone"),
    ],
)
def test_versions_are_ordered_as_pairs_of_numbers(ordered: list[str]) -> None:
    assert sorted(ordered, key=version_key) == ordered


@settings(deadline=None)
@given(st.lists(st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text()))
def test_a_digest_is_short_and_the_same_every_time(value: object) -> None:
    assert is_digest(digest(value))
    assert digest(value) == digest(value)
