"""What a change note claims, against what was seen."""

import pytest

from pipelines.changes.claim import claimed, discrepancy
from schemas.change import Difference


@pytest.mark.parametrize(
    ("note", "components"),
    [
        ("End-point assessment plan, standard and funding band revised.", {"assessment", "standard", "funding"}),
        ("End-point assessment plan revised", {"assessment"}),
        ("Assessment plan revised", {"assessment"}),
        ("Occupational standard, end-point assessment plan and funding band revised.", {"standard", "assessment", "funding"}),
        ("Funding band revised", {"funding"}),
        ("Updated SSA", {"classification"}),
        ("KSBs amended", {"standard"}),
        ("Approved for delivery", set()),
        ("Retired", set()),
        ("", set()),
        (None, set()),
    ],
)
def test_claimed(note: str | None, components: set[str]) -> None:
    assert claimed(note) == components


REWORDED = Difference(event="ksb_reworded", subject="K1", before="a", after="b")


@pytest.mark.parametrize(
    ("note", "difference", "is_said"),
    [
        pytest.param("Funding band revised", REWORDED, True, id="funding only, and the content changed"),
        pytest.param("Updated SSA", REWORDED, True, id="classification only, and the content changed"),
        pytest.param("Occupational standard revised", REWORDED, False, id="an honest note"),
        pytest.param("Retired", REWORDED, False, id="a note that claims nothing"),
        pytest.param(
            "Funding band revised",
            Difference(event="attribute_changed", subject="max_funding_gbp"),
            False,
            id="funding only, and so it was",
        ),
        pytest.param("Funding band revised", Difference(event="ksb_relabelled", subject="K1"), False, id="labels are no content"),
    ],
)
def test_discrepancy(note: str, difference: Difference, is_said: bool) -> None:
    found = discrepancy(note, [difference])
    assert bool(found) is is_said
    assert found is None or note in found
