"""Read the public JSON: one array, every version of every standard.

Belongs here: the array's shape, its 79 keys and what each is for. Not here: the pages.
Source: /api/apprenticeshipstandards, undocumented; keys as served on 2026-08-22.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from schemas.record import KINDS, STATUSES, Content, Duty, Kind, Ksb, Record
from schemas.rules import Finding
from schemas.text import duty_text, ksb_text, plain, said
from scrapers.addresses import without_addresses, without_addresses_in
from scrapers.fields import JsonObject, as_set, bad, day, flag, objects, one_object, required, text, texts, whole, words
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
# Keys that the records of 2021 had; kept in the evidence, and read no more.
_GONE: Final = frozenset(("isLegacyVersion", "standardOccupationalCode"))
# Keys that came later than the first records of 2020, by when: an older record may lack them, a younger one may not.
_CAME: Final[Mapping[str, str]] = {
    **dict.fromkeys(("careerStarter", "greenJobTitles", "integratedApprenticeship", "optionsUnstructuredKsbMapping"), "2021"),
    **dict.fromkeys(("templateType", "qualificationStandardUrl", "clusterDescription", "occupationalStandardApprovalDate"), "2022"),
    **dict.fromkeys(("coronationEmblem", "publishDate", "occupationCode", "clusterId"), "2023"),
    **dict.fromkeys(("ePALength", "standardPublished", "epaPublished"), "2024-06-01"),
    "integration": "2024-06-08",
    **dict.fromkeys(
        ("learningAimClassCode", "approvedForDeliveryPausedStarts", "maxFundingAdditionalInformation", "otherInvolvedStakeholders"),
        "2025-04",
    ),
    "banners": "2025-05-17",
    "minimumHoursForCompliance": "2025-11-28",
    "shortAssessment": "2025-12-06",
}
# What is compared of those: the column, or `options` for who belongs to which option.
_FED: Final[Mapping[str, str]] = {
    "templateType": "template_type",
    "optionsUnstructuredKsbMapping": "options",
    "occupationCode": "occupation_code",
    "ePALength": "epa_period_months",
    "integration": "integration",
    "approvedForDeliveryPausedStarts": "is_paused_for_starts",
    "banners": "notice",
    "minimumHoursForCompliance": "minimum_hours",
}
_BEGINNING: Final = "2020"
_LATEST: Final = max(_CAME.values())
_LONGEST_KEY: Final = 60
# What is compared, and what is stored in a column.
_READ: Final = frozenset(key for key, use in KEYS.items() if use == "compared") | frozenset(
    ("approvedForDelivery", "changedDate", "publishDate", "standardPageUrl")
)
# What the objects inside a record hold: a key that is not there under its name may be there under another.
_INSIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "duties": ("dutyDetail", "mappedKnowledge", "mappedSkills", "mappedBehaviour"),
    "options": ("optionId", "title"),
    "optionsUnstructuredKsbMapping": ("coreOrOptionTitle", "mappedKnowledge", "mappedSkills", "mappedBehaviour"),
    "qualifications": ("title",),
    "professionalRecognition": ("bodyName",),
    "regulationDetail": ("name", "approved"),
}
# Foundation apprenticeships write it in lower case.
_PROVIDERS: Final = ("eQAProvider", "eqaProvider")
_PROVIDER_CONTACT: Final = ("contactName", "contactAddress", "contactEmail")

# Keys without which a record cannot be placed or understood; the rest came over the years.
_REQUIRED: Final = ("referenceNumber", "title", "status", "level", "knowledges", "skills", "behaviours", "duties")

REFERENCE_RE: Final = re.compile(r"^(?:ST|FA|AU)\d{4}$")
_VERSION_RE: Final = re.compile(r"^[Vv]?(\d+)(?:\.(\d+))?$")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A record of the array that names no version of a standard; `evidence` is kept as an entry's is."""

    rule: str
    reason: str
    reference: str | None
    evidence: bytes


def split(body: bytes) -> tuple[tuple[Entry, ...], tuple[Finding, ...], tuple[Unplaced, ...]]:
    """Split the array into its records, one per version, in the array's order; what is odd; what cannot be placed.

    Raises ParseError (P-NOT-JSON, P-NOT-A-STANDARD) when the body is no array of records. Of a version
    served twice the later created one counts.
    """
    try:
        array = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError("P-NOT-JSON", f"It begins {_beginning(body)}: {error}") from error
    if not isinstance(array, list) or not array:
        raise ParseError("P-NOT-A-STANDARD", f"An array of standards was due; it begins {_beginning(body)}")
    entries: dict[tuple[str, str], Entry] = {}
    findings, unplaced = [], []
    for raw in array:
        _drop_contacts(raw)
        try:
            entry = _entry(raw)
        except ParseError as error:
            unplaced.append(_unplaced(raw, error))
            continue
        key = (entry.reference, entry.version)
        if key in entries:
            findings.append(Finding(rule="P-REPEATED-RECORD", message=f"{entry.reference} {entry.version}"))
            if entry.created < entries[key].created:
                continue
        entries[key] = entry
    if not entries:
        raise ParseError("P-NOT-A-STANDARD", f"None of {len(array)} records has a reference; it begins {_beginning(body)}")
    return tuple(entries.values()), tuple(findings), tuple(unplaced)


def single(body: bytes, key: str) -> tuple[Entry, bool]:
    """One record that stands alone, as `split` would keep it, and whether it has a key.

    Raises ParseError (P-NOT-JSON, P-NOT-A-STANDARD, P-BAD-VALUE).
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError("P-NOT-JSON", f"It begins {_beginning(body)}: {error}") from error
    _drop_contacts(raw)
    return _entry(raw), isinstance(raw, dict) and key in raw


def evidence(body: bytes) -> bytes:
    """A record's bytes as they are kept today: those of an earlier day may have been kept otherwise."""
    raw = orjson.loads(body)
    _drop_contacts(raw)
    return _evidence(raw)


def _entry(raw: object) -> Entry:
    if not isinstance(raw, dict):
        raise ParseError("P-NOT-A-STANDARD", f"not an object but {str(without_addresses_in(raw))[:80]!r}")
    reference = _reference(raw)
    if not REFERENCE_RE.match(reference):
        raise ParseError("P-BAD-VALUE", f"referenceNumber {without_addresses(reference)[:40]!r}")
    if "version" not in raw:
        _refuse_lost(raw, _unknown(raw))
    version = _version(raw)
    return Entry(
        reference=reference,
        version=version,
        evidence=_evidence(raw),
        created=str(raw.get("createdDate") or ""),
        status=_text_or_none(raw.get("status")),
        page_url=_text_or_none(raw.get("standardPageUrl")),
        occupation_code=_text_or_none(raw.get("occupationCode")),
    )


def _unplaced(raw: object, error: ParseError) -> Unplaced:
    _drop_contacts_within(raw)
    reference = _reference(raw) if isinstance(raw, dict) else ""
    return Unplaced(
        rule=error.rule,
        reason=str(error),
        reference=reference if REFERENCE_RE.match(reference) else None,
        evidence=_evidence(raw),
    )


def _reference(raw: JsonObject) -> str:
    return str(raw.get("referenceNumber") or "").strip().upper()


def _drop_contacts(raw: object) -> None:
    if not isinstance(raw, dict):
        return
    for key, use in KEYS.items():
        if use == "dropped":
            raw.pop(key, None)
    for name in _PROVIDERS:
        if isinstance(raw.get(name), dict):
            for key in _PROVIDER_CONTACT:
                raw[name].pop(key, None)


def _drop_contacts_within(raw: object) -> None:
    """The same for what is no record itself but may hold some."""
    _drop_contacts(raw)
    for part in raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ():
        _drop_contacts_within(part)


def _evidence(raw: object) -> bytes:
    try:
        body = orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise ParseError("P-NOT-JSON", "Lists within lists without end.") from error
    # Few records hold an address at all; only those are gone through.
    return orjson.dumps(without_addresses_in(raw), option=orjson.OPT_SORT_KEYS) if b"@" in body else body


def _text_or_none(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _version(raw: JsonObject) -> str:
    """The version of a record; until 2021 it was a decimal."""
    told = raw.get("version")
    return version_number(str(told) if isinstance(told, int | float) and not isinstance(told, bool) else text(raw, "version"))


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
    unknown = _unknown(raw)
    _refuse_lost(raw, unknown)
    findings = [Finding(rule="P-UNKNOWN-FIELD", message=key) for key in unknown]
    content = _content(raw, findings)
    status = plain(required(raw, "status"))
    if status not in STATUSES:
        raise ParseError("P-BAD-VALUE", f"status {status[:60]!r}")
    record = Record(
        reference=plain(required(raw, "referenceNumber")).upper(),
        version=_version(raw),
        title=plain(required(raw, "title")),
        status=status,
        is_paused_for_starts=flag(raw, "approvedForDeliveryPausedStarts"),
        level=whole(raw, "level"),
        route=words(raw, "route"),
        typical_duration_months=whole(raw, "typicalDuration"),
        epa_period_months=whole(raw, "ePALength"),
        minimum_hours=whole(raw, "minimumHoursForCompliance"),
        max_funding_gbp=whole(raw, "maxFunding"),
        lars_code=whole(raw, "larsCode"),
        occupation_code=words(raw, "occupationCode"),
        ssa_tier_1=words(raw, "ssa1"),
        ssa_tier_2=words(raw, "ssa2"),
        eqa_provider=words(one_object(raw, "eQAProvider"), "providerName", "eQAProvider"),
        is_regulated=flag(raw, "regulated"),
        regulated_body=words(raw, "regulatedBody"),
        integration=words(raw, "integration"),
        integrated_degree=words(raw, "integratedDegree"),
        is_core_and_options=flag(raw, "coreAndOptions"),
        template_type=words(raw, "templateType"),
        trailblazer_reference=words(raw, "tbReference"),
        change_note=words(raw, "change"),
        changed_on=day(raw, "changedDate"),
        approved_on=day(raw, "approvedForDelivery"),
        published_on=day(raw, "publishDate"),
        earliest_start_on=day(raw, "earliestStartDate"),
        latest_start_on=day(raw, "latestStartDate"),
        assessment_plan_url=words(raw, "assessmentPlanUrl"),
        page_url=words(raw, "standardPageUrl"),
        notice=notice_text([text(raw, "banners")]),
        overview=words(raw, "overviewOfRole"),
        occupation_summary=said(prose_text(text(raw, "occupationalSummary"))),
        entry_requirements=said(prose_text(text(raw, "entryRequirements"))),
        standard_information=said(prose_text(text(raw, "standardInformation"))),
        job_titles=as_set(texts(raw, "typicalJobTitles"), plain),
        qualifications=as_set(objects(raw, "qualifications"), _qualification),
        professional_recognition=as_set(objects(raw, "professionalRecognition"), _recognition),
        regulation=as_set(objects(raw, "regulationDetail"), _regulation),
        content=content,
    )
    untold = frozenset(column for key, column in _FED.items() if key not in raw)
    return Reading(record=record, findings=tuple(findings), untold=untold)


def _unknown(raw: JsonObject) -> list[str]:
    return [key[:_LONGEST_KEY] for key in raw if key not in KEYS and key not in _GONE]


def _refuse_lost(raw: JsonObject, unknown: Sequence[str]) -> None:
    """A key that is gone reads like one that says nothing, and would tell a change that nobody made.

    Raises ParseError (P-MISSING-FIELD) for a key that a record as young as this one has and that is read, where the record is of
    the latest kind or an unknown key may be the new name; P-BAD-VALUE where the same befell an object inside.
    """
    age = max((_CAME.get(key, _BEGINNING) for key in raw), default=_BEGINNING)
    lost = sorted(key for key in _READ - raw.keys() if _CAME.get(key, _BEGINNING) <= age and key not in _REQUIRED)
    if lost and (unknown or age == _LATEST):
        raise ParseError("P-MISSING-FIELD", ", ".join([*lost[:5], *(f"not known: {key}" for key in unknown[:5])]))
    for name, keys in _INSIDE.items():
        for item in objects(raw, name):
            gone = [key for key in keys if key not in item]
            if gone:
                raise ParseError("P-BAD-VALUE", f"{name} holds an item without {', '.join(gone)}")
    provider = one_object(raw, "eQAProvider")
    if provider and "providerName" not in provider:
        raise ParseError("P-BAD-VALUE", "eQAProvider has no providerName")


def _content(raw: JsonObject, findings: list[Finding]) -> Content:
    titles = {required(option, "optionId", "options"): plain(required(option, "title", "options")) for option in objects(raw, "options")}
    items = {kind: _items(raw, kind, findings) for kind in KINDS}
    codes: dict[str, str] = {}
    for kind in KINDS:
        for position, (publisher_id, _) in enumerate(items[kind], 1):
            codes.setdefault(publisher_id, f"{kind}{position}")
    duties = tuple(_duty(number, duty, codes, titles, findings) for number, duty in enumerate(objects(raw, "duties"), 1))
    membership = _membership(raw, duties, codes, list(titles.values()))
    ksbs = tuple(
        Ksb(
            kind=kind,
            position=position,
            text=ksb_text(detail, kind),
            options=membership.get(f"{kind}{position}", ()),
            publisher_id=publisher_id,
        )
        for kind in KINDS
        for position, (publisher_id, detail) in enumerate(items[kind], 1)
    )
    options = tuple(titles.values()) or tuple(plain(title) for title in texts(raw, "optionsUnstructuredTemplate"))
    return Content(ksbs=ksbs, duties=duties, options=options)


def _items(raw: JsonObject, kind: Kind, findings: list[Finding]) -> list[tuple[str, str]]:
    """The publisher's id and the words of each item of one list."""
    name, id_key, _ = _LISTS[kind]
    items = []
    for item in objects(raw, name):
        if id_key not in item or "detail" not in item:
            raise ParseError("P-BAD-VALUE", f"{name} holds an item without {id_key} or detail")
        items.append((str(item[id_key]), text(item, "detail", name)))
    for publisher_id, times in Counter(publisher_id for publisher_id, _ in items).items():
        findings += [Finding(rule="P-REPEATED-ID", message=f"{name} {publisher_id}")] * (times - 1)
    return items


def _duty(number: int, raw: JsonObject, codes: Mapping[str, str], titles: Mapping[str, str], findings: list[Finding]) -> Duty:
    if "dutyDetail" not in raw:
        raise ParseError("P-BAD-VALUE", f"duties: Duty {number} has no dutyDetail")
    ids = [publisher_id for kind in KINDS for publisher_id in texts(raw, _LISTS[kind][2], "duties")]
    findings += [Finding(rule="P-MAPPED-ID-MISSING", message=f"Duty {number} {i}") for i in ids if i not in codes]
    chosen = {titles[option] for option in texts(raw, "mappedOptions", "duties") if option in titles}
    is_core = raw.get("isThisACoreDuty")
    if is_core not in (None, 0, 1):
        raise bad("duties: isThisACoreDuty", "0 or 1", is_core)
    return Duty(
        number=number,
        text=duty_text(text(raw, "dutyDetail", "duties")),
        codes=tuple(sorted({codes[i] for i in ids if i in codes}, key=code_order)),
        criteria=words(raw, "criteriaForMeasuringPerformance", "duties") or "",
        is_core=None if is_core is None else bool(is_core),
        options=tuple(title for title in titles.values() if title in chosen),
        publisher_id=str(raw.get("dutyID")),
    )


def code_order(code: str) -> tuple[int, int]:
    """Sort codes as people read them: K before S before B, 2 before 10."""
    return "KSB".index(code[0]), int(code[1:])


def _membership(raw: JsonObject, duties: Sequence[Duty], codes: Mapping[str, str], titles: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The options each code belongs to, in the order of the options; a code that any core duty needs belongs to all, and is left out.

    Structured standards say it through their duties, older ones in `optionsUnstructuredKsbMapping`.
    """
    groups: list[tuple[tuple[str, ...], list[str]]]
    if any(duty.options for duty in duties):
        groups = [(duty.options, list(duty.codes)) for duty in duties]
    else:
        groups = [_unstructured(group, codes) for group in objects(raw, "optionsUnstructuredKsbMapping")]
    core = {code for options, members in groups if not options for code in members}
    order = list(dict.fromkeys([*titles, *(title for options, _ in groups for title in options)]))
    belongs: dict[str, set[str]] = {}
    for options, members in groups:
        for code in members:
            if code not in core:
                belongs.setdefault(code, set()).update(options)
    return {code: tuple(title for title in order if title in chosen) for code, chosen in belongs.items()}


def _unstructured(group: JsonObject, codes: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    title = plain(required(group, "coreOrOptionTitle", "optionsUnstructuredKsbMapping"))
    members = [codes[i] for kind in KINDS for i in texts(group, _LISTS[kind][2], "optionsUnstructuredKsbMapping") if i in codes]
    return () if title == "Core" else (title,), members


def _qualification(raw: JsonObject) -> str:
    level = plain(str(raw.get("level") or ""))
    facts = [
        plain(text(raw, "title", "qualifications")),
        f"level {level}" if level else "",
        plain(text(raw, "anyAdditionalInformation", "qualifications")),
    ]
    return "; ".join(fact for fact in facts if fact)


def _recognition(raw: JsonObject) -> str:
    return "; ".join(
        found
        for key in ("bodyName", "level", "isPartial", "partialFreeText")
        if (found := plain(text(raw, key, "professionalRecognition")))
    )


def _regulation(raw: JsonObject) -> str:
    return f"{plain(text(raw, 'name', 'regulationDetail'))}: {'approved' if raw.get('approved') else 'not approved'}"


def _beginning(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))
