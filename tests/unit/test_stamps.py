"""Stamps of results: when they are sound, and what happens where they are not."""

import os
from pathlib import Path

import pytest
from isoloss import stamps

PARAMS = {"law": "power", "rows": [{"run": "a", "tokens": None}], "code": "1"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("1\n")
    (tmp_path / "out.csv").write_text("2\n")
    (tmp_path / "out.more.csv").write_text("3\n")


OUTPUTS = ["out.csv", "out.more.csv"]


def left(params=PARAMS):
    stamps.leave("fit", params, ["in.csv", str(stamps.AGAIN)], OUTPUTS)


def sound(params=PARAMS, outputs=OUTPUTS):
    return stamps.sound(params, outputs, stamps.Cache())


def test_what_has_not_changed_is_sound_and_time_does_not_matter():
    left()
    for name in ("in.csv", *OUTPUTS):
        os.utime(name, (5, 5))
    assert sound()
    assert stamps.again(PARAMS, OUTPUTS, stamps.Cache()) == []


@pytest.mark.parametrize("name", ["in.csv", *OUTPUTS, ".out.csv.stamp"])
def test_a_changed_or_missing_file_is_not_sound(name):
    left()
    with open(name, "a", encoding="utf-8") as file:
        file.write("}")
    assert not sound()
    os.remove(name)
    assert not sound()


@pytest.mark.parametrize(
    "params",
    [
        PARAMS | {"law": "power_floor"},
        PARAMS | {"more": 1},
        {"law": "power"},
        PARAMS | {"rows": [{"tokens": None, "run": "a"}]},  # the order of metrics, or of columns
    ],
)
def test_another_question_is_not_sound(params):
    left()
    assert not sound(params)


def test_other_results_are_not_sound():
    left()
    assert not sound(outputs=["out.csv"])


def test_what_is_not_sound_is_dated_back_and_gets_a_younger_input():
    left()
    cache = stamps.Cache()
    assert stamps.again(PARAMS | {"law": "broken"}, OUTPUTS, cache) == [".isoloss/again"]
    assert {os.stat(name).st_mtime for name in OUTPUTS} == {1}
    assert os.stat(".isoloss/again").st_mtime == 1_000_000_000
    assert os.path.getsize(".isoloss/again") > 0  # an empty one counts as unchanged
    assert Path("out.csv").read_text() == "2\n"  # a dry run does no harm


def test_digests_are_kept_by_size_time_and_inode_and_looked_up_anew_otherwise():
    cache = stamps.Cache()
    first = cache.digest("in.csv")
    cache.save()
    kept = os.stat("in.csv")
    with open("in.csv", "r+", encoding="utf-8") as file:
        file.write("7")
    os.utime("in.csv", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert stamps.Cache().digest("in.csv") == first  # what no look can see
    os.utime("in.csv", (9, 9))
    assert stamps.Cache().digest("in.csv") == stamps.digest("in.csv") != first
    assert cache.digest("none.csv") is None


def test_a_damaged_cache_is_no_cache():
    stamps.CACHE.parent.mkdir()
    stamps.CACHE.write_text("{")
    assert stamps.Cache().digest("in.csv") == stamps.digest("in.csv")


def test_results_are_dated_in_their_order_where_they_are_not(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    names = [f"results/{name}" for name in ("a", "b", "c")]
    for name, number in zip(names, (3, 2, 1), strict=True):
        Path(name).touch()
        os.utime(name, (number * 1e6, number * 1e6))
    stamps.leave("rule", {}, ["in.csv"], names[:1])
    stamps.leave("rule", {}, names[:1], names[1:2])
    stamps.leave("rule", {}, names[:2], names[2:])
    stamps.settle(results, stamps.Cache())
    at = [os.stat(name).st_mtime for name in names]
    assert at == sorted(at)
    assert len(set(at)) == 3
    stamps.settle(results, stamps.Cache())  # in order: nothing moves
    assert [os.stat(name).st_mtime for name in names] == at


def test_a_raw_file_that_changed_since_the_plan_stops_the_job():
    planned = {"in.csv": stamps.digest("in.csv")}
    stamps.unchanged(planned)
    with open("in.csv", "a", encoding="utf-8") as file:
        file.write("4\n")
    with pytest.raises(ValueError, match=r"in\.csv: the file has changed since the start, or grew"):
        stamps.unchanged(planned)
    os.remove("in.csv")
    with pytest.raises(ValueError, match=r"in\.csv: the file has vanished"):
        stamps.unchanged(planned)


def changes(params=PARAMS, outputs=OUTPUTS):
    return stamps.changes(params, outputs, stamps.Cache())


def test_what_keeps_results_from_being_current_is_said():
    assert changes() == ["nothing says what made it: its stamp is missing or damaged"]
    left()
    assert changes() == []
    new = {"law": "power_floor", "rows": [{"run": "a", "tokens": 5}], "code": "1", "more": [1, 2]}
    assert changes(new) == [
        'law: "power" -> "power_floor"',
        "rows.a.tokens: none -> 5",
        "more: none -> [1, 2]",
    ]
    other = PARAMS | {"rows": [{"tokens": None, "run": "a"}]}
    assert changes(other) == ["rows.a: in another order"]
    with open("in.csv", "a", encoding="utf-8") as file:
        file.write("2\n")
    os.remove("out.more.csv")
    assert changes() == ["out.more.csv is missing", "in.csv: changed since"]
    os.remove("out.csv")
    assert changes() == ["not made yet"]


def test_a_long_value_that_differs_at_its_end_is_said_to_have_changed():
    old, new = "x" * 100, "x" * 99 + "y"
    assert list(stamps.differences({"a": old}, {"a": new})) == ["a: changed"]


def test_a_setting_that_is_no_number_is_equal_to_itself():
    left(PARAMS | {"level": float("nan")})
    assert sound(PARAMS | {"level": float("nan")})
