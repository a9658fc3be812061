"""What moves on the sample site, as a story of three nights out of one summer.

Belongs here: one small function per happening. Not here: what a record looks like (records), or
what anyone makes of the difference.

    first night     the baseline
    second night    an edit in silence, a funding band, a notice, a new version announced, and noise
    third night     the new version goes live, a duplicate goes, one is withdrawn, one waits, one pauses
"""

import copy
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from scrapers.sample.records import SITE, ApiRecord, moment, publish_date, zoned

Night = dict[str, ApiRecord]

# The publisher's dates are a day earlier: a record is edited by day and served by the next night.
DATES: Final = (date(2026, 6, 8), date(2026, 6, 9), date(2026, 9, 15))
_SECOND_DAY: Final = "2026-06-08"
_THIRD_DAY: Final = "2026-09-14"

_ANNOUNCED_LATER: Final = "ST9002 2.0"
_FLAPPING: Final = "ST9004 1.0"
_URLS: Final = ("url", "assessmentPlanUrl", "occupationalStandardUrl", "standardPageUrl")
_CLUSTER: Final = ("pathway", "cluster", "clusterId", "clusterDescription")


def three_nights(records: Mapping[str, ApiRecord]) -> tuple[Night, Night, Night]:
    """The nights in order, each whole and apart from the others."""
    first = _night({name: record for name, record in records.items() if name != _ANNOUNCED_LATER})
    second = _night(first | {_ANNOUNCED_LATER: records[_ANNOUNCED_LATER]}, *SECOND_NIGHT)
    # The other half of the flap: what the second night lost is there again, as if nothing had been.
    third = _night(second | {_FLAPPING: first[_FLAPPING]}, *THIRD_NIGHT)
    return first, second, third


def _night(records: Mapping[str, ApiRecord], *happenings: Callable[[Night], None]) -> Night:
    tonight = copy.deepcopy(dict(sorted(records.items())))
    for happening in happenings:
        happening(tonight)
    return tonight


def reword_one_knowledge_item_in_silence(tonight: Night) -> None:
    """No date, version or note moves; only createdDate gives it away."""
    record = tonight["ST9001 1.2"]
    record["knowledges"][7]["detail"] = (
        "Condition monitoring: vibration, oil analysis, temperature and acoustic trends, "
        "and the thresholds that call for planned or immediate intervention."
    )
    record["createdDate"] = zoned("2026-06-08T16:27:45")


def announce_version_two(tonight: Night) -> None:
    """2.0 itself is in tonight's records; the version in force is told when it ends."""
    old = tonight["ST9002 1.1"]
    old["latestStartDate"] = moment("2026-09-13")
    old["banners"] = (
        "A revised version of this apprenticeship has been agreed and is shown for information only. "
        "It will replace the version below for new starts from 14 September 2026 with a funding band of £6,000."
    )
    _edit(old, _SECOND_DAY)


def raise_the_funding_band(tonight: Night) -> None:
    """A declared change: the dates move with it."""
    tonight["ST9003 1.0"]["maxFunding"] = 9000
    _edit(tonight["ST9003 1.0"], _SECOND_DAY)


def lose_the_cluster(tonight: Night) -> None:
    """Noise: cluster and pathway flap; on the third night they are back."""
    tonight[_FLAPPING].update(dict.fromkeys(_CLUSTER))


def save_the_prose_again(tonight: Night) -> None:
    """Noise: an editor's re-save. Line ends, spaces and entities move, no word does."""
    record = tonight["ST9005 1.1"]
    summary = record["occupationalSummary"].replace("\n", "\r\n").replace("survey missions", "survey&amp;nbsp;missions")
    record["occupationalSummary"] = summary.replace("with the data.&lt;/p&gt;", "with the data.&amp;nbsp;&lt;br /&gt;&lt;/p&gt;\r\n")
    record["entryRequirements"] = record["entryRequirements"].replace("identity and", "identity&#160;and").replace(" are ", "  are ")
    record["overviewOfRole"] += "\r\n"
    record["knowledges"][3]["detail"] = record["knowledges"][3]["detail"].replace(" and ", "\u00a0and ")
    record["knowledges"][7]["detail"] = record["knowledges"][7]["detail"].replace("&", "&amp;")
    record["duties"][1]["dutyDetail"] += " \r\n"


def put_up_a_notice(tonight: Night) -> None:
    """The early warning: a notice, and no date moves."""
    tonight["ST9006 1.1"]["banners"] = (
        "A revised version of this apprenticeship is being prepared with the regulator. "
        "It is expected for new starts from September\u00a02027."
    )


def move_to_the_new_host(tonight: Night) -> None:
    """Noise: every address of the record moves, none of them names another thing."""
    record = tonight["ST9009 1.0"]
    record.update({key: record[key].replace("https://instituteforapprenticeships.org", SITE) for key in _URLS})


def bring_version_two_into_force(tonight: Night) -> None:
    """2.0 goes live under its own address and 1.1 retires, on one night."""
    new, old = tonight["ST9002 2.0"], tonight["ST9002 1.1"]
    new.update(status="Approved for delivery", versionNumber="2.0", approvedForDeliveryPausedStarts=False, banners="")
    new["approvedForDelivery"] = old["approvedForDelivery"]
    new.update({key: new[key].replace("-in-revision", "-v2-0") for key in _URLS})
    old.update(status="Retired", approvedForDeliveryPausedStarts=None, banners="")
    _edit(new, _THIRD_DAY)
    _edit(old, _THIRD_DAY)


def drop_the_skill_listed_twice(tonight: Night) -> None:
    """In silence: S7 said what S3 says. The skills behind it move up by one label, and no word of theirs changes."""
    record = tonight["ST9005 1.1"]
    duplicate = record["skills"].pop(6)["skillId"]
    for duty in record["duties"]:
        duty["mappedSkills"] = [skill for skill in duty["mappedSkills"] if skill != duplicate]
    record["createdDate"] = zoned("2026-09-14T11:29:24")


def withdraw_the_one_in_development(tonight: Night) -> None:
    """It never had a version number, nor now will."""
    tonight["ST9007 0.0"].update(status="Withdrawn", change="Withdrawn")
    _edit(tonight["ST9007 0.0"], _THIRD_DAY)


def put_a_start_off(tonight: Night) -> None:
    """Two weeks later for the new version, so two weeks longer for the old one."""
    tonight["ST9008 1.0"]["latestStartDate"] = moment("2026-11-22")
    tonight["ST9008 2.0"]["earliestStartDate"] = moment("2026-11-23")
    _edit(tonight["ST9008 1.0"], _THIRD_DAY)
    _edit(tonight["ST9008 2.0"], _THIRD_DAY)


def pause_starts(tonight: Night) -> None:
    """A flag and nothing more."""
    tonight["ST9009 1.0"]["approvedForDeliveryPausedStarts"] = True


def _edit(record: dict[str, Any], day: str) -> None:
    record["changedDate"] = moment(day)
    record["lastUpdated"] = zoned(day)
    record["publishDate"] = publish_date(record)


SECOND_NIGHT: Final = (
    reword_one_knowledge_item_in_silence,
    announce_version_two,
    raise_the_funding_band,
    lose_the_cluster,
    save_the_prose_again,
    put_up_a_notice,
    move_to_the_new_host,
)
THIRD_NIGHT: Final = (
    bring_version_two_into_force,
    drop_the_skill_listed_twice,
    withdraw_the_one_in_development,
    put_a_start_off,
    pause_starts,
)
