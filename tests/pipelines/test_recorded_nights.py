"""The 46 nights of summer 2026 against an independent reading of the raw records."""

import html
import json
import lzma
import re
from datetime import date, datetime
from typing import Any

import pytest

from scrapers import api
from tests.pipelines.test_recorded import SHARED, real_site
from tests.watching import Watch

pytestmark = [pytest.mark.recorded, pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")]

# Where a difference in a compared key must show: the subject of an attribute change, or an event.
SHOWN_AS: dict[str, set[str]] = {
    "templateType": {"template_type"},
    "larsCode": {"lars_code"},
    "title": {"title"},
    "status": {"version_live", "version_retired", "version_withdrawn", "status_changed"},
    "approvedForDeliveryPausedStarts": {"starts_paused", "starts_resumed", ""},
    "change": {"change_note"},
    "earliestStartDate": {"earliest_start_on"},
    "latestStartDate": {"latest_start_on"},
    "overviewOfRole": {"overview"},
    "level": {"level"},
    "ePALength": {"epa_period_months"},
    "typicalDuration": {"typical_duration_months"},
    "minimumHoursForCompliance": {"minimum_hours"},
    "maxFunding": {"max_funding_gbp"},
    "route": {"route"},
    "entryRequirements": {"entry_requirements"},
    "assessmentPlanUrl": {"assessment_plan_url", ""},
    "ssa1": {"ssa_tier_1"},
    "ssa2": {"ssa_tier_2"},
    "standardInformation": {"standard_information"},
    "occupationalSummary": {"occupation_summary"},
    "eQAProvider": {"eqa_provider"},
    "integration": {"integration"},
    "integratedDegree": {"integrated_degree"},
    "tbReference": {"trailblazer_reference"},
    "regulated": {"is_regulated"},
    "regulatedBody": {"regulated_body"},
    "coreAndOptions": {"is_core_and_options"},
    "typicalJobTitles": {"job_titles"},
    "banners": {"notice_changed", ""},
    "occupationCode": {"occupation_code"},
    "qualifications": {"qualifications"},
    "professionalRecognition": {"professional_recognition"},
    "regulationDetail": {"regulation"},
    **{
        key: {"content", ""}
        for key in (
            "knowledges",
            "skills",
            "behaviours",
            "duties",
            "options",
            "optionsUnstructuredTemplate",
            "optionsUnstructuredKsbMapping",
        )
    },
}


def words_of(value: Any) -> Any:
    """The independent normalisation: markup, entities and white space gone, ids, order of sets and empty values too."""
    if isinstance(value, dict):
        return {k: words_of(v) for k, v in value.items() if not k.lower().endswith("id") and not k.startswith("contact") and k != "webLink"}
    if isinstance(value, list):
        return [words_of(v) for v in value]
    if isinstance(value, str):
        text = re.sub(r"<[^>]*>", " ", html.unescape(html.unescape(value)))
        text = re.sub(r"^[KSB]\d+[:.]? ", "", " ".join(text.split()))
        return "" if text in ("None", "0") else re.sub(r"\s+(?=[.,;:)])", "", text)
    return "" if value in (None, 0) else value


def test_forty_six_nights_against_an_independent_check(watch: Watch) -> None:
    """Every raw difference is told as something, and nothing is told that no raw difference explains."""
    with lzma.open(SHARED / "data" / "nights-2026-06-01_2026-08-22.jsonl.xz", "rt", encoding="utf-8") as lines:
        ops = [json.loads(line) for line in lines]
    moved = {op["file"].split("_")[0] for op in ops if op["op"] != "base"}
    told_by_night: dict[tuple[date, str, str], set[str]] = {}
    with real_site("2026-05-31", moved) as (address, site):
        watch.look(address, at=datetime(2026, 5, 31, 5))  # noqa: DTZ001 - naive UTC, as everywhere
        nights = sorted({datetime.fromisoformat(op["committed"]).date() for op in ops if op["op"] != "base"})
        for day in nights:
            site.move(day)
            for row in watch.look(address, at=datetime(day.year, day.month, day.day, 5)):  # noqa: DTZ001
                shown = (
                    row["subject"]
                    if row["event"] in ("attribute_changed", "start_dates_moved")
                    else "content"
                    if row["family"] == "content"
                    else row["event"]
                )
                told_by_night.setdefault((day, row["reference"], row["version"]), set()).add(shown)
            assert watch.counts.held == ()

    state: dict[str, dict[str, Any]] = {}
    missed, noise = [], []
    for op in sorted(ops, key=lambda op: op["seq"]):
        before, after = state.get(op["file"]), op["record"]
        state[op["file"]] = after
        if op["op"] == "base" or "shortAssessment" not in after:
            continue
        day = datetime.fromisoformat(op["committed"]).date()
        shown = told_by_night.pop((day, after["referenceNumber"].strip(), api.version_number(after["version"])), set())
        if before is None or "shortAssessment" not in before:
            if not shown & {"version_announced", "version_added"}:
                missed.append((day, op["file"], "new"))
            continue
        differ = {key for key in SHOWN_AS if words_of(before.get(key)) != words_of(after.get(key))}
        missed += [(day, op["file"], key) for key in differ if not shown & SHOWN_AS[key] and "" not in SHOWN_AS[key]]
        explained = set().union(*(SHOWN_AS[key] for key in differ)) | {"standard_added"}
        noise += [(day, op["file"], one) for one in shown - explained]
    assert missed == []
    assert noise == []
    assert told_by_night == {}
