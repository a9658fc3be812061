"""From transitions to changes: each once, whichever source tells it, however often a run dies."""

import pytest

from tests.watching import Watch, sample, told

ST = "ST9001 1.2"
SOURCES = ("api", "page", "occupation")


def test_the_same_change_seen_in_several_sources_is_one_change(watch: Watch) -> None:
    watch.see(sample("ST9003 1.0"), sources=SOURCES)
    watch.see(sample("ST9003 1.0", title="Another title"), sources=SOURCES)
    (change,) = watch.rows("SELECT event, subject, before, after, list_sort(sources) AS sources FROM changes")
    assert change["sources"] == ["api", "occupation", "page"]
    assert (change["event"], change["subject"], change["after"]) == ("attribute_changed", "title", "Another title")


def test_a_source_that_lags_a_night_adds_its_name(watch: Watch) -> None:
    watch.see(sample("ST9003 1.0"), sources=("api", "page"))
    assert told(watch.see(sample("ST9003 1.0", title="Another title"), sources=("api",))) == [
        ("ST9003", "1.0", "attribute_changed", "title")
    ]
    assert watch.see(sample("ST9003 1.0", title="Another title"), sources=("page",)) == []
    assert watch.rows("SELECT sources FROM changes") == [{"sources": ["api", "page"]}]


def test_the_same_change_twice_has_two_ids_and_once_more_for_the_page(watch: Watch) -> None:
    for title in ("A", "B", "A", "B"):
        watch.see(sample("ST9003 1.0", title=title), sources=("api", "page"))
    rows = watch.rows("SELECT change_id, after, sources FROM changes ORDER BY detected_at")
    assert [row["after"] for row in rows] == ["B", "A", "B"]
    assert len({row["change_id"] for row in rows}) == 3
    assert {tuple(row["sources"]) for row in rows} == {("api", "page")}


def test_ids_are_a_function_of_what_changed(watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Watch(tmp_path_factory.mktemp("other"))
    other.see([])
    for one in (watch, other):
        one.see(sample(ST))
        one.see(sample(ST, maxFunding=1234, title="Another"))
    ids = [one.rows("SELECT change_id FROM changes ORDER BY change_id") for one in (watch, other)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def test_a_run_that_died_before_comparing_is_made_up_for(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.see(sample(ST))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tests.watching.find_changes", die)
        with pytest.raises(KeyboardInterrupt):
            watch.see(sample(ST, maxFunding=1234))
    assert watch.rows("SELECT count(*) AS n FROM changes") == [{"n": 0}]
    assert told(watch.see(sample(ST, maxFunding=1234))) == [("ST9001", "1.2", "attribute_changed", "max_funding_gbp")]


def test_comparing_again_finds_nothing(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.see(sample(ST, maxFunding=1234))
    assert watch.see(sample(ST, maxFunding=1234)) == []
    assert watch.rows("SELECT count(*) AS n FROM transitions WHERE NOT is_compared") == [{"n": 0}]
