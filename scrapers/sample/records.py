"""The invented standards, from the form they are written in to the records the API serves.

Belongs here: the 79 keys and the shapes of their values. Not here: what moves on which night.

A file in `standards/` is one standard: what all its versions share, then each version. `like`
takes over another version's facts. Keys are the API's own; only these are written shorter:

    prose           lines of plain HTML                  served escaped
    dates           "2026-06-08"                         served with a time, some with a zone
    K, S, B, tasks  a text each; `needs` names codes     served with ids and mapped ids
    site            the host of its addresses            not served
"""

import html
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import orjson

ApiRecord = dict[str, Any]

SITE: Final = "https://skillsengland.education.gov.uk"
NOT_CHANGED_YET: Final = "0001-01-01T00:00:00"
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://example.org/standards-watch/sample")

# Every key in the API's order with the value it has when a standard says nothing: '' or null as the
# publisher has it, which is not the same for keys of one kind.
BLANK: Final[Mapping[str, Any]] = {
    "templateType": "",
    "shortAssessment": False,
    "larsCode": 0,
    "referenceNumber": "",
    "learningAimClassCode": "",
    "title": "",
    "status": "",
    "approvedForDeliveryPausedStarts": None,
    "url": "",
    "qualificationStandardUrl": None,
    "versionNumber": "",
    "change": "",
    "changedDate": NOT_CHANGED_YET,
    "earliestStartDate": None,
    "latestStartDate": None,
    "latestEndDate": None,
    "overviewOfRole": "",
    "level": 0,
    "ePALength": 0,
    "typicalDuration": 0,
    "minimumHoursForCompliance": "",
    "maxFunding": 0,
    "maxFundingAdditionalInformation": "",
    "route": "",
    "keywords": [],
    "jobRoles": [],
    "entryRequirements": "",
    "assessmentPlanUrl": "",
    "ssa1": "",
    "ssa2": "",
    "version": "",
    "standardInformation": "",
    "occupationalSummary": "",
    "knowledges": [],
    "behaviours": [],
    "skills": [],
    "optionsUnstructuredTemplate": [],
    "proposalApproved": "",
    "standardApproved": "",
    "standardPublished": "true",
    "epaApprovalDate": "",
    "epaPublished": "true",
    "fundingApprovalDate": "",
    "eQAProvider": None,
    "approvedForDelivery": "",
    "integratedApprenticeship": None,
    "integration": None,
    "integratedDegree": "",
    "tbReference": "",
    "tbMainContact": "",
    "involvedEmployers": "",
    "otherInvolvedStakeholders": "",
    "regulated": False,
    "regulatedBody": "",
    "coreAndOptions": False,
    "typicalJobTitles": [],
    "greenJobTitles": [],
    "englishAndMathsQualifications": "",
    "reviewDetails": "this apprenticeship will be reviewed when its sector asks for it.",
    "pathway": None,
    "cluster": None,
    "clusterId": None,
    "clusterDescription": None,
    "createdDate": "",
    "lastUpdated": "",
    "occupationalStandardApprovalDate": None,
    "banners": "",
    "occupationCode": "",
    "occupationalStandardUrl": "",
    "standardPageUrl": "",
    "qualifications": [],
    "professionalRecognition": [],
    "duties": [],
    "options": [],
    "regulationDetail": [],
    "optionsUnstructuredKsbMapping": [],
    "careerStarter": False,
    "coronationEmblem": False,
    "publishDate": "",
}

_PROSE: Final = ("standardInformation", "occupationalSummary", "entryRequirements", "englishAndMathsQualifications")
_PLAIN_DATES: Final = ("changedDate", "earliestStartDate", "latestStartDate", "publishDate")
_ZONED_DATES: Final = ("approvedForDelivery", "createdDate", "epaApprovalDate", "occupationalStandardApprovalDate")
_LISTS: Final = (
    ("K", "knowledges", "knowledgeId", "mappedKnowledge"),
    ("S", "skills", "skillId", "mappedSkills"),
    ("B", "behaviours", "behaviourId", "mappedBehaviour"),
)


def sample_records() -> dict[str, ApiRecord]:
    """Every version of every invented standard, by name: `ST9001 1.2`."""
    folder = files("scrapers.sample").joinpath("standards")
    texts = sorted((file.name, file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json"))
    return {name: record for _, text in texts for name, record in _versions(orjson.loads(text))}


def moment(day: str) -> str:
    """A date as the API writes most of them."""
    return day if "T" in day else f"{day}T00:00:00"


def zoned(day: str) -> str:
    """A date as the API writes the others: with an offset, after a space."""
    return f"{moment(day)} +00:00"


def publish_date(record: Mapping[str, Any]) -> str:
    """The latest of the version's dates; in the future when a start date is."""
    return max(record[key] or "" for key in ("changedDate", "earliestStartDate", "latestStartDate"))


def _versions(standard: Mapping[str, Any]) -> Iterator[tuple[str, ApiRecord]]:
    shared = {key: value for key, value in standard.items() if key != "versions"}
    for version in standard["versions"]:
        written = shared | _facts(standard["versions"], version) | {"version": version}
        yield f"{standard['referenceNumber']} {version}", _expand(written)


def _facts(versions: Mapping[str, Mapping[str, Any]], version: str) -> dict[str, Any]:
    own = dict(versions[version])
    like = own.pop("like", None)
    return (_facts(versions, like) if like else {}) | own


def _expand(written: Mapping[str, Any]) -> ApiRecord:
    facts = dict(written)
    site = facts.pop("site", SITE)
    if unknown := facts.keys() - BLANK.keys():
        raise ValueError(f"{facts['referenceNumber']} {facts['version']} is written with keys the API does not have: {sorted(unknown)}")
    is_delivered = facts["status"] in ("Approved for delivery", "Retired")
    reference, plan = facts["referenceNumber"], facts.get("assessmentPlanUrl", "")
    page = f"{site}/apprenticeships/{_slug(reference, facts['version'], is_numbered=is_delivered)}"
    ids = {name: _ids(reference, name, facts.get(name, [])) for _, name, _, _ in _LISTS}
    options = {title: _id(reference, "option", title.strip()) for title in facts.get("options", [])}
    derived: ApiRecord = {
        "approvedForDeliveryPausedStarts": False if facts["status"] == "Approved for delivery" else None,
        "url": f"{site}/api/apprenticeshipstandards/{reference}",
        "versionNumber": facts["version"] if is_delivered else "",
        "jobRoles": facts.get("typicalJobTitles", []),
        "assessmentPlanUrl": page + plan if plan.startswith("?") else f"{site}/{plan}" if plan else "",
        "eQAProvider": _provider(facts.get("eQAProvider")),
        "tbMainContact": f"trailblazer.{reference.lower()}@example.org",
        "lastUpdated": zoned(facts["changedDate"]) if "changedDate" in facts else "",
        "occupationalStandardUrl": f"{page}?view=standard#OccupationalStandard",
        "standardPageUrl": page,
        "qualifications": [_qualification(reference, written) for written in facts.get("qualifications", [])],
        "professionalRecognition": [{"partialFreeText": ""} | written for written in facts.get("professionalRecognition", [])],
        "duties": [_duty(reference, written, ids, options) for written in facts.get("duties", [])],
        "options": [{"optionId": options[title], "title": title, "occupationCode": ""} for title in options],
        "regulationDetail": [{"name": name, "webLink": "", "approved": is_so} for name, is_so in facts.get("regulationDetail", {}).items()],
    }
    for _, name, id_key, _ in _LISTS:
        derived[name] = [{id_key: i, "detail": detail} for i, detail in zip(ids[name], facts.get(name, []), strict=True)]
    for key in _PROSE:
        derived[key] = _escaped(facts.get(key, []))
    for key in _PLAIN_DATES:
        derived[key] = moment(facts[key]) if facts.get(key) else BLANK[key]
    for key in _ZONED_DATES:
        derived[key] = zoned(facts[key]) if facts.get(key) else BLANK[key]
    record = {key: derived.get(key, facts.get(key, blank)) for key, blank in BLANK.items()}
    record["publishDate"] = record["publishDate"] or publish_date(record)
    # Through bytes, as the real ones come: no value is shared between two records.
    copy: ApiRecord = orjson.loads(orjson.dumps(record))
    return copy


def _slug(reference: str, version: str, *, is_numbered: bool) -> str:
    if is_numbered:
        return f"{reference}-v{version.replace('.', '-')}".lower()
    return reference.lower() if version == "0.0" else f"{reference}-in-revision".lower()


def _id(*names: str) -> str:
    return str(uuid.uuid5(_IDS, "/".join(names)))


def _ids(reference: str, name: str, texts: Sequence[str]) -> list[str]:
    """An id per text; one text written twice has two, and keeps both over the versions."""
    seen: Counter[str] = Counter()
    ids = []
    for text in (" ".join(text.split()) for text in texts):
        seen[text] += 1
        ids.append(_id(reference, name, text, str(seen[text])))
    return ids


def _duty(reference: str, written: Mapping[str, Any], ids: Mapping[str, Sequence[str]], options: Mapping[str, str]) -> ApiRecord:
    chosen = [options[title] for title in written.get("options", [])]
    codes = written["needs"].split()
    mapped = {key: [ids[name][int(code[1:]) - 1] for code in codes if code[0] == kind] for kind, name, _, key in _LISTS}
    return {
        "dutyID": _id(reference, "duty", written["dutyDetail"].strip()),
        "dutyDetail": written["dutyDetail"],
        "isThisACoreDuty": int(not chosen),
        "mappedBehaviour": mapped["mappedBehaviour"],
        "mappedKnowledge": mapped["mappedKnowledge"],
        "mappedOptions": chosen,
        "mappedSkills": mapped["mappedSkills"],
        "criteriaForMeasuringPerformance": written.get("criteriaForMeasuringPerformance", ""),
    }


def _qualification(reference: str, written: Mapping[str, Any]) -> ApiRecord:
    return {
        "qualificationId": _id(reference, "qualification", written["title"].strip()),
        "title": written["title"],
        "level": written["level"],
        "anyAdditionalInformation": written.get("anyAdditionalInformation", ""),
        "qualificationEpaIntegration": "",
        "mappedOptions": [],
    }


def _provider(name: str | None) -> ApiRecord | None:
    if name is None:
        return None
    return {
        "providerName": name,
        "contactName": "Sam Sample",
        "contactAddress": "Sample House <br>1 Example Street, Sampleton",
        "contactEmail": "sam.sample@example.org",
        "webLink": "https://example.org/assurance",
    }


def _escaped(lines: Sequence[str]) -> str:
    return html.escape("\n".join(lines)).replace("\u00a0", "&#160;")
