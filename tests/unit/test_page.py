"""The data-quality page, what is embedded in it, and the figure of the worst curves."""

import base64
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from isoloss.cleaning import clean as cleaning
from isoloss.cleaning.advice import FLAGS, STATES, cells, state, worst_first
from isoloss.paper import sketch
from isoloss.paper.figures import quality
from isoloss.paper.page import CURVES, PLAIN, page
from isoloss.study.validation import read_yaml

NAN = float("nan")
LABELS = {
    "title": "Old & <new>",
    "arms": {"a": "Arm <i>A</i>", "b": "Arm B"},
    "metrics": {"loss": "Training loss"},
}
HOSTILE = "</script><script>alert(1)</script>&\"'`x`"


def verdicts(names, **columns):
    """A quality table in which nothing is found, but for what `columns` say: run -> value."""
    zero = ("flagged", "quarantined", "copied", *FLAGS)
    text = ("reason", "findings", "details", "duplicate_of", "lossy", "error", "notes")
    table = pd.DataFrame({"run": names, "verdict": "ok", "used": True, "format": "csv"})
    table = table.assign(
        **dict.fromkeys(zero, 0),
        **dict.fromkeys(text, ""),
        **dict.fromkeys(("rows", "values", "kept"), 400),
        **{"arm": ["ab"[i % 2] for i in range(len(names))], "model": "1M", "segments": 1},
        **{"first_step": 1.0, "last_step": 400.0, "final_loss": 2.3456789, "divergence_step": NAN},
        **{"logged_tokens": 4e7, "training_tokens": 4e7, "tokens_from": "log", "last_tokens": 4e7},
    )
    for name, values in columns.items():
        table[name] = [values.get(run, old) for run, old in zip(names, table[name], strict=True)]
    return table


def logs(names, n=400, metrics=("loss",), seed=0):
    """Cleaned logs of smooth curves in which nothing is flagged."""
    random, steps = np.random.default_rng(seed), np.arange(1.0, n + 1)
    return pd.concat(
        pd.DataFrame(
            {
                "run": name,
                "metric": metric,
                "step": steps,
                "tokens": steps * 1e5,
                "compute_pflop_s_days": NAN,
                "value": 2 + 3 * steps**-0.3 + random.normal(0, 0.01, n),
                "kept": True,
                "reasons": "",
            }
        )
        for name in names
        for metric in metrics
    )


def flag(table, rows, reasons, value=None):
    """The same with the values of some rows flagged, and changed."""
    table = table.reset_index(drop=True)
    table.loc[rows, "kept"] = False
    table.loc[rows, "reasons"] = reasons
    if value is not None:
        table.loc[rows, "value"] = value
    return table


@pytest.fixture
def damaged():
    """A quality table and logs of five runs: one diverged, one with a spike, one left out by name,
    one that is good and has a hostile name, and one that cannot be read."""
    names = ["left", HOSTILE, "spike", "nan", "unread"]
    nothing = {name: {"unread": 0} for name in ("rows", "values", "kept")}
    table = verdicts(
        names,
        verdict={"nan": "unusable", "spike": "look", "unread": "unusable"},
        reason={"left": "excluded: a <b> of no use", "nan": "diverged at step 201", "unread": "?"},
        findings={"nan": "divergence", "spike": "spike", "unread": "unreadable"},
        details={
            "nan": "diverged at step 201",
            "spike": "values in spikes: 1",
            "unread": f"a.csv, line 3: {HOSTILE}",
        },
        final_loss={"nan": 2.6123456, "unread": NAN},
        divergence_step={"nan": 201.0},
        last_step={"nan": 200.0, "unread": NAN},
        first_step={"unread": NAN},
        notes={"spike": "<img src=x>"},
        divergence={"nan": 200},
        spike={"spike": 1},
        **nothing,
    )
    curves = {name: logs([name], seed=i) for i, name in enumerate(names)}
    curves["nan"] = flag(curves["nan"], slice(200, None), "non_finite;divergence", NAN)
    curves["spike"] = flag(curves["spike"], [300], "spike", 9.0)
    return table, [pd.concat([curves["left"], curves["spike"], curves["nan"]]), curves[HOSTILE]]


@pytest.fixture
def written(damaged):
    return page(LABELS, *damaged)


def embedded(text):
    """The columns; of the curves the lows and highs; place, level and reason of the signs."""
    packed = dict(re.findall(r'<script type="text/plain" id="(\w+)-data">([^<]*)</script>', text))
    table, planes = (zlib.decompress(base64.b64decode(packed[name])) for name in ("runs", "curves"))
    table, planes = json.loads(table), np.frombuffer(planes, np.uint8).reshape(2, -1).astype(int)
    numbers, size = planes[0] + 256 * planes[1], len(table["curves"]) * table["places"]
    steps, spans = (
        part.reshape(-1, table["places"]) for part in numbers[: 2 * size].reshape(2, -1)
    )
    lows = np.cumsum(np.where(steps % 2, -(steps + 1) // 2, steps // 2), axis=1)
    lows, highs = np.where(spans, lows, -1), np.where(spans, lows + spans - 1, -1)
    return table, lows, highs, numbers[2 * size :].reshape(3, -1).T


def test_what_is_embedded_is_the_quality_table_worst_first(damaged, written):
    table = embedded(written)[0]
    rows = worst_first(damaged[0].to_dict("records"))
    assert table["run"] == ["nan", "unread", "spike", HOSTILE, "left"]
    assert table["state"] == [state(row) for row in rows]
    assert sorted(table["state"], key=STATES.index) == table["state"]
    for name in ("run", "arm", "model", "format", "tokens_from", "rows", "flagged", "segments"):
        assert table[name] == [row[name] for row in rows]
    for name in ("final_loss", "divergence_step", "last_step", "logged_tokens"):
        given = [None if row[name] != row[name] else row[name] for row in rows]
        assert table[name] == given
    assert table["findings"][0] == [["divergence", "diverged at step 201"]]
    assert table["flags"] == [[["divergence", 200]], [], [["spike", 1]], [], []]
    assert table["why"] == ["", "", "", "", "excluded: a <b> of no use"]
    assert table["panel"][1] == -1  # of what cannot be read there is no curve


def test_the_curves_in_the_page_are_the_lowest_and_highest_values_of_their_places(damaged, written):
    table, lows, highs, _ = embedded(written)
    panels = table["panels"]
    log = pd.concat(damaged[1])
    assert sorted(table["curves"]) == [0, 1, 2, 3]
    for curve, panel in enumerate(table["curves"]):
        run = table["run"][table["panel"].index(panel)]
        mine = log[(log["run"] == run) & log["kept"] & (log["step"] >= 4)]  # from 1% of 400 on
        start, end, low, high = (panels[name][panel] for name in ("start", "end", "low", "high"))
        assert (start, end) == (4, 400)
        along = np.log(mine["step"] / start) / np.log(end / start)
        place = np.minimum((along * table["places"] + 1e-9).astype(int), table["places"] - 1)
        half = 0.51 * np.log(high / low) / table["levels"]
        for levels, which in ((lows, "min"), (highs, "max")):
            expected = mine["value"].groupby(place).agg(which)
            there = np.flatnonzero(levels[curve] >= 0)
            assert list(there) == list(expected.index)
            values = np.log(low) + levels[curve][there] / table["levels"] * np.log(high / low)
            assert values == pytest.approx(np.log(expected.to_numpy()), abs=half)


def test_flagged_values_are_signs_at_their_places_and_those_without_a_value_at_the_edge(
    damaged, written
):
    table, _, _, signs = embedded(written)
    ends = np.cumsum(table["marks"])
    names = [name for name, *_ in table["looks"]]
    of = {
        run: signs[ends[panel] - table["marks"][panel] : ends[panel]]
        for run, panel in zip(table["run"], table["panel"], strict=True)
        if panel >= 0
    }
    assert len(of["left"]) == len(of[HOSTILE]) == 0
    ((place, level, reason),) = of["spike"]
    assert place == int(np.log(301 / 4) / np.log(100) * table["marked"])
    assert (level, names[reason]) == (table["levels"], "spike")  # far above: at the edge
    assert {names[reason] for _, _, reason in of["nan"]} == {"divergence"}
    assert {level for _, level, _ in of["nan"]} == {table["levels"]}
    first = int(np.log(201 / 4) / np.log(100) * table["marked"])
    assert [place for place, _, _ in of["nan"]] == list(range(first, table["marked"]))


def test_a_run_is_drawn_from_its_first_flagged_value_on():
    table = flag(logs(["x"]), [1], "warm_up")
    assert list(sketch.sketched(table, ["loss"]).panels["start"]) == [2]
    assert list(sketch.sketched(logs(["x"]), ["loss"]).panels["start"]) == [4]


def test_sketches_do_not_depend_on_how_the_runs_are_cut_into_parts():
    names = [f"r{i}" for i in range(7)]
    parts = [flag(logs([name], seed=i), [100 + i], "spike", 5.0) for i, name in enumerate(names)]
    together = sketch.sketched(pd.concat(parts), ["loss"])
    apart = sketch.joined(sketch.sketched(part, ["loss"]) for part in parts)
    for name in ("panels", "curves", "marks"):
        pd.testing.assert_frame_equal(getattr(together, name), getattr(apart, name))
    assert (together.lows == apart.lows).all()
    assert (together.highs == apart.highs).all()


def test_logs_without_steps_are_drawn_along_tokens_or_compute():
    a, b = logs(["a"]).assign(step=NAN), logs(["b"]).assign(step=NAN, tokens=NAN)
    b["compute_pflop_s_days"] = np.arange(1.0, 401) * 1e-3
    panels = sketch.sketched(pd.concat([a, b]), ["loss"]).panels
    assert [sketch.UNITS[unit] for unit in panels["unit"]] == ["tokens", "compute"]
    assert list(panels["end"]) == [4e7, 0.4]


@pytest.mark.parametrize("value", [NAN, 0.0, -1.0, float("inf")])
def test_a_value_without_a_logarithm_is_in_no_curve(value):
    table = logs(["x"]).reset_index(drop=True)
    table.loc[200, "value"] = value
    made = sketch.sketched(table, ["loss"])
    other = sketch.sketched(table.drop(200), ["loss"])
    assert (made.lows == other.lows).all()
    assert (made.highs == other.highs).all()
    only = sketch.sketched(table.loc[[200]], ["loss"])
    assert len(only.curves) == 0
    assert list(only.panels[["low", "high"]].iloc[0]) == [1, 10]


def test_a_single_value_is_in_the_middle():
    made = sketch.sketched(logs(["x"]).tail(1), ["loss"])
    assert list(np.flatnonzero(made.highs[0] >= 0)) == [sketch.PLACES // 2]


def test_a_study_of_which_no_log_can_be_read_has_a_page():
    table = verdicts(["x"], verdict={"x": "unusable"}, findings={"x": "empty"}, details={"x": "?"})
    data, lows, _, signs = embedded(page(LABELS, table, [logs(["y"]).head(0)]))
    assert data["panel"] == [-1]
    assert len(lows) == len(signs) == 0


def test_of_many_metrics_no_more_curves_are_drawn_than_a_page_can_hold():
    names = [f"r{i}" for i in range(10)]
    metrics = {f"m{i}": f"Metric {i}" for i in range(CURVES // 10 + 2)}
    some = logs(names, n=5, metrics=list(metrics)[:2] + list(metrics)[-2:])
    text = page(LABELS | {"metrics": metrics}, verdicts(names), [some])
    assert len(embedded(text)[0]["curves"]) == 20
    assert f"Not drawn: Metric {CURVES // 10}, Metric {CURVES // 10 + 1}." in text


class Tags(HTMLParser):
    """Tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.texts.append(data)


def test_the_page_asks_for_nothing_and_what_people_wrote_is_no_markup(written):
    found = Tags(written)
    assert not [tag for tag in found.tags if {"src", "href", "action"} & tag[1].keys()]
    assert not re.search(r"https?:|[\"'(]//|url\(|@import|fetch\(|XMLHttp", written)
    assert [tag for tag, _ in found.tags].count("script") == 3  # two of data
    assert not {"i", "b", "img"} & {tag for tag, _ in found.tags}
    text = "".join(found.texts)
    assert "Data quality: Old & <new>" in text
    assert f"a.csv, line 3: {HOSTILE}" in text  # in the table for those without a script


def test_without_a_script_the_unusable_runs_are_in_a_table_the_first_of_many():
    names = [f"r{i}" for i in range(PLAIN + 2)]
    found = {
        name: dict.fromkeys(names[1:], value)
        for name, value in {
            "verdict": "unusable",
            "findings": "empty",
            "details": "no value",
        }.items()
    }
    text = page(LABELS, verdicts(names, **found), [logs(names[:2])])
    table = text[text.index("<noscript>") : text.index("</noscript>")]
    assert table.count('scope="row"') == PLAIN
    assert f"the first {PLAIN} of {PLAIN + 1}" in table
    assert ">r0<" not in table


def test_the_page_of_ten_thousand_runs_has_less_than_four_megabytes():
    """Half of the runs with findings of 150 letters, each curve with noise of its own."""
    count, n = 10_000, 160
    names = [f"an-arm-of-some-name/1.5B-lr3e-4-seed{i:05d}" for i in range(count)]
    bad = names[::2]
    words = {
        name: f"logs/{name}.csv: {i * 7919 % 99991} of {i * 104729} " + "words " * 15
        for i, name in enumerate(bad)
    }
    table = verdicts(
        names,
        verdict=dict.fromkeys(bad, "unusable"),
        findings=dict.fromkeys(bad, "spike"),
        details=words,
        final_loss=dict(zip(names, np.random.default_rng(0).normal(2, 0.1, count), strict=True)),
    )
    steps = np.geomspace(1e3, 1e5, n)
    noise = np.random.default_rng(1).normal(0, 0.02, (count, n))
    one = logs(["x"], n=1).drop(columns=["run", "value", "step"])
    whole = one.loc[np.zeros(count * n, dtype=int)].reset_index(drop=True)
    whole = whole.assign(
        run=np.repeat(names, n),
        step=np.tile(steps, count),
        value=(2 + 3 * steps**-0.3 + noise).ravel(),
    )
    spikes = np.arange(120, count * n, n)
    whole = flag(whole, spikes, "spike", 8.0)
    size = len(page(LABELS, table, [whole]).encode())
    assert 1e6 < size < 4e6


# --- in a browser


TYPED = """<script>(async () => {
  const wait = () => new Promise((done) => setTimeout(done, 50));
  while (document.querySelector("main").hidden) await wait();
  await wait();
  const all = (selector) => [...document.querySelectorAll(selector)];
  const rows = () => all("#runs tbody th").map((th) => th.firstChild.data);
  const type = (id, kind, value) => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event(kind));
  };
  const click = (selector, text) =>
    all(selector).find((one) => one.textContent.includes(text)).click();
  const seen = { all: rows() };
  seen.labels = all("#runs tbody").map((body) => Object.fromEntries(
    [...body.querySelectorAll("[data-label]")].map((td) => [td.dataset.label, td.textContent])));
  seen.drawn = all("#runs canvas").map((canvas) => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some((dot) => dot));
  seen.text = document.getElementById("runs").textContent;
  type("words", "input", "SPIKES values");
  seen.searched = rows();
  seen.status = document.getElementById("status").textContent;
  type("words", "input", "");
  click("#states button", "unusable");
  seen.unusable = rows();
  type("finding", "change", "divergence");
  seen.diverged = rows();
  type("finding", "change", "");
  click("#states button", "all");
  type("arm", "change", "a");
  seen.arm = rows();
  type("arm", "change", "");
  click("#runs thead button", "Final loss");
  seen.highest = rows();
  click("#runs thead button", "Final loss");
  seen.lowest = rows();
  seen.sorted = document.querySelector("[aria-sort]").getAttribute("aria-sort");
  document.title = JSON.stringify(seen);
})();</script>"""


def test_in_a_browser_the_rows_are_shown_searched_filtered_and_sorted(damaged, written, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    path = tmp_path / "page.html"
    path.write_text(written.replace("</body>", f"{TYPED}</body>"), encoding="utf-8")
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    done = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", *(f"--{flag}" for flag in quiet.split())),
            *(f"--user-data-dir={tmp_path / 'user'}", "--enable-logging=stderr", "--dump-dom"),
            *("--disable-component-update", "--virtual-time-budget=10000"),
            "--window-size=1600,1200",
            f"file://{path}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    title = re.search("<title>(.*?)</title>", done.stdout)[1]
    seen = json.loads(title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    worst = ["nan", "unread", "spike", HOSTILE, "left"]
    assert seen["all"] == worst
    assert seen["drawn"] == [True] * 4
    assert "To do: train it again from before that step" in seen["text"]
    assert "excluded: a <b> of no use" in seen["text"]
    assert "reader: <img src=x>" in seen["text"]
    assert (seen["searched"], seen["status"]) == (["spike"], "1 of 5 runs")
    assert seen["unusable"] == ["nan", "unread"]
    assert seen["diverged"] == ["nan"]
    assert seen["arm"] == ["unread", "spike", "left"]
    assert seen["highest"] == ["nan", "spike", HOSTILE, "left", "unread"]
    assert seen["lowest"] == ["spike", HOSTILE, "left", "nan", "unread"]
    assert seen["sorted"] == "ascending"
    rows = worst_first(damaged[0].to_dict("records"))
    for row, shown in zip(rows, seen["labels"], strict=True):  # as the terminal prints them
        told = cells(row)
        told["Tokens from"] = told.pop("From")
        assert shown == {name: told[name] for name in shown}
        assert {"Final loss", "Steps", "Tokens", "Rows", "Diverged at"} <= shown.keys()


# --- the figure


def test_a_figure_of_few_runs_has_a_panel_each_the_worst_first(damaged, root):
    plotting = read_yaml(root / "config/plotting.yaml")
    figure = quality.draw(damaged[1], damaged[0], LABELS, plotting)
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    assert titles[:3] == ["nan: unusable", "unread: unusable", "spike: look"]
    assert titles[4:] == ["left: excluded"]
    assert len(titles[3].replace(" ", "")) <= quality.TITLE
    assert sketch.LOOKS["spike"][0] in {line.get_color() for line in figure.axes[2].lines}
    assert [text.get_text() for text in figure.axes[1].texts] == ["unreadable"]
    assert set(sketch.LOOKS) == set(FLAGS) == set(cleaning.RULES)


def test_runs_of_which_a_point_is_logged_are_a_table(root):
    plotting = read_yaml(root / "config/plotting.yaml")
    names = ["small", "large"]
    table = logs(names, n=1)
    figure = quality.draw([table], verdicts(names), LABELS, plotting)
    assert figure.axes == []
    values = [f"{value:.4f}" for value in table["value"]]
    words = [text.get_text() for text in figure.texts]
    heads = ["Run", "State", "Step", "Training loss (nats)"]
    assert words == [*heads, "small", "ok", "1", values[0], "large", "ok", "1", values[1]]
    for text in figure.texts:
        box = text.get_window_extent(figure.canvas.get_renderer())
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_a_figure_of_many_runs_has_the_worst_and_one_panel_for_all_others(root):
    plotting = read_yaml(root / "config/plotting.yaml")
    names = [f"r{i}" for i in range(40)]
    table = verdicts(names, verdict={"r39": "unusable"}, findings={"r39": "empty"},
                     details={"r39": "no value"})  # fmt: skip
    parts = [logs(names[:20]), logs(names[20:], seed=1)]
    figure = quality.draw(parts, table, LABELS, plotting)
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    assert titles[0] == "r39: unusable"
    assert len(titles) == 24 + 1  # the others
    (bar,) = figure.axes[24].child_axes  # what their colours mean
    assert bar.get_ylabel() == "Curves"
    assert titles[24] == "The other 16 runs"
    (mesh,) = figure.axes[24].collections
    passing = mesh.get_array().filled(0).sum(axis=0)
    assert passing.max() == passing.min() == 16  # every curve once in each column


def test_the_panel_of_the_others_leaves_out_what_lies_along_another_axis(root):
    plotting = read_yaml(root / "config/plotting.yaml")
    names = [f"r{i}" for i in range(30)]
    table = logs(names)
    table.loc[table["run"] == "r29", "step"] = NAN
    figure = quality.draw([table], verdicts(names), LABELS, plotting)
    assert figure.axes[24].get_title() == "5 of the other 6 runs"
    none = quality.draw([table[:400]], verdicts(names), LABELS, plotting)
    assert none.axes[24].get_title() == "0 of the other 6 runs"


def test_what_is_drawn_of_a_long_curve_has_its_ends_and_extremes():
    x = np.arange(1, 100_001.0)
    y = np.random.default_rng(0).normal(0, 1, 100_000)
    shown_x, shown_y = quality.thinned(x, y, 200)
    assert len(shown_x) < 1000
    assert (shown_x[0], shown_x[-1]) == (1, 100_000)
    assert (shown_y.min(), shown_y.max()) == (y.min(), y.max())
