"""The public JSON: how the array is split, and what each key of a record is read as."""

import json
import lzma
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from schemas.record import Content, Record
from schemas.rules import RULES
from scrapers.api import KEYS, Entry, code_order, parse, split, version_number
from scrapers.reading import ParseError
from scrapers.sample.records import sample_records

ApiRecord = dict[str, Any]

SAMPLES = sample_records()
EVERY_SAMPLE = [pytest.param(name, id=name) for name in SAMPLES]


def varied(name: str = "ST9001 1.2", /, **changes: Any) -> ApiRecord:
    return SAMPLES[name] | changes


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def read(name: str = "ST9001 1.2", /, **changes: Any) -> Record:
    return parse(as_bytes(varied(name, **changes))).record


def refused(body: bytes) -> str | None:
    """The rule by which a record is held back, or None where it is read."""
    try:
        parse(body)
    except ParseError as error:
        return error.rule
    return None


def versions(*records: Any) -> list[str]:
    return [f"{entry.reference} {entry.version}" for entry in split(as_bytes(list(records)))[0]]


def findings(*records: Any) -> list[tuple[str, str]]:
    _, found, unplaced = split(as_bytes(list(records)))
    return [(finding.rule, finding.message) for finding in found] + [(record.rule, record.reason) for record in unplaced]


def shuffled(value: Any) -> Any:
    """The same value with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


# The array


def test_the_array_gives_one_entry_per_version_in_its_order() -> None:
    entries, found, _ = split(as_bytes(list(SAMPLES.values())))
    assert [f"{entry.reference} {entry.version}" for entry in entries] == list(SAMPLES)
    assert found == ()


def test_an_entry_says_what_is_needed_to_find_its_pages() -> None:
    (entry,), _, _ = split(as_bytes([varied()]))
    page = "https://skillsengland.education.gov.uk/apprenticeships/st9001-v1-2"
    assert (entry.status, entry.page_url, entry.occupation_code) == ("Approved for delivery", page, "OCC9001")
    (bare,), _, _ = split(as_bytes([{"referenceNumber": "ST9001", "status": None, "standardPageUrl": " ", "occupationCode": 5}]))
    assert (bare.status, bare.page_url, bare.occupation_code) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        pytest.param(b"", "P-NOT-JSON", id="nothing"),
        pytest.param(b"<!DOCTYPE html><h1>Service unavailable</h1>", "P-NOT-JSON", id="HTML"),
        pytest.param(as_bytes(list(SAMPLES.values()))[:-40], "P-NOT-JSON", id="cut off"),
        pytest.param(as_bytes([varied()])[:9], "P-NOT-JSON", id="cut off early"),
        pytest.param(b"\xff\xfe[\x00]\x00", "P-NOT-JSON", id="another encoding"),
        pytest.param(b"[]", "P-NOT-A-STANDARD", id="an empty array"),
        pytest.param(b"{}", "P-NOT-A-STANDARD", id="an empty object"),
        pytest.param(as_bytes(varied()), "P-NOT-A-STANDARD", id="one record"),
        pytest.param(as_bytes({"standards": [varied()]}), "P-NOT-A-STANDARD", id="an array within"),
        pytest.param(b"null", "P-NOT-A-STANDARD", id="null"),
        pytest.param(b'"maintenance"', "P-NOT-A-STANDARD", id="a string"),
        pytest.param(b'[1, null, "ST9001", []]', "P-NOT-A-STANDARD", id="an array of other things"),
        pytest.param(b'[{"message": "busy"}]', "P-NOT-A-STANDARD", id="an array of other objects"),
    ],
)
def test_a_body_that_is_no_array_of_records_is_refused(body: bytes, rule: str) -> None:
    with pytest.raises(ParseError) as error:
        split(body)
    assert error.value.rule == rule
    assert str(error.value).startswith(RULES[rule].sentence)
    assert "egins" in error.value.detail


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        pytest.param(5, "P-NOT-A-STANDARD", id="a number"),
        pytest.param(None, "P-NOT-A-STANDARD", id="null"),
        pytest.param([varied()], "P-NOT-A-STANDARD", id="an array"),
        pytest.param({}, "P-BAD-VALUE", id="an empty object"),
        pytest.param({"title": "Tidal turbine technician"}, "P-BAD-VALUE", id="no reference"),
        pytest.param(varied(referenceNumber=""), "P-BAD-VALUE", id="an empty reference"),
        pytest.param(varied(referenceNumber=None), "P-BAD-VALUE", id="a null reference"),
        pytest.param(varied(referenceNumber=["ST9001"]), "P-BAD-VALUE", id="a list of references"),
        pytest.param(varied(referenceNumber="ST901"), "P-BAD-VALUE", id="a short reference"),
        pytest.param(varied(referenceNumber="XX9001"), "P-BAD-VALUE", id="another kind of reference"),
        pytest.param(varied(version="latest"), "P-BAD-VALUE", id="a word for a version"),
        pytest.param(varied(version="1.0.0"), "P-BAD-VALUE", id="three numbers for a version"),
    ],
)
def test_a_record_that_cannot_be_placed_is_left_out_and_found(record: Any, rule: str) -> None:
    other = varied("ST9003 1.0")
    assert versions(record, other) == ["ST9003 1.0"]
    ((found, message),) = findings(record, other)
    assert found == rule
    assert message.startswith(RULES[rule].sentence)
    _, _, (unplaced,) = split(as_bytes([record, other]))
    assert not any(word in unplaced.evidence for word in (b"tbMainContact", b"contactName", b"contactEmail", b"@"))


def test_what_cannot_be_placed_is_kept_with_what_it_says_of_itself() -> None:
    _, _, unplaced = split(as_bytes([varied(version="latest"), varied(referenceNumber="XX9001"), varied("ST9003 1.0")]))
    assert [record.reference for record in unplaced] == ["ST9001", None]
    assert [json.loads(record.evidence)["title"] for record in unplaced] == [varied()["title"]] * 2


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("ST9001", "ST9001"),
        ("ST9001 ", "ST9001"),
        (" st9001\n", "ST9001"),
        ("FA0005 ", "FA0005"),
        ("AU0009", "AU0009"),
    ],
)
def test_a_reference_is_tidied(written: str, reference: str) -> None:
    assert versions(varied(referenceNumber=written)) == [f"{reference} 1.2"]
    assert read(referenceNumber=written).reference == reference


VERSIONS = [
    pytest.param("1.1", "1.1", id="as it should be"),
    pytest.param("", "1.0", id="nothing is the first"),
    pytest.param(None, "1.0", id="null is the first"),
    pytest.param("V0.0", "0.0", id="a letter before"),
    pytest.param("v1.3", "1.3", id="a small letter before"),
    pytest.param("1", "1.0", id="a whole number"),
    pytest.param(" 1.2 ", "1.2", id="spaces around"),
    pytest.param("1.11", "1.11", id="eleven"),
    pytest.param("1.10", "1.10", id="ten is not one"),
    pytest.param("01.02", "1.2", id="leading zeros"),
]


@pytest.mark.parametrize(("written", "version"), VERSIONS)
def test_a_version_is_two_numbers(written: str | None, version: str) -> None:
    assert version_number(written or "") == version
    assert versions(varied(version=written)) == [f"ST9001 {version}"]
    assert read(version=written).version == version


@pytest.mark.parametrize(("decimal", "version"), [(1.1, "1.1"), (1.0, "1.0"), (1, "1.0"), (0.0, "0.0"), (2, "2.0")])
def test_until_2021_a_version_was_a_decimal(decimal: float, version: str) -> None:
    assert versions(varied(version=decimal)) == [f"ST9001 {version}"]
    assert read(version=decimal).version == version


def test_an_old_record_without_the_key_is_the_first_version() -> None:
    record = {key: varied()[key] for key in REQUIRED}
    assert versions(record) == ["ST9001 1.0"]
    assert parse(as_bytes(record)).record.version == "1.0"


def test_a_young_record_without_the_key_has_lost_it() -> None:
    record = varied()
    del record["version"]
    assert [rule for rule, _ in findings(record, varied("ST9003 1.0"))] == ["P-MISSING-FIELD"]
    assert refused(as_bytes(record)) == "P-MISSING-FIELD"


@pytest.mark.parametrize("written", ["latest", "1.x", "1.0.0", "-1", "1,1", ".5", "1."])
def test_anything_else_is_no_version(written: str) -> None:
    with pytest.raises(ParseError) as error:
        version_number(written)
    assert error.value.rule == "P-BAD-VALUE"
    assert refused(as_bytes(varied(version=written))) == "P-BAD-VALUE"


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param("2024-03-08T10:05:37 +00:00", "2024-03-09T00:00:00 +00:00", "second", id="the second is later"),
        pytest.param("2024-03-09T00:00:00 +00:00", "2024-03-08T10:05:37 +00:00", "first", id="the first is later"),
        pytest.param("2024-03-08T10:05:37 +00:00", "2024-03-08T10:05:37.5 +00:00", "second", id="later by a fraction"),
        pytest.param("", "2024-03-08T10:05:37 +00:00", "second", id="the first has no date"),
        pytest.param("2024-03-08T10:05:37 +00:00", None, "first", id="the second has no date"),
    ],
)
def test_of_a_version_served_twice_the_later_created_one_counts(first: str, second: str | None, kept: str) -> None:
    records = [varied(title="first", createdDate=first), varied("ST9003 1.0"), varied(title="second", createdDate=second)]
    entries, found, _ = split(as_bytes(records))
    assert [parse(entry.evidence).record.title for entry in entries if entry.reference == "ST9001"] == [kept]
    assert [f"{entry.reference} {entry.version}" for entry in entries] == ["ST9001 1.2", "ST9003 1.0"]
    assert [(finding.rule, finding.message) for finding in found] == [("P-REPEATED-RECORD", "ST9001 1.2")]


def test_two_spellings_of_a_reference_are_one_standard() -> None:
    records = [varied(referenceNumber="ST9001 ", createdDate="2024"), varied(referenceNumber="st9001", createdDate="2025")]
    assert versions(*records) == ["ST9001 1.2"]
    assert findings(*records) == [("P-REPEATED-RECORD", "ST9001 1.2")]


# The evidence


def evidence(record: ApiRecord) -> bytes:
    ((entry,), _, _) = split(as_bytes([record]))
    return entry.evidence


@pytest.mark.parametrize("name", EVERY_SAMPLE)
def test_evidence_has_no_personal_data_and_everything_else(name: str) -> None:
    due = varied(name)
    del due["tbMainContact"]
    if due["eQAProvider"]:
        due["eQAProvider"] = {key: due["eQAProvider"][key] for key in ("providerName", "webLink")}
    assert json.loads(evidence(varied(name))) == due


@pytest.mark.parametrize("key", ["eQAProvider", "eqaProvider"])
def test_nobody_is_named_in_the_evidence(key: str) -> None:
    record = varied(tbMainContact="ann@example.org")
    provider = {"contactName": "Sam Sample", "contactAddress": "1 Example Street", "contactEmail": "sam@example.org"}
    kept = evidence({name: value for name, value in record.items() if name != "eQAProvider"} | {key: {"providerName": "Ofqual"} | provider})
    assert b"Ofqual" in kept
    for word in (b"ann@example.org", b"Sam Sample", b"1 Example Street", b"sam@example.org"):
        assert word not in kept, word


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("banners", "Write to ann@example.org.", id="a notice"),
        pytest.param("entryRequirements", "&lt;p&gt;Write to ann@example.org.&lt;/p&gt;", id="prose"),
        pytest.param("professionalRecognition", [{"bodyName": "Guild, ann@example.org"}], id="a body"),
    ],
)
def test_an_address_within_a_text_is_not_kept(key: str, value: Any) -> None:
    kept = evidence(varied(**{key: value}))
    assert b"ann@example.org" not in kept
    assert not [name for name, text in parse(kept).record.attributes.items() if "ann@example.org" in str(text)]


def test_evidence_does_not_depend_on_the_order_of_keys_or_records() -> None:
    records = list(SAMPLES.values())

    def kept(array: list[Any]) -> dict[tuple[str, str], bytes]:
        return {(entry.reference, entry.version): entry.evidence for entry in split(as_bytes(array))[0]}

    assert kept(records) == kept(records[::-1]) == kept(shuffled(records))
    assert kept(records) == kept(json.loads(json.dumps(records, indent=4)))


def test_evidence_depends_on_the_order_of_items_which_is_their_code() -> None:
    assert evidence(varied(knowledges=varied()["knowledges"][::-1])) != evidence(varied())


def test_evidence_is_read_as_the_record_is() -> None:
    for name in SAMPLES:
        assert parse(evidence(varied(name))) == parse(as_bytes(varied(name)))


# A record


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        pytest.param(b"", "P-NOT-JSON", id="nothing"),
        pytest.param(b"<h1>Not found</h1>", "P-NOT-JSON", id="HTML"),
        pytest.param(as_bytes(varied())[:-1], "P-NOT-JSON", id="cut off"),
        pytest.param(as_bytes([varied()]), "P-NOT-A-STANDARD", id="an array"),
        pytest.param(b"null", "P-NOT-A-STANDARD", id="null"),
        pytest.param(b"{}", "P-MISSING-FIELD", id="an empty object"),
    ],
)
def test_a_body_that_is_no_record_is_refused(body: bytes, rule: str) -> None:
    assert refused(body) == rule


REQUIRED = ("referenceNumber", "title", "status", "level", "knowledges", "skills", "behaviours", "duties")


@pytest.mark.parametrize("key", REQUIRED)
def test_a_record_without_a_field_that_all_have_is_refused(key: str) -> None:
    record = varied()
    del record[key]
    with pytest.raises(ParseError) as error:
        parse(as_bytes(record))
    assert (error.value.rule, error.value.detail) == ("P-MISSING-FIELD", key)


def test_the_other_keys_came_over_the_years() -> None:
    record = parse(as_bytes({key: varied()[key] for key in REQUIRED}))
    assert (record.record.reference, record.record.version, record.findings) == ("ST9001", "1.0", ())
    assert record.record.content.count("K") == 10


@pytest.mark.parametrize("key", [key for key, use in KEYS.items() if use == "compared" and key not in REQUIRED])
def test_a_young_record_that_lost_a_key_is_refused(key: str) -> None:
    record = {name: value for name, value in varied().items() if name != key}
    assert refused(as_bytes(record)) == "P-MISSING-FIELD"
    assert refused(as_bytes(record | {key.upper(): varied()[key]})) == "P-MISSING-FIELD"


@pytest.mark.parametrize("key", ["larsCode", "maxFunding", "eQAProvider", "typicalJobTitles"])
def test_an_old_record_whose_key_was_renamed_is_refused(key: str) -> None:
    old = {name: varied()[name] for name in (*REQUIRED, "larsCode", "maxFunding", "eQAProvider", "typicalJobTitles")}
    assert refused(as_bytes({name: value for name, value in old.items() if name != key} | {f"{key}s": old[key]})) == "P-MISSING-FIELD"


# What the records of a time had, as the history shows it: what came later is not missed.
ABSENT = {
    "2021": ("coronationEmblem", "publishDate", "occupationCode", "clusterId"),
    "2023": ("ePALength", "standardPublished", "epaPublished"),
    "2024": ("approvedForDeliveryPausedStarts", "learningAimClassCode", "maxFundingAdditionalInformation", "otherInvolvedStakeholders"),
    "2025": ("banners",),
    "autumn 2025": ("minimumHoursForCompliance",),
    "winter 2025": ("shortAssessment",),
}


@pytest.mark.parametrize("time", ABSENT)
def test_an_old_record_lacks_what_came_later(time: str) -> None:
    later = {key for keys in list(ABSENT.values())[list(ABSENT).index(time) :] for key in keys} | (
        {"integration"} if time < "2024" else set()
    )
    reading = parse(as_bytes({key: value for key, value in varied().items() if key not in later}))
    assert reading.findings == ()
    assert reading.record.content == read().content


@pytest.mark.parametrize(
    "changes",
    [
        {"duties": [{"dutyDetail": "Keep", "mappedSkills": [], "mappedBehaviour": [], "mappedKnowledges": ["k1"]}]},
        {"eQAProvider": {"provider": "Ofqual"}},
        {"qualifications": [{"name": "Diploma"}]},
        {"professionalRecognition": [{"body": "Guild"}]},
        {"regulationDetail": [{"name": "Board", "isApproved": True}]},
    ],
    ids=str,
)
def test_a_key_that_an_object_inside_lost_is_refused(changes: dict[str, Any]) -> None:
    assert refused(as_bytes(varied(**changes))) == "P-BAD-VALUE"


@pytest.mark.parametrize("value", ["", None, 5, [], {"a": 1}], ids=repr)
def test_an_unknown_key_is_found_and_alters_nothing(value: Any) -> None:
    reading = parse(as_bytes(varied(tLevelUrl=value)))
    assert [(finding.rule, finding.message) for finding in reading.findings] == [("P-UNKNOWN-FIELD", "tLevelUrl")]
    assert reading.record == read()


TEXTS = {
    "route": "route",
    "occupationCode": "occupation_code",
    "ssa1": "ssa_tier_1",
    "ssa2": "ssa_tier_2",
    "regulatedBody": "regulated_body",
    "integration": "integration",
    "integratedDegree": "integrated_degree",
    "templateType": "template_type",
    "tbReference": "trailblazer_reference",
    "change": "change_note",
    "assessmentPlanUrl": "assessment_plan_url",
    "standardPageUrl": "page_url",
    "overviewOfRole": "overview",
}
PROSE = {
    "occupationalSummary": "occupation_summary",
    "entryRequirements": "entry_requirements",
    "standardInformation": "standard_information",
}
NUMBERS = {
    "level": "level",
    "typicalDuration": "typical_duration_months",
    "ePALength": "epa_period_months",
    "minimumHoursForCompliance": "minimum_hours",
    "maxFunding": "max_funding_gbp",
    "larsCode": "lars_code",
}
FLAGS = {
    "approvedForDeliveryPausedStarts": "is_paused_for_starts",
    "regulated": "is_regulated",
    "coreAndOptions": "is_core_and_options",
}
DATES = {
    "changedDate": "changed_on",
    "approvedForDelivery": "approved_on",
    "publishDate": "published_on",
    "earliestStartDate": "earliest_start_on",
    "latestStartDate": "latest_start_on",
}
LISTS = {
    "typicalJobTitles": "job_titles",
    "qualifications": "qualifications",
    "professionalRecognition": "professional_recognition",
    "regulationDetail": "regulation",
}
NAMED = {"title": "title", "status": "status", "banners": "notice", "eQAProvider": "eqa_provider"}
CONTENT = ("knowledges", "skills", "behaviours", "duties", "options", "optionsUnstructuredTemplate", "optionsUnstructuredKsbMapping")
READ = TEXTS | PROSE | NUMBERS | FLAGS | DATES | LISTS | NAMED


def test_every_attribute_is_read_from_one_key() -> None:
    assert sorted(READ.values()) == sorted(set(read().attributes) - {"reference", "version"})
    assert READ.keys() <= KEYS.keys()


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("Approved", "Approved", id="text"),
        pytest.param(" Research &amp;\r\ndevelopment\u00a0", "Research & development", id="dirt"),
        pytest.param("None of the above", "None of the above", id="words that begin with None"),
        pytest.param("", None, id="empty"),
        pytest.param(" \n", None, id="white space"),
        pytest.param(None, None, id="null"),
        pytest.param("None", None, id="the word None"),
        pytest.param(" None\n", None, id="the word None in white space"),
    ],
)
def test_text_is_plain_and_nothing_is_none(key: str, value: str | None, text: str | None) -> None:
    assert getattr(read(**{key: value}), TEXTS[key]) == text


@pytest.mark.parametrize("key", PROSE)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("&lt;p&gt;Research &amp;amp; development.&#160;&lt;/p&gt;\r\n", "Research & development.", id="escaped HTML"),
        pytest.param("<p>Research &amp; development.</p>", "Research & development.", id="HTML"),
        pytest.param("Research & development.", "Research & development.", id="plain text"),
        pytest.param("&lt;p&gt;.&lt;/p&gt;", ".", id="a placeholder"),
        pytest.param("&lt;p&gt;&amp;nbsp;&lt;/p&gt;", None, id="an empty paragraph"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param("None", None, id="the word None"),
        pytest.param("&lt;p&gt;None&lt;/p&gt;", None, id="the word None in a paragraph"),
    ],
)
def test_prose_is_its_visible_text(key: str, value: str | None, text: str | None) -> None:
    assert getattr(read(**{key: value}), PROSE[key]) == text


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), ("626", 626), (" 626 ", 626), (626.0, 626), (0, None), ("0", None), ("", None), (None, None)],
    ids=repr,
)
def test_a_number_is_whole_and_zero_is_none(key: str, value: Any, number: int | None) -> None:
    assert getattr(read(**{key: value}), NUMBERS[key]) == number


@pytest.mark.parametrize("key", FLAGS)
@pytest.mark.parametrize("value", [True, False, None])
def test_a_flag_is_true_or_false_or_not_said(key: str, value: bool | None) -> None:
    assert getattr(read(**{key: value}), FLAGS[key]) is value


@pytest.mark.parametrize("key", DATES)
@pytest.mark.parametrize(
    ("value", "day"),
    [
        pytest.param("2022-05-16T00:00:00", date(2022, 5, 16), id="a time"),
        pytest.param("2016-12-16T00:00:00 +00:00", date(2016, 12, 16), id="a space before the offset"),
        pytest.param("2022-05-16T10:14:41.127", date(2022, 5, 16), id="fractional seconds"),
        pytest.param("2022-05-16T10:14:41.1270000 +00:00", date(2022, 5, 16), id="fractional seconds and an offset"),
        pytest.param("2022-05-16T00:00:00Z", date(2022, 5, 16), id="UTC"),
        pytest.param("2022-05-16", date(2022, 5, 16), id="a day"),
        pytest.param("2022-05-15T23:00:00 +00:00", date(2022, 5, 15), id="the day as written, in no zone"),
        pytest.param("2099-01-01T00:00:00", date(2099, 1, 1), id="a day to come"),
        pytest.param("0001-01-01T00:00:00", None, id="the first day of all"),
        pytest.param("0001-01-01T00:00:00 +00:00", None, id="the first day of all and an offset"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_a_date_is_a_plain_day(key: str, value: str | None, day: date | None) -> None:
    assert getattr(read(**{key: value}), DATES[key]) == day


BAD_VALUES: Mapping[str, list[Any]] = {
    **{key: [5, True, ["text"], {"text": "text"}] for key in TEXTS},
    **{key: [5, True, ["text"], {"text": "text"}] for key in PROSE},
    **{key: ["many", "1.5", 1.5, -1, 2**31, True, [1], {"number": 1}] for key in NUMBERS},
    **{key: [0, 1, "true", "", [True], {"flag": True}] for key in FLAGS},
    **{key: ["16/05/2022", "soon", "2022-13-01T00:00:00", "2022-05-16x", 20220516, True, ["2022-05-16"], {"date": 1}] for key in DATES},
    **{key: ["text", 5, True, {"title": "text"}, [5], [["text"]]] for key in LISTS},
    **{key: ["text", 5, {"title": "text"}, ["text"], [5]] for key in ("qualifications", "professionalRecognition", "regulationDetail")},
    **{key: ["text", 5, {"detail": "text"}, ["text"], [5], [{}]] for key in ("knowledges", "skills", "behaviours", "duties", "options")},
    "optionsUnstructuredTemplate": ["text", 5, {"title": "text"}, [5], [["text"]]],
    "optionsUnstructuredKsbMapping": ["text", 5, {"title": "text"}, ["text"], [5], [{}]],
    "title": [5, True, ["text"], {"text": "text"}],
    "status": ["", None, "In revision", "approved for delivery", 5, ["Retired"], {"text": "Retired"}],
    "banners": [5, True, ["text"], {"text": "text"}],
    "eQAProvider": ["Ofqual", 5, True, ["Ofqual"], {"providerName": 5}],
    "referenceNumber": [5, True, ["ST9001"], {"text": "ST9001"}],
    "version": [True, ["1.0"], {"text": "1.0"}],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [pytest.param(key, value, id=f"{key}-{json.dumps(value)}") for key, values in BAD_VALUES.items() for value in values],
)
def test_a_value_of_another_form_is_refused_and_named(key: str, value: Any) -> None:
    with pytest.raises(ParseError) as error:
        parse(as_bytes(varied(**{key: value})))
    assert error.value.rule == "P-BAD-VALUE"
    assert key in error.value.detail


ANYTHING: tuple[Any, ...] = (None, True, 5, 1.5, -1, "text", "", [], [None], [5], ["text"], [[]], [{}], {}, {"text": 5})


@pytest.mark.parametrize("key", KEYS)
def test_no_value_of_any_key_does_more_than_hold_the_record_back(key: str) -> None:
    for value in ANYTHING:
        rule = refused(as_bytes(varied("ST9004 1.0", **{key: value})))
        assert rule is None or RULES[rule].outcome == "hold"


@pytest.mark.parametrize("key", [key for key in KEYS if key not in (*READ, *CONTENT, "referenceNumber", "version")])
def test_a_key_that_is_not_read_alters_nothing(key: str) -> None:
    assert KEYS[key] != "compared"
    for value in ANYTHING:
        assert parse(as_bytes(varied(**{key: value}))) == parse(as_bytes(varied()))


# Lists that are compared as sets


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("value", [None, []], ids=repr)
def test_an_empty_list_is_empty_however_it_is_said(key: str, value: Any) -> None:
    assert getattr(read(**{key: value}), LISTS[key]) == ()


@pytest.mark.parametrize(
    ("key", "value", "texts"),
    [
        pytest.param("typicalJobTitles", ["Mender", "Maker ", "Maker"], ("Maker", "Mender"), id="titles in order, once"),
        pytest.param("typicalJobTitles", ["", " ", "Maker &amp; mender"], ("Maker & mender",), id="titles without the empty ones"),
        pytest.param(
            "qualifications",
            [
                {"title": "Diploma ", "level": "3", "anyAdditionalInformation": "Before the gateway &amp; after"},
                {"title": "Award", "level": 2, "anyAdditionalInformation": ""},
                {"title": "Certificate", "level": None},
                {"qualificationId": "1", "title": "Award", "level": "2", "mappedOptions": []},
            ],
            ("Award; level 2", "Certificate", "Diploma; level 3; Before the gateway & after"),
            id="qualifications",
        ),
        pytest.param(
            "professionalRecognition",
            [
                {"bodyName": "Guild", "level": "Associate ", "isPartial": "full", "partialFreeText": ""},
                {"bodyName": "College", "level": "", "isPartial": "partial", "partialFreeText": "A portfolio too"},
            ],
            ("College; partial; A portfolio too", "Guild; Associate; full"),
            id="professional recognition",
        ),
        pytest.param(
            "regulationDetail",
            [
                {"name": "Training provider ", "webLink": "https://example.org", "approved": True},
                {"name": "EPAO", "webLink": "", "approved": False},
            ],
            ("EPAO: not approved", "Training provider: approved"),
            id="regulation",
        ),
    ],
)
def test_a_list_is_read_in_order_and_once(key: str, value: list[Any], texts: tuple[str, ...]) -> None:
    assert getattr(read(**{key: value}), LISTS[key]) == texts
    assert getattr(read(**{key: value[::-1]}), LISTS[key]) == texts


@pytest.mark.parametrize(
    ("value", "provider"),
    [
        pytest.param({"providerName": "Ofqual ", "webLink": ""}, "Ofqual", id="a name"),
        pytest.param({"providerName": ""}, None, id="an empty name"),
        pytest.param({"providerName": None}, None, id="a null name"),
        pytest.param({"providerName": "None"}, None, id="the word None"),
        pytest.param({}, None, id="no name"),
        pytest.param(None, None, id="null"),
    ],
)
def test_a_provider_is_its_name(value: Any, provider: str | None) -> None:
    assert read(eQAProvider=value).eqa_provider == provider


@pytest.mark.parametrize(
    ("value", "notice"),
    [
        ("Funding ends in May.", "Funding ends in May."),
        (" Funding ends;Starts end in June ; ", "Funding ends; Starts end in June"),
        ("This apprenticeship has been retired", None),
        ("", None),
        (None, None),
    ],
)
def test_a_notice_is_what_the_banners_say(value: str | None, notice: str | None) -> None:
    assert read(banners=value).notice == notice


# Content


def item(kind: str, publisher_id: str, detail: str) -> dict[str, str]:
    return {{"K": "knowledgeId", "S": "skillId", "B": "behaviourId"}[kind]: publisher_id, "detail": detail}


def duty(**more: Any) -> dict[str, Any]:
    blank = {"dutyID": "d", "dutyDetail": "Work", "isThisACoreDuty": 1, "criteriaForMeasuringPerformance": ""}
    return blank | {f"mapped{name}": [] for name in ("Knowledge", "Skills", "Behaviour", "Options")} | more


def group(title: str, **more: Any) -> dict[str, Any]:
    return {"coreOrOptionTitle": title} | {f"mapped{name}": [] for name in ("Knowledge", "Skills", "Behaviour")} | more


BENCH: ApiRecord = {
    "knowledges": [item("K", f"k{number}", f"Know {number}") for number in range(1, 13)],
    "skills": [item("S", "s1", "S1: Do 1"), item("S", "s2", "Do 2")],
    "behaviours": [item("B", "b1", " Be\u00a01 ")],
    "duties": [
        duty(dutyDetail="Duty 1 Plan ", criteriaForMeasuringPerformance=" On\r\ntime"),
        duty(mappedKnowledge=["k11", "k2"], mappedSkills=["s2"], mappedBehaviour=["b1"]),
    ],
    "options": [],
    "optionsUnstructuredTemplate": [],
    "optionsUnstructuredKsbMapping": [],
}


def content(**changes: Any) -> Content:
    return read(**(BENCH | changes)).content


def codes(found: Content) -> list[tuple[str, ...]]:
    return [each.codes for each in found.duties]


def membership(found: Content) -> dict[str, tuple[str, ...]]:
    return {ksb.code: ksb.options for ksb in found.ksbs if ksb.options}


def test_an_item_is_named_by_its_place_in_its_list() -> None:
    found = content()
    assert [ksb.code for ksb in found.ksbs] == [f"K{number}" for number in range(1, 13)] + ["S1", "S2", "B1"]
    assert [ksb.text for ksb in found.ksbs[-4:]] == ["Know 12", "Do 1", "Do 2", "Be 1"]
    assert [ksb.publisher_id for ksb in found.ksbs[-4:]] == ["k12", "s1", "s2", "b1"]


def test_a_duty_has_its_words_criteria_and_codes_in_reading_order() -> None:
    first, second = content().duties
    assert (first.number, first.text, first.criteria, first.codes) == (1, "Plan", "On time", ())
    assert (second.number, second.text, second.criteria) == (2, "Work", "")
    assert second.codes == ("K2", "K11", "S2", "B1")
    assert second.publisher_id == "d"


@pytest.mark.parametrize(
    ("duties", "is_core"),
    [
        pytest.param([duty(isThisACoreDuty=1)], True, id="one"),
        pytest.param([duty(isThisACoreDuty=0)], False, id="zero"),
        pytest.param([duty(isThisACoreDuty=None)], None, id="null"),
        pytest.param([{key: value for key, value in duty().items() if key != "isThisACoreDuty"}], None, id="not said"),
    ],
)
def test_a_duty_is_core_where_the_source_says_so(duties: list[Any], is_core: bool | None) -> None:
    assert [each.is_core for each in content(duties=duties).duties] == [is_core]


@pytest.mark.parametrize("key", ["knowledges", "skills", "behaviours", "duties", "options"])
def test_a_null_list_is_an_empty_one(key: str) -> None:
    assert content(**{key: None}) == content(**{key: []})


@pytest.mark.parametrize("key", ["mappedKnowledge", "mappedSkills", "mappedBehaviour", "mappedOptions"])
def test_a_null_mapping_is_an_empty_one(key: str) -> None:
    assert content(duties=[duty(**{key: None})]) == content(duties=[duty()])
    assert content(optionsUnstructuredKsbMapping=[group("Core", **{key: None})]) == content()


def test_a_record_without_lists_is_without_content() -> None:
    assert content(**dict.fromkeys(BENCH)) == content(**dict.fromkeys(BENCH, ())) == Content()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({}, [], id="nothing odd"),
        pytest.param(
            {"knowledges": [item("K", "k", "One"), item("K", "k", "Two"), item("K", "k", "Three")], "duties": []},
            [("P-REPEATED-ID", "knowledges k"), ("P-REPEATED-ID", "knowledges k")],
            id="one id for three items",
        ),
        pytest.param(
            {"duties": [duty(), duty(mappedSkills=["s1", "1f9d2746"], mappedBehaviour=["b9"])]},
            [("P-MAPPED-ID-MISSING", "Duty 2 1f9d2746"), ("P-MAPPED-ID-MISSING", "Duty 2 b9")],
            id="mapped ids that no item has",
        ),
        pytest.param({"duties": [duty(mappedSkills=["s1", "s1"])]}, [], id="an id mapped twice"),
    ],
)
def test_what_is_odd_about_ids_is_found_and_read_on(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    reading = parse(as_bytes(varied(**(BENCH | changes))))
    assert [(finding.rule, finding.message) for finding in reading.findings] == found


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        pytest.param({"duties": [duty(mappedSkills=["s1", "gone"])]}, [("S1",)], id="a mapped id that no item has is left out"),
        pytest.param({"duties": [duty(mappedSkills=["s1", "s1"])]}, [("S1",)], id="an id mapped twice is one link"),
        pytest.param(
            {"skills": [item("S", "s", "One"), item("S", "s", "Two")], "duties": [duty(mappedSkills=["s"])]},
            [("S1",)],
            id="a repeated id leads to its first item",
        ),
    ],
)
def test_a_link_leads_to_an_item_that_is_there(changes: dict[str, Any], due: list[tuple[str, ...]]) -> None:
    assert codes(content(**changes)) == due


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"knowledges": [{"detail": "Know"}]}, id="an item without an id"),
        pytest.param({"knowledges": [{"knowledgeId": "k1"}]}, id="an item without words"),
        pytest.param({"skills": [{"knowledgeId": "k1", "detail": "Do"}]}, id="an item with the id of another kind"),
        pytest.param({"behaviours": [{"behaviourId": "b1", "detail": ["Be"]}]}, id="words in a list"),
        pytest.param({"behaviours": [None]}, id="no item"),
        pytest.param({"duties": [None]}, id="no duty"),
        pytest.param({"duties": [duty(dutyDetail=5)]}, id="a number for a duty's words"),
        pytest.param({"duties": [duty(criteriaForMeasuringPerformance=["On time"])]}, id="criteria in a list"),
        pytest.param({"duties": [duty(isThisACoreDuty="yes")]}, id="a word for a duty's flag"),
        pytest.param({"duties": [duty(mappedKnowledge="k1")]}, id="one id for a list of them"),
        pytest.param({"duties": [duty(mappedKnowledge=[["k1"]])]}, id="lists of ids within a list"),
        pytest.param({"duties": [duty(mappedOptions=5)]}, id="a number for a list of options"),
        pytest.param({"options": [{"title": "Maker"}]}, id="an option without an id"),
        pytest.param({"options": [{"optionId": "o1"}]}, id="an option without a title"),
        pytest.param({"options": [{"optionId": ["o1"], "title": "Maker"}]}, id="an option with a list for an id"),
        pytest.param({"optionsUnstructuredKsbMapping": [{"mappedKnowledge": ["k1"]}]}, id="a group without a title"),
        pytest.param({"optionsUnstructuredKsbMapping": [group("Maker", mappedKnowledge=5)]}, id="a number for a group's items"),
    ],
)
def test_content_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    assert refused(as_bytes(varied(**(BENCH | changes)))) == "P-BAD-VALUE"


# Options

OPTIONS = [{"optionId": f"o{number}", "title": title} for number, title in enumerate(["Maker", "Mender ", "Dyer"], 1)]


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        pytest.param({"options": OPTIONS}, ("Maker", "Mender", "Dyer"), id="structured"),
        pytest.param({"options": [*OPTIONS, OPTIONS[0]]}, ("Maker", "Mender", "Dyer"), id="an option twice"),
        pytest.param({"optionsUnstructuredTemplate": [" Maker", "Dyer &amp; fuller"]}, ("Maker", "Dyer & fuller"), id="older"),
        pytest.param({"options": OPTIONS[:1], "optionsUnstructuredTemplate": ["Old maker"]}, ("Maker",), id="structured before older"),
        pytest.param({}, (), id="none"),
    ],
)
def test_options_keep_their_order(changes: dict[str, Any], titles: tuple[str, ...]) -> None:
    assert content(**changes).options == titles


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        pytest.param(
            {"options": OPTIONS, "duties": [duty(mappedKnowledge=["k1"]), duty(mappedOptions=["o1"], mappedKnowledge=["k2"])]},
            {"K2": ("Maker",)},
            id="what an option's duty needs is the option's",
        ),
        pytest.param(
            {"options": OPTIONS, "duties": [duty(mappedKnowledge=["k1"]), duty(mappedOptions=["o1"], mappedKnowledge=["k1"])]},
            {},
            id="what a core duty needs too is everyone's",
        ),
        pytest.param(
            {
                "options": OPTIONS,
                "duties": [duty(mappedOptions=["o2"], mappedSkills=["s1"]), duty(mappedOptions=["o1"], mappedSkills=["s1"])],
            },
            {"S1": ("Maker", "Mender")},
            id="two options' duties, in the order of the options",
        ),
        pytest.param(
            {"options": OPTIONS, "duties": [duty(mappedOptions=["o3", "o1"], mappedBehaviour=["b1"])]},
            {"B1": ("Maker", "Dyer")},
            id="a duty of two options",
        ),
        pytest.param(
            {"options": OPTIONS, "duties": [duty(mappedOptions=["gone"], mappedBehaviour=["b1"])]},
            {},
            id="an option that is not listed",
        ),
        pytest.param(
            {"optionsUnstructuredKsbMapping": [group("Core", mappedKnowledge=["k1"]), group("Maker ", mappedKnowledge=["k2"])]},
            {"K2": ("Maker",)},
            id="older: groups",
        ),
        pytest.param(
            {"optionsUnstructuredKsbMapping": [group("Maker", mappedSkills=["s1", "s2"]), group("Core", mappedSkills=["s1"])]},
            {"S2": ("Maker",)},
            id="older: the core wins",
        ),
        pytest.param(
            {"optionsUnstructuredKsbMapping": [group("Mender", mappedSkills=["s1"]), group("Dyer", mappedSkills=["s1", "gone"])]},
            {"S1": ("Mender", "Dyer")},
            id="older: two groups",
        ),
        pytest.param(
            {
                "options": OPTIONS,
                "duties": [duty(mappedOptions=["o1"], mappedKnowledge=["k1"])],
                "optionsUnstructuredKsbMapping": [group("Dyer", mappedKnowledge=["k2"])],
            },
            {"K1": ("Maker",)},
            id="duties before groups",
        ),
        pytest.param(
            {"options": OPTIONS, "optionsUnstructuredKsbMapping": [group("Dyer", mappedKnowledge=["k2"])]},
            {"K2": ("Dyer",)},
            id="groups where no duty has an option",
        ),
    ],
)
def test_an_item_belongs_to_the_options_whose_duties_need_it(changes: dict[str, Any], due: dict[str, tuple[str, ...]]) -> None:
    assert membership(content(**changes)) == due


def test_a_duty_belongs_to_its_options_in_the_order_of_the_options() -> None:
    found = content(options=OPTIONS, duties=[duty(), duty(mappedOptions=["o2", "o1"]), duty(mappedOptions=["gone"])])
    assert [each.options for each in found.duties] == [(), ("Maker", "Mender"), ()]


def test_codes_are_sorted_as_people_read_them() -> None:
    assert sorted(["B1", "S2", "K10", "S10", "K2", "S1"], key=code_order) == ["K2", "K10", "S1", "S2", "S10", "B1"]


# Real records

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def recorded(test: Callable[..., None]) -> Callable[..., None]:
    for mark in (pytest.mark.recorded, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not here")):
        test = mark(test)
    return test


@cache
def recorded_entries() -> tuple[Entry, ...]:
    with lzma.open(DATA / "standards-2026-08-22.jsonl.xz") as lines:
        entries, found, _ = split(b"[" + b",".join(lines) + b"]")
    assert found == ()
    return entries


@recorded
def test_every_recorded_record_is_read_and_only_ids_are_odd() -> None:
    readings = [parse(entry.evidence) for entry in recorded_entries()]
    assert len(readings) == 1950
    assert {finding.rule for reading in readings for finding in reading.findings} == {"P-REPEATED-ID", "P-MAPPED-ID-MISSING"}
    for entry, reading in zip(recorded_entries(), readings, strict=True):
        assert (reading.record.reference, reading.record.version) == (entry.reference, entry.version)


@recorded
def test_the_recorded_software_development_technician_is_whole() -> None:
    (record,) = (parse(entry.evidence).record for entry in recorded_entries() if (entry.reference, entry.version) == ("ST0128", "1.1"))
    assert [record.content.count(kind) for kind in ("K", "S", "B")] == [25, 32, 5]
    assert len(record.content.duties) == 15
    assert sum(len(each.codes) for each in record.content.duties) == 178
    assert record.content.duties[9].codes == ("S31", "B2")
    assert record.content.duties[0].text.startswith("D1") is False
    assert (record.lars_code, record.typical_duration_months, record.max_funding_gbp, record.minimum_hours) == (154, 18, 15000, 326)
    assert (record.occupation_code, record.trailblazer_reference) == ("OCC0128", "TB0558")
    assert (record.changed_on, record.earliest_start_on) == (date(2022, 4, 5), date(2022, 5, 16))


@recorded
def test_the_recorded_foundation_records_are_read_or_refused_by_name() -> None:
    lines = (DATA / "foundation-2026-04-30.jsonl").read_bytes().splitlines()
    assert len(lines) == 11
    for line in lines:
        (entry,), _, _ = split(b"[" + line + b"]")
        assert entry.reference.startswith("FA")
        assert b"contactEmail" not in entry.evidence
        rule = refused(entry.evidence)
        assert rule is None or RULES[rule].outcome == "hold"


@recorded
def test_the_recorded_evidence_names_nobody() -> None:
    for entry in recorded_entries():
        raw = json.loads(entry.evidence)
        assert "tbMainContact" not in raw
        assert not {"contactName", "contactAddress", "contactEmail"} & (raw["eQAProvider"] or {}).keys()
