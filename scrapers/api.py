"""Read the public JSON: one array, every version of every standard.

Belongs here: the array's shape, its 79 keys and what each is for. Not here: the pages.
Source: /api/apprenticeshipstandards, undocumented; keys as served on 2026-08-22.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import orjson

from schemas.record import KINDS, STATUSES, Content, Duty, Kind, Ksb, Record
from schemas.rules import Finding
from schemas.text import duty_text, ksb_text, plain
from scrapers.notice import notice_text
from scrapers.prose import prose_text
from scrapers.reading import ParseError, Reading

PATH: Final = "/api/apprenticeshipstandards"
PARSER_VERSION: Final = "api-1"

Use = Literal["compared", "stored", "dropped"]

# Every key of the source. compared: a difference is a change; stored: kept in the evidence (and in
# a column where it has one), never a change by itself; dropped: personal data, not even kept.
KEYS: Final[Mapping[str, Use]] = {
    "templateType": "compared",
    "shortAssessment": "stored",
    "larsCode": "compared",
    "referenceNumber": "compared",
    "learningAimClassCode": "stored",
    "title": "compared",
    "status": "compared",
    "approvedForDeliveryPausedStarts": "compared",
    "url": "stored",
    "qualificationStandardUrl": "stored",
    "versionNumber": "stored",
    "change": "compared",
    "changedDate": "stored",
    "earliestStartDate": "compared",
    "latestStartDate": "compared",
    "latestEndDate": "stored",
    "overviewOfRole": "compared",
    "level": "compared",
    "ePALength": "compared",
    "typicalDuration": "compared",
    "minimumHoursForCompliance": "compared",
    "maxFunding": "compared",
    "maxFundingAdditionalInformation": "stored",
    "route": "compared",
    "keywords": "stored",
    "jobRoles": "stored",
    "entryRequirements": "compared",
    "assessmentPlanUrl": "compared",
    "ssa1": "compared",
    "ssa2": "compared",
    "version": "compared",
    "standardInformation": "compared",
    "occupationalSummary": "compared",
    "knowledges": "compared",
    "behaviours": "compared",
    "skills": "compared",
    "optionsUnstructuredTemplate": "compared",
    "proposalApproved": "stored",
    "standardApproved": "stored",
    "standardPublished": "stored",
    "epaApprovalDate": "stored",
    "epaPublished": "stored",
    "fundingApprovalDate": "stored",
    "eQAProvider": "compared",
    "approvedForDelivery": "stored",
    "integratedApprenticeship": "stored",
    "integration": "compared",
    "integratedDegree": "compared",
    "tbReference": "compared",
    "tbMainContact": "dropped",
    "involvedEmployers": "stored",
    "otherInvolvedStakeholders": "stored",
    "regulated": "compared",
    "regulatedBody": "compared",
    "coreAndOptions": "compared",
    "typicalJobTitles": "compared",
    "greenJobTitles": "stored",
    "englishAndMathsQualifications": "stored",
    "reviewDetails": "stored",
    "pathway": "stored",
    "cluster": "stored",
    "clusterId": "stored",
    "clusterDescription": "stored",
    "createdDate": "stored",
    "lastUpdated": "stored",
    "occupationalStandardApprovalDate": "stored",
    "banners": "compared",
    "occupationCode": "compared",
    "occupationalStandardUrl": "stored",
    "standardPageUrl": "stored",
    "qualifications": "compared",
    "professionalRecognition": "compared",
    "duties": "compared",
    "options": "compared",
    "regulationDetail": "compared",
    "optionsUnstructuredKsbMapping": "compared",
    "careerStarter": "stored",
    "coronationEmblem": "stored",
    "publishDate": "stored",
}
_PROVIDER_CONTACT: Final = ("contactName", "contactAddress", "contactEmail")

# Keys without which a record cannot be placed or understood; the rest came over the years.
_REQUIRED: Final = ("referenceNumber", "title", "status", "level", "knowledges", "skills", "behaviours", "duties")

REFERENCE_RE: Final = re.compile(r"^(?:ST|FA|AU)\d{4}$")
_VERSION_RE: Final = re.compile(r"^[Vv]?(\d+)(?:\.(\d+))?$")
_DATE_RE: Final = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:[T ]|$)")
# The API names the three lists after themselves, and their ids again differently.
_LISTS: Final[Mapping[Kind, tuple[str, str, str]]] = {
    "K": ("knowledges", "knowledgeId", "mappedKnowledge"),
    "S": ("skills", "skillId", "mappedSkills"),
    "B": ("behaviours", "behaviourId", "mappedBehaviour"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of the array as it is kept: `evidence` is sorted JSON without personal data."""

    reference: str
    version: str
    evidence: bytes
    created: str
    status: str | None
    page_url: str | None
    occupation_code: str | None


def split(body: bytes) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """Split the array into its records, one per version, in the array's order.

    Raises ParseError (P-NOT-JSON, P-NOT-A-STANDARD) when the body is no array of records. A record
    that cannot be placed is left out and found; a version served twice keeps the later created one.
    """
    try:
        array = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError("P-NOT-JSON", f"It begins {_beginning(body)}: {error}") from error
    if not isinstance(array, list) or not array:
        raise ParseError("P-NOT-A-STANDARD", f"An array of standards was due; it begins {_beginning(body)}")
    entries: dict[tuple[str, str], Entry] = {}
    findings = []
    for index, raw in enumerate(array):
        try:
            entry = _entry(raw)
        except ParseError as error:
            findings.append(Finding(rule=error.rule, message=f"record {index} of the array: {error.detail}"))
            continue
        key = (entry.reference, entry.version)
        if key in entries:
            findings.append(Finding(rule="P-REPEATED-RECORD", message=f"{entry.reference} {entry.version}"))
            if entry.created < entries[key].created:
                continue
        entries[key] = entry
    if not entries:
        raise ParseError("P-NOT-A-STANDARD", f"None of {len(array)} records has a reference; it begins {_beginning(body)}")
    return tuple(entries.values()), tuple(findings)


def _entry(raw: object) -> Entry:
    if not isinstance(raw, dict):
        raise ParseError("P-NOT-A-STANDARD", f"not an object but {str(raw)[:80]!r}")
    reference = str(raw.get("referenceNumber") or "").strip().upper()
    if not REFERENCE_RE.match(reference):
        raise ParseError("P-BAD-VALUE", f"referenceNumber {reference[:40]!r}")
    version = version_number(str(raw.get("version") or ""))
    for key, use in KEYS.items():
        if use == "dropped":
            raw.pop(key, None)
    provider = raw.get("eQAProvider")
    if isinstance(provider, dict):
        for key in _PROVIDER_CONTACT:
            provider.pop(key, None)
    return Entry(
        reference=reference,
        version=version,
        evidence=orjson.dumps(raw, option=orjson.OPT_SORT_KEYS),
        created=str(raw.get("createdDate") or ""),
        status=_text_or_none(raw.get("status")),
        page_url=_text_or_none(raw.get("standardPageUrl")),
        occupation_code=_text_or_none(raw.get("occupationCode")),
    )


def _text_or_none(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def version_number(text: str) -> str:
    """`1.1`; nothing at all is the publisher's 1.0, `V0.0` is 0.0, `1` is 1.0.

    Raises ParseError (P-BAD-VALUE) for anything else.
    """
    if not text.strip():
        return "1.0"
    match = _VERSION_RE.match(text.strip())
    if not match:
        raise ParseError("P-BAD-VALUE", f"version {text[:40]!r}")
    return f"{int(match[1])}.{int(match[2] or 0)}"


def parse(body: bytes) -> Reading:
    """Read one record of the array, as `split` keeps it.

    Raises ParseError (P-NOT-JSON, P-MISSING-FIELD, P-BAD-VALUE).
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError("P-NOT-JSON", f"It begins {_beginning(body)}: {error}") from error
    if not isinstance(raw, dict):
        raise ParseError("P-NOT-A-STANDARD", f"An object was due; it begins {_beginning(body)}")
    missing = [key for key in _REQUIRED if key not in raw]
    if missing:
        raise ParseError("P-MISSING-FIELD", ", ".join(missing))
    findings = [Finding(rule="P-UNKNOWN-FIELD", message=key) for key in raw if key not in KEYS]
    content = _content(raw, findings)
    status = plain(raw["status"])
    if status not in STATUSES:
        raise ParseError("P-BAD-VALUE", f"status {status[:60]!r}")
    record = Record(
        reference=plain(raw["referenceNumber"]).upper(),
        version=version_number(str(raw.get("version") or "")),
        title=plain(raw["title"]),
        status=status,
        is_paused_for_starts=_flag(raw, "approvedForDeliveryPausedStarts"),
        level=_whole(raw, "level"),
        route=_words(raw, "route"),
        typical_duration_months=_whole(raw, "typicalDuration"),
        epa_period_months=_whole(raw, "ePALength"),
        minimum_hours=_whole(raw, "minimumHoursForCompliance"),
        max_funding_gbp=_whole(raw, "maxFunding"),
        lars_code=_whole(raw, "larsCode"),
        occupation_code=_words(raw, "occupationCode"),
        ssa_tier_1=_words(raw, "ssa1"),
        ssa_tier_2=_words(raw, "ssa2"),
        eqa_provider=_named(raw, "eQAProvider", "providerName"),
        is_regulated=_flag(raw, "regulated"),
        regulated_body=_words(raw, "regulatedBody"),
        integration=_words(raw, "integration"),
        integrated_degree=_words(raw, "integratedDegree"),
        is_core_and_options=_flag(raw, "coreAndOptions"),
        template_type=_words(raw, "templateType"),
        trailblazer_reference=_words(raw, "tbReference"),
        change_note=_words(raw, "change"),
        changed_on=_date(raw, "changedDate"),
        approved_on=_date(raw, "approvedForDelivery"),
        published_on=_date(raw, "publishDate"),
        earliest_start_on=_date(raw, "earliestStartDate"),
        latest_start_on=_date(raw, "latestStartDate"),
        assessment_plan_url=_words(raw, "assessmentPlanUrl"),
        page_url=_words(raw, "standardPageUrl"),
        notice=notice_text([raw.get("banners") or ""]),
        overview=_words(raw, "overviewOfRole"),
        occupation_summary=_prose(raw, "occupationalSummary"),
        entry_requirements=_prose(raw, "entryRequirements"),
        standard_information=_prose(raw, "standardInformation"),
        job_titles=_set(raw.get("typicalJobTitles"), plain),
        qualifications=_set(raw.get("qualifications"), _qualification),
        professional_recognition=_set(raw.get("professionalRecognition"), _recognition),
        regulation=_set(raw.get("regulationDetail"), _regulation),
        content=content,
    )
    return Reading(record=record, findings=tuple(findings))


def _content(raw: Mapping[str, Any], findings: list[Finding]) -> Content:
    titles = {option["optionId"]: plain(option["title"]) for option in raw.get("options") or []}
    items = {kind: _items(raw, kind, findings) for kind in KINDS}
    codes: dict[str, str] = {}
    for kind in KINDS:
        for position, (publisher_id, _) in enumerate(items[kind], 1):
            codes.setdefault(publisher_id, f"{kind}{position}")
    duties = tuple(_duty(number, duty, codes, titles, findings) for number, duty in enumerate(raw["duties"] or [], 1))
    membership = _membership(raw, duties, codes)
    ksbs = tuple(
        Ksb(
            kind=kind,
            position=position,
            text=ksb_text(text, kind),
            options=membership.get(f"{kind}{position}", ()),
            publisher_id=publisher_id,
        )
        for kind in KINDS
        for position, (publisher_id, text) in enumerate(items[kind], 1)
    )
    options = tuple(titles.values()) or tuple(plain(title) for title in raw.get("optionsUnstructuredTemplate") or [])
    return Content(ksbs=ksbs, duties=duties, options=options)


def _items(raw: Mapping[str, Any], kind: Kind, findings: list[Finding]) -> list[tuple[str, str]]:
    name, id_key, _ = _LISTS[kind]
    try:
        items = [(str(item[id_key]), str(item["detail"] or "")) for item in raw[name] or []]
    except (KeyError, TypeError) as error:
        raise ParseError("P-BAD-VALUE", f"{name} holds an item without {id_key} or detail") from error
    seen = set()
    for publisher_id, _ in items:
        if publisher_id in seen:
            findings.append(Finding(rule="P-REPEATED-ID", message=f"{name} {publisher_id}"))
        seen.add(publisher_id)
    return items


def _duty(number: int, raw: Mapping[str, Any], codes: Mapping[str, str], titles: Mapping[str, str], findings: list[Finding]) -> Duty:
    found = set()
    for kind in KINDS:
        for publisher_id in raw.get(_LISTS[kind][2]) or []:
            if publisher_id in codes:
                found.add(codes[publisher_id])
            else:
                findings.append(Finding(rule="P-MAPPED-ID-MISSING", message=f"Duty {number} {publisher_id}"))
    chosen = [titles[option] for option in raw.get("mappedOptions") or [] if option in titles]
    return Duty(
        number=number,
        text=duty_text(raw.get("dutyDetail")),
        codes=tuple(sorted(found, key=code_order)),
        criteria=plain(raw.get("criteriaForMeasuringPerformance")),
        is_core=bool(raw.get("isThisACoreDuty")),
        options=tuple(title for title in titles.values() if title in chosen),
        publisher_id=str(raw.get("dutyID")),
    )


def code_order(code: str) -> tuple[int, int]:
    """Sort codes as people read them: K before S before B, 2 before 10."""
    return "KSB".index(code[0]), int(code[1:])


def _membership(raw: Mapping[str, Any], duties: Sequence[Duty], codes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The options each code belongs to; a code that any core duty needs belongs to all, and is left out.

    Structured standards say it through their duties, older ones in `optionsUnstructuredKsbMapping`.
    """
    groups: list[tuple[tuple[str, ...], list[str]]]
    if any(duty.options for duty in duties):
        groups = [(duty.options, list(duty.codes)) for duty in duties]
    else:
        groups = [
            (
                () if plain(group["coreOrOptionTitle"]) == "Core" else (plain(group["coreOrOptionTitle"]),),
                [codes[i] for kind in KINDS for i in group.get(_LISTS[kind][2]) or [] if i in codes],
            )
            for group in raw.get("optionsUnstructuredKsbMapping") or []
        ]
    core = {code for options, members in groups if not options for code in members}
    order = list(dict.fromkeys(title for options, _ in groups for title in options))
    belongs: dict[str, set[str]] = {}
    for options, members in groups:
        for code in members:
            if code not in core:
                belongs.setdefault(code, set()).update(options)
    return {code: tuple(title for title in order if title in titles) for code, titles in belongs.items()}


def _words(raw: Mapping[str, Any], key: str) -> str | None:
    """Text, or None for nothing and for the word "None", which the publisher uses for it."""
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise ParseError("P-BAD-VALUE", f"{key} is not text: {str(value)[:60]!r}")
    words = plain(value)
    return None if words in ("", "None") else words


def _prose(raw: Mapping[str, Any], key: str) -> str | None:
    return prose_text(raw.get(key) or "") or None


def _whole(raw: Mapping[str, Any], key: str) -> int | None:
    """A whole number, or None for the publisher's 0 and '' that mean "not set"."""
    value = raw.get(key)
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise ParseError("P-BAD-VALUE", f"{key} is not a whole number: {str(value)[:60]!r}") from error
    if not 0 <= number < 2**31:
        raise ParseError("P-BAD-VALUE", f"{key} is out of range: {number}")
    return number or None


def _flag(raw: Mapping[str, Any], key: str) -> bool | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, bool):
        raise ParseError("P-BAD-VALUE", f"{key} is neither true nor false: {str(value)[:60]!r}")
    return value


def _date(raw: Mapping[str, Any], key: str) -> date | None:
    """The plain date; '' and the year 0001 mean "not set"."""
    value = raw.get(key)
    if value is None or value == "" or str(value).startswith("0001"):
        return None
    match = _DATE_RE.match(str(value))
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError as error:
        raise ParseError("P-BAD-VALUE", f"{key} is not a date: {str(value)[:60]!r}") from error


def _named(raw: Mapping[str, Any], key: str, name: str) -> str | None:
    value = raw.get(key)
    return (plain(value.get(name)) or None) if isinstance(value, dict) else None


def _set(values: Sequence[Any] | None, read: Any) -> tuple[str, ...]:
    """A list that is compared as a set: read, sorted, without repeats."""
    return tuple(sorted({text for value in values or [] if (text := read(value))}))


def _qualification(raw: Mapping[str, Any]) -> str:
    facts = [
        plain(raw.get("title")),
        f"level {plain(str(raw['level']))}" if raw.get("level") else "",
        plain(raw.get("anyAdditionalInformation")),
    ]
    return "; ".join(fact for fact in facts if fact)


def _recognition(raw: Mapping[str, Any]) -> str:
    return "; ".join(text for key in ("bodyName", "level", "isPartial", "partialFreeText") if (text := plain(raw.get(key))))


def _regulation(raw: Mapping[str, Any]) -> str:
    return f"{plain(raw.get('name'))}: {'approved' if raw.get('approved') else 'not approved'}"


def _beginning(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))
