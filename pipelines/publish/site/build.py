"""Build the site: which pages there are, of which inputs each is made, and in which order they are built.

Belongs here: the walk over the published file. Not here: what a page says (its own module), SQL (warehouse.site) or files (manifest).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version as installed
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from pipelines import changes as changes_package
from pipelines import diff as words
from pipelines.publish.site import addresses, comparing, drawing, facts, mapping, stories, upcoming
from pipelines.publish.site.manifest import Counts, Pages, Shelf, Unit, open_shelf
from pipelines.publish.site.rendering import FOLDER, moment, render
from pipelines.publish.site.sheets import as_csv
from pipelines.run import Progress
from schemas.record import APPROVED, IN_DEVELOPMENT, STATUSES, Content, Record, digest
from schemas.rules import RULES
from schemas.tables import CHANGES
from warehouse import quarantine, read, site
from warehouse.conflicts import unresolved
from warehouse.publish import PUBLISHED
from warehouse.views import VIEWS

Row = dict[str, Any]
SITE: Final = Path("site")
# Standards whose pages are made together: their contents are read at once.
_CHUNK: Final = 60
# How much of the past the first page and the page of a route tell.
_DAYS_AT_HOME: Final = 14
_COMING_AT_HOME: Final = 6
_RUNS_SHOWN: Final = 14
_MONTHS_DRAWN: Final = 12
_SHOWN: Final = 50
_STANDARD_COLUMNS: Final = (
    "reference", "version", "title", "status", "is_paused_for_starts", "level", "route", "max_funding_gbp", "typical_duration_months",
    "minimum_hours", "epa_period_months", "knowledge_count", "skill_count", "behaviour_count", "duty_count", "earliest_start_on",
    "latest_start_on", "lars_code", "occupation_code", "assessment_plan_url", "page_url",
)  # fmt: skip


def build_site(data: Path, folder: Path, progress: Progress) -> Counts:
    """Bring the pages in a folder to what the published file of a data folder says; only what moved is made anew.

    Raises WarehouseError where there is no published file, or the folder holds something else.
    """
    with read.open_published(data) as reader, open_shelf(folder) as shelf:
        world = _read_world(reader, folder)
        for number, (unit, pages) in enumerate(_standards(reader, shelf, world), 1):
            shelf.put(unit, pages)
            progress("site", number, len(world.standards))
        for unit, pages in _days(reader, shelf, world):
            shelf.put(unit, pages)
        for unit, pages in _summaries(reader, shelf, world):
            shelf.put(unit, pages)
        shelf.link(Unit(name="database", digest=""), data / PUBLISHED, addresses.DATABASE)
    return shelf.counts


@dataclass(frozen=True)
class World:
    """What every page may need to know of the others."""

    code: str
    checked_at: datetime | None
    since_at: datetime | None
    standards: Mapping[str, list[Row]]
    marks: Sequence[site.Mark]
    feeds: frozenset[str]
    conflicts: Mapping[str, list[Row]]

    @cached_property
    def today(self) -> date:
        """The day the pages stand for: that of the newest look, so that they are a function of the data."""
        return (self.checked_at or datetime.now(UTC)).date()

    @cached_property
    def current(self) -> dict[str, Row]:
        """Of each standard the version in force, else the newest."""
        return {reference: current(versions) for reference, versions in self.standards.items()}

    @cached_property
    def marks_of(self) -> Mapping[str, list[site.Mark]]:
        """The days on which each standard changed, newest first."""
        found: defaultdict[str, list[site.Mark]] = defaultdict(list)
        for mark in self.marks:
            found[mark.reference].append(mark)
        return found

    @cached_property
    def routes(self) -> dict[str, list[Row]]:
        """The standards of each route, by its name; what has none comes last."""
        found: defaultdict[str, list[Row]] = defaultdict(list)
        names: dict[str, str] = {}  # two spellings with one address are one route
        for row in self.current.values():
            found[names.setdefault(addresses.slug(row["route"]), row["route"] or "")].append(row)
        return dict(sorted(found.items(), key=lambda item: (not item[0], item[0])))

    def feed(self, address: str) -> str | None:
        """The address of a feed, where it is there."""
        return address if address in self.feeds else None

    def common(self) -> dict[str, Any]:
        """What the frame of every page shows."""
        return {
            "style": f"assets/site-{self.code[:8]}.css",
            "script": f"assets/site-{self.code[:8]}.js",
            "all_feed": self.feed(addresses.FEED),
        }


def current(versions: Sequence[Row]) -> Row:
    """The version that stands for a standard: the one in force, else the newest; one that is gone only where nothing else is left."""
    return max(enumerate(versions), key=lambda one: (not one[1]["is_missing"], one[1]["status"] == APPROVED, one[0]))[1]


def _read_world(reader: read.Queryable, folder: Path) -> World:
    standards: dict[str, list[Row]] = {}
    for row in site.versions(reader):
        standards.setdefault(row["reference"], []).append(row)
    conflicts: defaultdict[str, list[Row]] = defaultdict(list)
    for row in unresolved(reader):
        if not row["is_explained"]:
            conflicts[row["reference"]].append(row)
    feeds = (folder / "feeds").rglob("*.xml")
    return World(
        code=_code(),
        checked_at=site.last_look(reader),
        since_at=site.watching_since(reader),
        standards=standards,
        marks=site.marks(reader),
        feeds=frozenset(path.relative_to(folder).as_posix() for path in feeds),
        conflicts=conflicts,
    )


def _code() -> str:
    """A digest of everything that turns rows into pages: where it moves, every page is made anew."""
    sources = [*FOLDER.rglob("*"), *Path(changes_package.__file__).parent.glob("*.py"), Path(words.__file__)]
    kinds = (".py", ".html", ".css", ".js", ".svg")
    return sha256(b"".join(path.read_bytes() for path in sorted(sources) if path.suffix in kinds)).hexdigest()


def _standards(reader: read.Queryable, shelf: Shelf, world: World) -> Iterator[tuple[Unit, Pages | None]]:
    moved = []
    for reference, versions in world.standards.items():
        unit = _standard_unit(reference, versions, world)
        if shelf.stands(unit):
            yield unit, None
        else:
            moved.append((unit, reference))
    for start in range(0, len(moved), _CHUNK):
        chunk = moved[start : start + _CHUNK]
        rows = [row for _, reference in chunk for row in world.standards[reference]]
        prose = site.prose(reader, {row["snapshot_id"] for row in rows})
        contents = site.contents(reader, {row["content_id"] for row in rows})
        changed: defaultdict[str, list[Row]] = defaultdict(list)
        for change in read.changes(reader, references=[reference for _, reference in chunk]):
            changed[change["reference"]].append(change)
        for unit, reference in chunk:
            yield unit, _standard_pages(_Standard(world, world.standards[reference], prose, contents, changed[reference]))
        shelf.save()


def _standard_unit(reference: str, versions: Sequence[Row], world: World) -> Unit:
    inputs = [
        [
            str(row[name])
            for name in ("snapshot_id", "record_id", "parser_version", "notice", "is_missing", "stale_since_at", "stale_reason")
        ]
        for row in versions
    ]
    marks = [[mark.seen_on.isoformat(), mark.mark] for mark in world.marks_of.get(reference, ())]
    feed = world.feed(addresses.standard_feed(reference))
    conflicts = [row["conflict_id"] for row in world.conflicts.get(reference, ())]
    return Unit(
        name=reference,
        digest=digest([world.code, world.today.year, feed, world.feed(addresses.FEED), conflicts, inputs, marks]),
        checked=moment(max(row["last_checked_at"] for row in versions)),
    )


class _Standard:
    """A standard with all that its pages show, read once."""

    def __init__(
        self, world: World, versions: list[Row], prose: Mapping[str, Row], contents: Mapping[str, Content], changes: list[Row]
    ) -> None:
        self.world, self.versions, self.changes = world, versions, changes
        self.row = current(versions)
        self.reference: str = self.row["reference"]
        self.records: dict[str, Record] = {
            row["version"]: site.record(row, prose[row["snapshot_id"]], contents[row["content_id"]]) for row in versions
        }
        self.checked = moment(max(row["last_checked_at"] for row in versions))
        self.pairs = comparing.pairs([row for row in versions if not row["is_missing"]])
        self._diffs: dict[tuple[str, str], words.Diff] = {}

    def diff(self, old: str, new: str) -> words.Diff:
        """Two versions compared, once."""
        if (old, new) not in self._diffs:
            sides = [(words.Side(version=version), self.records[version]) for version in (old, new)]
            self._diffs[old, new] = words.diff(*sides)
        return self._diffs[old, new]

    def arrival(self, version: str) -> words.Diff | None:
        """What a version changes against the one it takes over from."""
        rows = [row for row in self.versions if not row["is_missing"]]
        index = next((number for number, row in enumerate(rows) if row["version"] == version), 0)
        before = comparing.previous(rows[:index])
        return self.diff(before["version"], version) if before else None

    def common(self) -> dict[str, Any]:
        """What all pages of the standard show."""
        return self.world.common() | {
            "row": self.row,
            "versions": self.versions,
            "feed": self.world.feed(addresses.standard_feed(self.reference)),
            "checked": self.checked,
            "conflicts": [facts.conflict(row) for row in self.world.conflicts.get(self.reference, ())],
        }


def _standard_pages(standard: _Standard) -> Pages:
    common = standard.common()
    days = stories.days(standard.changes)
    path = addresses.standard(standard.reference)
    yield path, render("standard.html", path, common | _version_values(standard, standard.row) | {"days": days})
    for row in standard.versions:
        path = addresses.version(standard.reference, row["version"])
        yield path, render("version.html", path, common | _version_values(standard, row))
    for old, new in standard.pairs:
        found = standard.diff(old["version"], new["version"])
        path = addresses.comparison(standard.reference, old["version"], new["version"])
        sheet = path.removesuffix(".html") + ".csv"
        values = {"found": found, "tables": comparing.tables(found), "old": old, "new": new, "pairs": standard.pairs, "sheet": sheet}
        yield path, render("comparison.html", path, common | values | _relations())
        yield sheet, comparing.crosswalk_csv(found)
    seen_on = {change["change_id"]: change["detected_at"].date() for change in standard.changes}
    for day, group in groupby(standard.changes, key=lambda row: row["detected_at"].date()):
        rows = list(group)
        arrived = dict.fromkeys(row["version"] for row in rows if row["event"] in stories.ARRIVALS)
        arrivals = {version: news for version in arrived if (news := standard.arrival(version))}
        tables = {version: comparing.tables(news) for version, news in arrivals.items()}
        notes = {row["version"]: row["change_note"] for row in standard.versions}
        told = stories.story(rows, notes, seen_on, arrivals)
        picture = drawing.timeline(standard.versions, standard.world.today.year) if arrived else None
        path = addresses.story(standard.reference, day)
        values = {
            "story": told,
            "days": days,
            "arrivals": arrivals,
            "tables": tables,
            "timeline": picture,
            "source_words": facts.SOURCE_WORDS,
        }
        yield path, render("story.html", path, common | values | _relations())


def _relations() -> dict[str, Any]:
    return {"relation_words": comparing.RELATION_WORDS, "relation_meanings": comparing.RELATION_MEANINGS}


def _version_values(standard: _Standard, row: Row) -> dict[str, Any]:
    record = standard.records[row["version"]]
    return {
        "shown": row,
        "record": record,
        "status_words": facts.status_words,
        "status_meaning": facts.status_meaning(row),
        "glance": facts.at_a_glance(row),
        "facts": facts.details(row),
        "source_words": facts.SOURCE_WORDS,
        "timeline": drawing.timeline(standard.versions, standard.world.today.year),
        "grid": mapping.grid(record.content),
        "kinds": mapping.by_kind(record.content),
        "needed_by": mapping.duties_by_code(record.content),
        "pairs": standard.pairs,
    }


def _days(reader: read.Queryable, shelf: Shelf, world: World) -> Iterator[tuple[Unit, Pages | None]]:
    by_day = [(day, list(group)) for day, group in groupby(world.marks, key=lambda mark: mark.seen_on)]
    every = [day for day, _ in by_day]
    moved = []
    for index, (day, marks) in enumerate(by_day):
        neighbours = [every[index + 1] if index + 1 < len(every) else None, every[index - 1] if index else None]
        marked = [[mark.reference, mark.mark] for mark in marks]
        unit = Unit(name=f"day {day}", digest=digest([world.code, world.feed(addresses.FEED), [str(one) for one in neighbours], marked]))
        if shelf.stands(unit):
            yield unit, None
        else:
            moved.append((unit, day, neighbours))
    for _, group in groupby(moved, key=lambda one: (one[1].year, one[1].month)):
        together = list(group)
        # Newest first: the whole span is read at once.
        rows = read.changes(reader, since=_midnight(together[-1][1]), until=_midnight(together[0][1], days=1))
        told = {day.day: day for day in stories.days(rows)}
        for unit, day, (before, after) in together:
            path = addresses.day(day)
            values = world.common() | {"told": told[day], "before": before, "after": after}
            yield unit, iter([(path, render("day.html", path, values))])


def _midnight(day: date, days: int = 0) -> datetime:
    return datetime.combine(day, time()) + timedelta(days=days)


def _summaries(reader: read.Queryable, shelf: Shelf, world: World) -> Iterator[tuple[Unit, Pages | None]]:
    """The pages that speak of everything: few, so that they are made each time, but for the sheet of all changes."""
    ahead = upcoming.dates(world.standards.values(), upcoming.kept_since(world.today))
    coming = [one for one in ahead if one.day >= world.today]
    changes_sheet = Unit(name="changes sheet", digest=digest([world.code, [[mark.reference, mark.mark] for mark in world.marks]]))
    yield changes_sheet, None if shelf.stands(changes_sheet) else _changes_sheet(reader)
    for name, pages in (
        ("assets", _assets(world)),
        ("home", _home(reader, world, coming)),
        ("standards", _lists(world)),
        ("routes", _routes(reader, world)),
        ("changes", _archive(reader, world)),
        ("coming up", _coming_up(world, ahead, coming)),
        ("about", _about(reader, world)),
    ):
        yield Unit(name=name, digest=""), pages


def _changes_sheet(reader: read.Queryable) -> Pages:
    columns = [name for name, _, _, _ in CHANGES.columns()]
    yield addresses.CHANGES_CSV, as_csv(columns, read.changes(reader))


def _assets(world: World) -> Pages:
    for name in ("site.css", "site.js"):
        path = FOLDER / "assets" / name
        yield f"assets/{path.stem}-{world.code[:8]}{path.suffix}", path.read_bytes()
    yield "assets/icon.svg", (FOLDER / "assets" / "icon.svg").read_bytes()


def _home(reader: read.Queryable, world: World, coming: Sequence[upcoming.Date]) -> Pages:
    newest = sorted({mark.seen_on for mark in world.marks}, reverse=True)[:_DAYS_AT_HOME]
    rows = read.changes(reader, since=_midnight(newest[-1])) if newest else []
    values = {
        "days": stories.days(rows),
        "months": drawing.months(site.by_month(reader), _MONTHS_DRAWN),
        "families": drawing.FAMILIES,
        "coming": coming[:_COMING_AT_HOME],
        "coming_words": upcoming.KIND_WORDS,
        "incidents": [row for row in site.incidents(reader, _SHOWN) if row["closed_at"] is None],
        "stale": site.stale(reader, _SHOWN),
        "held": quarantine.held(reader, is_open=True),
        "conflicts": world.conflicts,
        "last_run": next(iter(read.runs(reader, 1)), None),
        "current": world.current,
        "statuses": STATUSES,
        "is_older": len({mark.seen_on for mark in world.marks}) > len(newest),
    }
    yield addresses.HOME, render("home.html", addresses.HOME, world.common() | _about_all(world) | values)
    yield addresses.NOT_FOUND, render("missing.html", addresses.NOT_FOUND, world.common())


def _about_all(world: World) -> dict[str, Any]:
    return {
        "checked_at": world.checked_at,
        "since_at": world.since_at,
        "standards": list(world.current.values()),
        "routes": list(world.routes),
    }


def _lists(world: World) -> Pages:
    rows = sorted(world.current.values(), key=lambda row: row["reference"])
    last = {reference: marks[0].seen_on for reference, marks in world.marks_of.items()}
    values = {"rows": rows, "last": last, "status_words": facts.status_words, "statuses": STATUSES}
    yield addresses.STANDARDS, render("standards.html", addresses.STANDARDS, world.common() | _about_all(world) | values)
    yield addresses.STANDARDS_CSV, as_csv(_STANDARD_COLUMNS, rows)


def _routes(reader: read.Queryable, world: World) -> Pages:
    last = {reference: marks[0].seen_on for reference, marks in world.marks_of.items()}
    for name, rows in world.routes.items():
        references = {row["reference"] for row in rows}
        newest = sorted({mark.seen_on for mark in world.marks if mark.reference in references}, reverse=True)[:_DAYS_AT_HOME]
        changed = read.changes(reader, since=_midnight(newest[-1]), references=sorted(references)) if newest else []
        values = {
            "name": name,
            "rows": sorted(rows, key=lambda row: row["title"].casefold()),
            "last": last,
            "days": stories.days(changed),
            "status_words": facts.status_words,
            "feed": world.feed(addresses.route_feed(name)),
        }
        path = addresses.route(name)
        yield path, render("route.html", path, world.common() | values)


def _archive(reader: read.Queryable, world: World) -> Pages:
    days = [
        {"day": day, "standards": len(group), "changes": sum(mark.changes for mark in group)}
        for day, group in ((day, list(marks)) for day, marks in groupby(world.marks, key=lambda mark: mark.seen_on))
    ]
    by_month = [(month, list(group)) for month, group in groupby(days, key=lambda one: date(one["day"].year, one["day"].month, 1))]
    values = {"by_month": by_month, "months": drawing.months(site.by_month(reader), 120), "families": drawing.FAMILIES}
    yield addresses.CHANGES, render("changes.html", addresses.CHANGES, world.common() | _about_all(world) | values)


def _coming_up(world: World, ahead: Sequence[upcoming.Date], coming: Sequence[upcoming.Date]) -> Pages:
    undated = [
        row
        for row in (row for versions in world.standards.values() for row in versions)
        if row["status"] == IN_DEVELOPMENT and not row["earliest_start_on"] and not row["is_missing"]
    ]
    values = {
        "dates": coming,
        "by_month": upcoming.months(coming, world.today),
        "kind_words": upcoming.KIND_WORDS,
        "undated": undated,
        "today": world.today,
    }
    yield addresses.COMING_UP, render("coming-up.html", addresses.COMING_UP, world.common() | _about_all(world) | values)
    yield addresses.CALENDAR, upcoming.as_calendar(ahead)


def _about(reader: read.Queryable, world: World) -> Pages:
    statuses = Counter(
        row["status"] or "not published" for versions in world.standards.values() for row in versions if not row["is_missing"]
    )
    values = {
        "freshness": site.freshness(reader),
        "tally": read.tally(reader),
        "by_status": [(status, statuses[status]) for status in (*STATUSES, "not published") if statuses[status]],
        "by_route": [(name, len(rows), sum(row["status"] == APPROVED for row in rows)) for name, rows in world.routes.items()],
        "runs": read.runs(reader, _RUNS_SHOWN),
        "incidents": site.incidents(reader, _SHOWN),
        "held": quarantine.held(reader, is_open=True),
        "oddities": site.oddities(reader),
        "record_rules": RULES,
        "views": VIEWS,
        "source_words": facts.SOURCE_WORDS,
        "installed": installed("standards-watch"),
    }
    yield addresses.ABOUT, render("about.html", addresses.ABOUT, world.common() | _about_all(world) | values)
