import textwrap
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from isoloss.cleaning.settings import Cleaning, Quality
from isoloss.logs.ingest import ingest
from isoloss.logs.paths import cell_files
from isoloss.points.settings import Selection
from isoloss.study import study
from isoloss.study.validation import InputError, read_yaml
from sections import DEFAULTS, STUDY, section

FIGURES, TABLES = ("scaling", "multiplier"), ("fits", "runs")
SHEET = """\
run,arm,model,log,parameters
b1,base,1M,logs/b1.csv,1000000
b2,base,2M,logs/b2.csv,2000000
n1,new,1M,logs/n1.csv,1000000
n2,new,2M,logs/n2.csv,2000000
b3,base,4M,logs/b3.csv,4000000
n3,new,4M,logs/n3.csv,4000000
"""
PUBLISHED = """\
source: A paper
fits:
  - {place: Table 1, arm: base, metric: loss, coefficient: "2.5", exponent: "0.05"}
multipliers:
  - {place: Figure 1, candidate: new, metric: loss, loss: 2.1, multiplier: "1.2"}
compute:
  - {place: Table 2, run: b1, compute_pflop_s_days: "0.1"}
"""


@pytest.fixture
def load(tmp_path, monkeypatch, root):
    """A function that loads the study `s` after changes to its files; the working folder is new."""
    monkeypatch.chdir(tmp_path)
    Path("config/studies").mkdir(parents=True)
    Path("data/s/logs").mkdir(parents=True)
    for run in ("b1", "b2", "b3", "n1", "n2", "n3"):
        Path(f"data/s/logs/{run}.csv").write_text("step,tokens,loss\n1,10,4.5\n2,20,4.25\n")
    config = read_yaml(root / "config/config.yaml") | {"studies": ["s"]}

    def load(study_text=STUDY, sheet=SHEET, published=None, **changes):
        Path("config/studies/s.yaml").write_text(textwrap.dedent(study_text))
        Path("data/s/runs.csv").write_text(sheet)
        if published is not None:
            Path("data/s/published.yaml").write_text(published)
        return study.load(
            config | changes, Path("config/studies"), root / "workflow/schemas", FIGURES, TABLES
        )

    return load


def mistake(call, *args, **changes):
    with pytest.raises(InputError) as error:
        call(*args, **changes)
    message = str(error.value)
    assert "\n" not in message
    return message


# --- what a study is


def test_a_study_is_completed_with_the_defaults_key_by_key(load):
    s = load(STUDY + "points: {window: 0.1}\ntables: [fits]\n")["s"]
    assert (s.settings["points"]["select"], s.settings["points"]["window"]) == ("final", 0.1)
    assert (s.settings["fit"]["law"], s.settings["fit"]["method"]) == ("power", "least_squares_log")
    assert s.settings["figures"] == ["scaling", "multiplier"]
    assert s.settings["tables"] == ["fits"]


def test_settings_of_the_config_stand_between_the_defaults_and_the_studys_own(load):
    text = STUDY + "clean: {spike_mads: 6}\n"
    shared = {"spike_mads": 8, "spike_window": 11}
    s = load(text, clean=shared, ingest={"runs_per_shard": 2}, tables=["fits"])["s"]
    assert s.typed.clean == Cleaning(**section("clean", spike_mads=6, spike_window=11))
    assert s.settings["clean"] == section("clean", spike_mads=6, spike_window=11)
    assert s.settings["ingest"] == {"runs_per_shard": 2}
    assert load(tables=["fits"])["s"].settings["ingest"] == {"runs_per_shard": 250}


def test_a_config_that_repeats_every_default_changes_nothing(load):
    repeated = {key: DEFAULTS[key] for key in study.SECTIONS} | {"tables": ["fits"]}
    assert load(**repeated) == load(tables=["fits"])


def test_what_the_stages_take_is_what_the_rules_are_given(load):
    s = load(STUDY + "log: {step: step}\n", tables=["fits"])["s"]
    for field in fields(s.typed):
        made, plain = asdict(getattr(s.typed, field.name)), s.settings[field.name]
        assert {key: made[key] for key in plain} == plain
        assert not any(value for key, value in made.items() if key not in plain)
        assert type(plain) is dict


PATTERNS = (
    "mine:\n  recognise: '^>'\n  lines: {train: {record: '> (?P<step>[0-9]+) (?P<ce>[0-9.]+)'}}\n"
)


@pytest.mark.parametrize(
    ("log", "patterns", "message"),
    [
        ("patterns: data/s/p.yml", PATTERNS, "log.patterns: there is no file `data/s/p.yml`"),
        (
            "patterns: data/s/p.yaml",
            "mine: {}",
            "log.patterns: data/s/p.yaml: format mine: recogni",
        ),
        ("patterns: data/s/p.yaml", "csv: {recognise: a}", "isoloss has a format of that name"),
        ("patterns: data/s/p.yaml", "a: &a [*a]", "p.yaml"),
        (
            "by_format: {meagtron: {step: a}}",
            PATTERNS,
            "no log format `meagtron`. Did you mean `mega",
        ),
        ("by_format: {csv: {lost: a}}", PATTERNS, "by_format.csv: `lost` is neither one of step, "),
        ("by_format: {csv: {step: 1}}", PATTERNS, "csv.step: expected the name of a column, not 1"),
        ("by_format: {csv: {step_base: 2}}", PATTERNS, "csv.step_base: expected 0 or 1, not 2"),
    ],
)
def test_patterns_and_columns_of_formats_are_checked_before_any_job(load, log, patterns, message):
    Path("data/s/p.yaml").write_text(patterns)
    assert message in mistake(load, STUDY + f"log: {{{log}}}\ntables: [fits]\n")


def test_a_study_with_patterns_and_columns_of_formats(load):
    Path("data/s/p.yaml").write_text(PATTERNS)
    text = STUDY + "log: {patterns: data/s/p.yaml, by_format: {mine: {loss: ce, step_base: 0}}}\n"
    text += "tables: [fits]\n"
    s = load(text, SHEET.replace("parameters\n", "parameters,log.loss,log.step\n"))["s"]
    assert s.typed.log.patterns == "data/s/p.yaml"
    assert s.typed.log.by_format == {"mine": {"loss": "ce", "step_base": 0}}


def test_a_run_has_columns_of_its_own(load):
    sheet = SHEET.replace("parameters\n", "parameters,log.loss,log.step_base\n")
    runs = load(sheet=sheet.replace("b2.csv,2000000", "b2.csv,2000000,ce,0"), tables=["fits"])[
        "s"
    ].runs
    assert [run.get("log.loss") for run in runs] == [None, "ce", None, None, None, None]
    assert runs[1]["log.step_base"] == 0
    unknown = mistake(
        load, sheet=SHEET.replace("parameters\n", "parameters,log.lost\n"), tables=["fits"]
    )
    assert "unknown column `log.lost`. Did you mean `log.loss`?" in unknown


@pytest.mark.parametrize(
    ("kind", "name", "wrong"),
    [
        (Quality, "quality", {"copied": "exlude"}),
        (Selection, "points", {"select": "curves"}),
        (Selection, "points", {"mid_schedule": "leave-out"}),
    ],
)
def test_a_word_that_a_stage_does_not_know_is_refused(kind, name, wrong):
    (key, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=f"{key}: `{value}` is not one of "):
        kind(**section(name, **wrong))


def test_a_study_in_eight_lines_has_its_runs_and_folder(load):
    s = load(tables=["fits"])["s"]
    assert s.folder == Path("data/s")
    assert [run["run"] for run in s.runs] == ["b1", "b2", "n1", "n2", "b3", "n3"]
    assert s.conventions == ("6n_non_embedding",)
    assert s.files(s.runs[0]) == [Path("data/s/logs/b1.csv")]


def test_the_baseline_comes_first_then_the_candidates_in_the_studys_order(load):
    text = STUDY.replace("  base: {label: Old, role: baseline}\n", "").replace(
        "  new: {label: New}\n",
        "  new: {label: New}\n  also: {label: Too}\n  base: {label: Old, role: baseline}\n",
    )
    for run in ("a1", "a2", "a3"):
        Path(f"data/s/logs/{run}.csv").write_text("step,tokens,loss\n1,10,4.5\n")
    third = "".join(f"a{i},also,{i}M,logs/a{i}.csv,{i}000000\n" for i in (1, 2, 3))
    s = load(text, SHEET + third, tables=["fits"])["s"]
    assert list(s.arms) == ["base", "new", "also"]
    assert s.baseline == "base"


def test_conventions_are_the_headline_and_each_other_once(load):
    text = STUDY.replace(
        "6n_non_embedding}", "6n_non_embedding, also: [6n_with_head, 6n_non_embedding]}"
    )
    s = load(text, tables=["fits"])["s"]
    assert s.conventions == ("6n_non_embedding", "6n_with_head")


def test_studies_may_be_named_in_one_text(load):
    assert list(load(studies="s s", tables=["fits"])) == ["s"]


def test_compute_goes_without_saying_where_every_run_has_an_architecture(load):
    Path("data/s/a.json").write_text(
        '{"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1,'
        ' "intermediate_size": 128, "vocab_size": 100}'
    )
    sheet = "run,arm,model,log,architecture,sequence_length\n" + "".join(
        f"{row},a.json,4096\n"
        for row in (line.rsplit(",", 1)[0] for line in SHEET.splitlines()[1:])
    )
    text = STUDY.replace("compute: {headline: 6n_non_embedding}\n", "")
    assert load(text, sheet, tables=["fits"])["s"].conventions == ("matmul_causal",)


def resolved(load, cell):
    """What a cell `log` means to the study, which is what the readers open for it."""
    s = load(sheet=SHEET.replace("logs/b1.csv", cell), tables=["fits"])["s"]
    files = s.files(s.runs[0])
    got = ingest({"run": "b1", "log": cell}, {"loss": None}, s.folder, s.typed.log)
    assert got.row["error"] == ""
    assert set(got.table["source"]) == {file.as_posix() for file in files}
    return [file.relative_to("data/s/logs").as_posix() for file in files]


def parts(*names):
    """Parts of one log in data/s/logs, each with a step of its own."""
    for step, name in enumerate(names, start=1):
        file = Path("data/s/logs", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"step,tokens,loss\n{step},{10 * step},{5 - step / 4}\n")


@pytest.mark.parametrize(
    ("cell", "files"),
    [
        ("logs/b", ["b/1.csv", "b/2.csv", "b/more/3.csv"]),
        ("logs/b/*.csv", ["b/1.csv", "b/2.csv"]),
        ("logs/b/2.csv; logs/b/1.csv", ["b/2.csv", "b/1.csv"]),
        ("logs/b/2.csv; logs/b", ["b/2.csv", "b/1.csv", "b/more/3.csv"]),
        ("logs/b/*", ["b/1.csv", "b/2.csv", "b/more/3.csv"]),
        ("logs/[b]", ["b/1.csv", "b/2.csv", "b/more/3.csv"]),
        ("logs/b/**", ["b/1.csv", "b/2.csv", "b/more/3.csv"]),
        ("logs/b/**/3.csv", ["b/more/3.csv"]),
        ("logs/b/.old.csv", ["b/.old.csv"]),
        ("logs/b/.trash", ["b/.trash/0.csv"]),
    ],
)
def test_a_log_means_the_same_files_to_the_study_and_to_the_readers(load, cell, files):
    parts("b/2.csv", "b/1.csv", "b/more/3.csv", "b/more/.4.csv", "b/.old.csv", "b/.trash/0.csv")
    assert resolved(load, cell) == files


def test_a_folder_whose_name_has_wildcards_is_that_folder(load):
    parts("a[1]/1.csv", "a1/0.csv")
    assert resolved(load, "logs/a[1]") == ["a[1]/1.csv"]
    for name in ("s[1]", "s1"):
        Path(name).mkdir()
        Path(name, "l.csv").touch()
    assert cell_files(Path("s[1]"), "*.csv") == [Path("s[1]/l.csv")]


def test_hidden_files_alone_are_no_log(load):
    parts("b/.old.csv")
    message = mistake(load, sheet=SHEET.replace("logs/b1.csv", "logs/b"), tables=["fits"])
    assert message.startswith("data/s/runs.csv, line 2: log `logs/b` holds no file")
    message = mistake(load, sheet=SHEET.replace("logs/b1.csv", "logs/b/*.csv"), tables=["fits"])
    assert message.startswith("data/s/runs.csv, line 2: log `logs/b/*.csv` does not exist")


def test_a_log_that_leads_out_of_its_folder_is_told_with_its_line(load):
    parts("b/1.csv")
    Path("data/s/logs/b/2.csv").symlink_to(Path("data/s/logs/b2.csv").resolve())
    message = mistake(load, sheet=SHEET.replace("logs/b1.csv", "logs/b"), tables=["fits"])
    assert message.startswith("data/s/runs.csv, line 2: log: data/s/logs/b/2.csv: a symbolic link")


# --- shards


def many(n):
    return [{"run": f"run-{i}"} for i in range(n)]


def sharded(runs, size=16, sizes=None):
    return study.shards(runs, sizes or [1000] * len(runs), size)


def test_every_run_is_in_one_shard_of_a_power_of_two():
    for n in (1, 16, 17, 100):
        shards = sharded(many(n))
        assert sorted(r["run"] for s in shards.values() for r in s) == sorted(
            r["run"] for r in many(n)
        )
        counts = {int(name.split("-of-")[1]) for name in shards}
        assert len(counts) == 1
        count = counts.pop()
        assert count & (count - 1) == 0
        assert n <= count * 16 < 2 * max(n, 16)


def test_adding_a_run_touches_one_shard():
    before, after = sharded(many(100)), sharded(many(101))
    assert sum(before.get(name) != runs for name, runs in after.items()) == 1


def test_the_order_of_the_sheet_changes_no_shard():
    assert sharded(many(50)) == sharded(many(50)[::-1])


def test_a_huge_log_is_a_shard_by_itself_and_moves_no_other():
    sizes = [1000] * 50
    before, after = sharded(many(50), 16, sizes), sharded(many(50), 16, [1 << 27, *sizes[1:]])
    (alone,) = [name for name in after if name.startswith("alone-")]
    assert after[alone] == many(1)
    left = {name: [run for run in runs if run not in many(1)] for name, runs in before.items()}
    assert {name: runs for name, runs in after.items() if name != alone} == left


def test_long_logs_make_more_shards_though_never_more_than_runs():
    assert len(sharded(many(64), 64, [1 << 25] * 64)) > 16
    assert set(sharded(many(1), 64, [1 << 26])) == {"0-of-1"}


def test_a_runs_shard_does_not_depend_on_pythons_hash():
    where = {r["run"]: name for name, runs in sharded(many(8), 2).items() for r in runs}
    assert [where[f"run-{i}"] for i in range(8)] == [
        "3-of-4",
        "3-of-4",
        "2-of-4",
        "1-of-4",
        "2-of-4",
        "1-of-4",
        "0-of-4",
        "0-of-4",
    ]


# --- mistakes in config and study


def test_a_study_that_does_not_exist_is_named_with_the_nearest(load):
    load(tables=["fits"])
    Path("config/studies/moba-8k.yaml").write_text(STUDY)
    message = mistake(load, studies=["moba-8"])
    assert "no study `moba-8`" in message
    assert "config/studies/moba-8.yaml" in message
    assert "Did you mean `moba-8k`?" in message


def test_a_key_of_the_config_that_is_misspelt_is_named(load):
    message = mistake(load, ingset={"runs_per_shard": 2})
    assert message.startswith("config/config.yaml: ")
    assert "`ingset`" in message
    assert "Did you mean `ingest`?" in message


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"ingest": {"runs_per_shard": 0}}, ["ingest.runs_per_shard", "0"]),
        ({"ingest": {"runs_per_shard": 2.5}}, ["ingest.runs_per_shard", "2.5"]),
        ({"points": {"select": "finale", "window": 0.1}}, ["points.select", "'finale'", "`final`"]),
        ({"points": {"select": "final", "window": 0}}, ["points.window", "0"]),
        ({"studies": 3}, ["studies", "3"]),
    ],
)
def test_a_bad_value_in_the_config_is_named_with_its_key(load, change, parts):
    message = mistake(load, **change)
    assert message.startswith("config/config.yaml: ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("title: ", "titel: ", ["unknown key `titel`", "Did you mean `title`?"]),
        ("title: New against old\n", "", ["`title` is missing", "what the study compares"]),
        ("runs: data/s/runs.csv\n", "", ["`runs` is missing", "path of the run sheet"]),
        ("title: New against old", "title: ''", ["title", "''"]),
        ("label: New", "lable: New", ["arms.new", "unknown key `lable`", "Did you mean `label`?"]),
        ("label: New", "label: 8", ["arms.new.label", "8 is not of type 'string'"]),
        (", role: baseline", "", ["arms", "0 arms have `role: baseline`", "base, new"]),
        (
            "label: New",
            "label: New, role: baseline",
            ["2 arms have `role: baseline`", "exactly one", "base, new"],
        ),
        ("role: baseline", "role: basline", ["arms.base.role", "'basline'", "`baseline`"]),
        (
            "  new: {label: New}\n",
            "",
            ["arms: ", "not have enough", "one of them with `role` baseline"],
        ),
        ("  loss: {label: Loss}", "  {}", ["metrics: {}", "the losses compared"]),
        (
            "headline: 6n_non_embedding",
            "headline: 6n_non_embeding",
            ["compute", "no convention `6n_non_embeding`", "Did you mean `6n_non_embedding`?"],
        ),
        ("headline:", "headlin:", ["compute", "unknown key `headlin`", "`headline`"]),
        (
            "headline: 6n_non_embedding",
            "headline: logged",
            ["convention `logged`", "log: {compute: <column>}"],
        ),
        ("compute: {headline: 6n_non_embedding}\n", "", ["`compute:", "headline", "missing"]),
        (
            "metrics:",
            "figures: [scalling]\nmetrics:",
            ["figures", "no `scalling`", "Did you mean `scaling`?"],
        ),
        ("metrics:", "tables: [fit]\nmetrics:", ["tables", "no `fit`", "Did you mean `fits`?"]),
        (
            "metrics:",
            "figures: [scaling, scaling]\nmetrics:",
            ["figures", "non-unique"],
        ),
        (
            "  loss: {label: Loss}",
            "  los: {label: Loss}",
            ["metrics.los", "`los` does not occur in data/s/logs/b1.csv", "Did you mean `loss`?"],
        ),
        (
            "label: Loss}",
            "label: Loss, column: val_loss}",
            ["metrics.loss", "`val_loss` does not occur", "Did you mean `loss`?"],
        ),
        (
            "metrics:",
            "log: {tokens: tokns}\nmetrics:",
            ["log.tokens", "`tokns` does not occur", "Did you mean `tokens`?"],
        ),
        ("metrics:", "log: {tokns: tokens}\nmetrics:", ["log", "unknown key `tokns`", "`tokens`"]),
        (
            "metrics:",
            "multiplier: {at_loss: [-2.1]}\nmetrics:",
            ["multiplier.at_loss.0", "-2.1", "minimum of 0"],
        ),
        ("metrics:", "multiplier: {at_loss: ['2.1']}\nmetrics:", ["multiplier.at_loss.0", "2.1"]),
        (
            "metrics:",
            "multiplier: {at_loss: {los: [2.1]}}\nmetrics:",
            ["multiplier.at_loss", "there is no metric `los`", "Did you mean `loss`?"],
        ),
        (
            "metrics:",
            "multiplier: {at_loss: {loss: [-1]}}\nmetrics:",
            ["multiplier.at_loss.loss.0", "-1", "minimum of 0"],
        ),
        ("metrics:", "multiplier: {at_loss: [.nan]}\nmetrics:", ["at_loss", "nan"]),
        ("metrics:", "multiplier: {at_loss: [.inf]}\nmetrics:", ["at_loss", "inf"]),
        ("metrics:", "multiplier: {confidence: 95}\nmetrics:", ["multiplier.confidence", "95"]),
        ("metrics:", "clean: {spike_mads: .nan}\nmetrics:", ["spike_mads", "nan"]),
        ("metrics:", "points: {window: 1.5}\nmetrics:", ["points.window", "1.5"]),
        ("metrics:", "fit: {law: powr}\nmetrics:", ["fit.law", "'powr'", "`power`"]),
        (
            "title: New against old",
            "title: New against old\ntitle: again",
            ["line 2, column 1", "key `title` stands twice"],
        ),
        ("arms:", "arms: [", ["line"]),
        (
            "runs: data/s/runs.csv",
            "runs: data/s/rnus.csv",
            ["data/s/rnus.csv", "no such run sheet"],
        ),
    ],
)
def test_a_mistake_in_a_study_is_named_with_file_key_value_and_mend(load, old, new, parts):
    assert old in STUDY
    message = mistake(load, STUDY.replace(old, new, 1), tables=["fits"])
    for part in ["s.yaml" if "rnus" not in new else "rnus.csv", *parts]:
        assert part in message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            "n1,new",
            "n1,nwe",
            ["data/s/runs.csv, line 4", "arm `nwe`", "Did you mean `new`?"],
        ),
        ("n2,new,2M", "b2,new,2M", ["line 5", "run `b2`", "line 3 already"]),
        ("logs/n2.csv", "logs/n1.csv", ["line 5", "log `logs/n1.csv`", "line 4 already"]),
        ("logs/n2.csv", "logs/n4.csv", ["line 5", "`logs/n4.csv` does not exist", "Did you mean"]),
        ("logs/n2.csv,2000000", "logs/n2.csv,nan", ["line 5", "n2", "parameters"]),
        (
            "logs/n2.csv,2000000",
            "logs/n2.csv,",
            ["line 5", "run n2", "`6n_non_embedding` needs `architecture` (or `parameters`)"],
        ),
        (",parameters", ",parmeters", ["unknown column `parmeters`", "Did you mean `parameters`?"]),
    ],
)
def test_a_mistake_in_the_sheet_is_named_with_line_value_and_mend(load, old, new, parts):
    assert old in SHEET
    message = mistake(load, sheet=SHEET.replace(old, new, 1), tables=["fits"])
    for part in ["data/s/runs.csv", *parts]:
        assert part in message


def test_a_convention_that_needs_an_architecture_says_so(load):
    message = mistake(load, STUDY.replace("6n_non_embedding", "matmul_causal"), tables=["fits"])
    assert "data/s/runs.csv, line 2, run b1" in message
    assert "`matmul_causal` needs `architecture` and `sequence_length`" in message


def test_one_log_by_two_names_is_found(load):
    sheet = SHEET.replace("logs/n2.csv", "logs/../logs/n1.csv")
    assert "n1.csv" in mistake(load, sheet=sheet, tables=["fits"])
    sheet = SHEET.replace("logs/n2.csv", "logs/n2.csv;logs/n1.csv")
    assert "n1.csv" in mistake(load, sheet=sheet, tables=["fits"])


@pytest.mark.parametrize("name", ["My_Study", "two words", "a.b"])
def test_a_name_that_cannot_stand_in_a_path_of_results_is_refused(load, name):
    load(tables=["fits"])
    Path(f"config/studies/{name}.yaml").write_text(STUDY)
    assert name in mistake(load, studies=[name], tables=["fits"])


def test_a_metric_that_only_a_compressed_log_could_tell_passes(load):
    load(tables=["fits"])
    for path in Path("data/s/logs").glob("*.csv"):
        path.write_bytes(b"\x1f\x8b\x00binary")
    assert load(tables=["fits"])


# --- published numbers

PAPER = STUDY + "multiplier: {at_loss: [2.1]}\npublished: data/s/published.yaml\n"


def test_published_numbers_that_fit_the_study_pass(load):
    assert load(PAPER, published=PUBLISHED, tables=["fits"])["s"].settings["published"]


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("arm: base", "arm: bse", ["fits, entry 1", "arm `bse`", "Did you mean `base`?"]),
        ("metric: loss, coeff", "metric: los, coeff", ["fits, entry 1", "metric `los`", "`loss`"]),
        (
            "candidate: new",
            "candidate: base",
            ["multipliers, entry 1", "candidate `base`", "new"],
        ),
        ("run: b1", "run: b9", ["compute, entry 1", "run `b9`", "b1, b2, b3, n1, n2, n3"]),
        ("loss: 2.1", "loss: 2.2", ["multipliers, entry 1", "loss 2.2", "at_loss", "2.1"]),
        ('"2.5"', "2.5", ["fits.0.coefficient", "2.5 is not of type 'string'"]),
        ('"2.5"', '"nan"', ["fits.0.coefficient", "'nan'"]),
        ('"2.5"', '"-2.5"', ["fits.0.coefficient", "'-2.5'"]),
        ("place: Table 1, ", "", ["fits.0", "`place` is missing"]),
        ("exponent: ", "exponnt: ", ["fits.0", "exponnt"]),
        ("source: A paper\n", "", ["`source` is missing"]),
        (
            "arm: base, metric: loss",
            "arm: base, metric: loss, convention: logged",
            ["fits, entry 1", "convention `logged`", "6n_non_embedding"],
        ),
    ],
)
def test_a_mistake_in_published_numbers_is_named(load, old, new, parts):
    assert old in PUBLISHED
    message = mistake(load, PAPER, published=PUBLISHED.replace(old, new, 1), tables=["fits"])
    for part in ["data/s/published.yaml", *parts]:
        assert part in message


@pytest.mark.parametrize(
    ("section", "entry", "parts"),
    [
        ("multipliers", 'candidate: new, multiplier: "1.2"', ["either `loss` or `compute`"]),
        (
            "savings",
            'candidate: new, loss: 2.1, compute: 3, saving: "20"',
            ["either `loss` or `compute`"],
        ),
        ("orderings", "arm: new, than: bse", ["than `bse`", "Did you mean `base`?"]),
        ("orderings", "arm: new, than: new", ["arm and than are both `new`"]),
        ("orderings", "arm: new, than: base, from: 10, to: 1", ["from 10 is not below to 1"]),
        ("floors", "arm: new", ["either `floor` or `than`"]),
        ("slopes", "arm: new, than: base, relation: steep", ["'steep'", "steeper"]),
        ("crossings", "arm: new, than: base, compute: nowhere", ["'nowhere'", "or none"]),
        ("losses", "arm: new, compute: 3, loss: 2.1", ["2.1 is not of type 'string'"]),
        (
            "trends",
            "arm: new, than: base, relation: grows, metrics: [loss, loss, los]",
            ["metric `los`", "Did you mean `loss`?"],
        ),
    ],
)
def test_a_mistake_in_a_statement_is_named(load, section, entry, parts):
    metric = "" if section == "trends" else "metric: loss, "
    text = f"source: A paper\n{section}:\n  - {{place: Table 1, {metric}{entry}}}\n"
    message = mistake(load, PAPER, published=text, tables=["fits"])
    for part in ["data/s/published.yaml", section, *parts]:
        assert part in message


def test_a_missing_file_of_published_numbers_is_named(load):
    assert "data/s/published.yaml: there is no such file" in mistake(load, PAPER, tables=["fits"])


# --- runs left out by name


def test_runs_are_left_out_by_name_with_a_reason(load):
    Path("data/s/logs/b9.csv").write_text("step,tokens,loss\n1,10,4.5\n2,20,4.25\n")
    sheet = SHEET + "b9,base,9M,logs/b9.csv,9000000\n"
    s = load(STUDY + "exclude: {b1: wrong tokeniser}\n", sheet, tables=["fits"])["s"]
    assert s.settings["exclude"] == {"b1": "wrong tokeniser"}
    assert load(STUDY, tables=["fits"])["s"].settings["exclude"] == {}


@pytest.mark.parametrize(
    ("exclude", "parts"),
    [
        ("{b11: lost}", ["exclude", "no run `b11`", "Did you mean `b1`?"]),
        ("{b1: lost, b2: lost, b3: lost}", ["exclude", "no run of arm `base` is left"]),
        ("{b1: ''}", ["exclude.b1", "why the run is left out"]),
        ("[b1]", ["exclude"]),
    ],
)
def test_a_mistake_in_what_is_left_out_is_named(load, exclude, parts):
    message = mistake(load, STUDY + f"exclude: {exclude}\n", tables=["fits"])
    for part in ["s.yaml", *parts]:
        assert part in message


def test_a_run_that_never_logged_a_metric_does_not_block_the_study(load):
    log = Path("data/s/logs/b1.csv")
    log.write_text("step,tokens,acc\n1,10,0.5\n")
    load(tables=["fits"])
    load(STUDY.replace("{label: Loss}", "{label: Loss, column: acc}"), tables=["fits"])
    message = mistake(load, STUDY.replace("{label: Loss}", "{column: nll}"), tables=["fits"])
    assert "`nll` does not occur in data/s/logs/b1.csv (run b1)" in message


def test_a_run_left_out_need_not_have_the_columns_that_the_study_names(load):
    Path("data/s/logs/b4.csv").write_text("step,loss\n1,4.5\n")
    text, sheet = STUDY + "log: {tokens: tokens}\n", SHEET + "b4,base,8M,logs/b4.csv,8000000\n"
    message = mistake(load, text, sheet, tables=["fits"])
    assert "`tokens` does not occur in data/s/logs/b4.csv (run b4)" in message
    load(text + "exclude: {b4: it logged no tokens}\n", sheet, tables=["fits"])


def test_a_column_that_a_log_lacks_is_told_without_words_of_what_is_no_log(load):
    Path("data/s/logs/b1.csv").write_text("hunter2:x:0:0:Hunter Two:/bin/hunter2\n" * 4)
    message = mistake(
        load, STUDY.replace("{label: Loss}", "{label: Loss, column: hunter1}"), tables=["fits"]
    )
    assert "`hunter1` does not occur in data/s/logs/b1.csv (run b1). No log format" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("label", [r"$\frac{$", r"$\nonsense$", "$a_$", "$\\left( x$", "$^$ a $"])
@pytest.mark.parametrize("where", ["arms.new", "metrics.loss"])
def test_a_label_whose_formula_cannot_be_drawn_is_named(load, where, label):
    plain = {"arms.new": "{label: New}", "metrics.loss": "{label: Loss}"}[where]
    text = STUDY.replace(plain, f"{{label: '{label}'}}")
    if label.count("$") == 3:  # an odd one is no formula for matplotlib
        load(text, tables=["fits"])
        return
    message = mistake(load, text, tables=["fits"])
    assert f"s.yaml: {where}.label: the formula in `{label}` cannot be drawn: " in message


@pytest.mark.parametrize("label", ["5 $", r"$L_\\infty^{2}$", r"\\$5 to \\$6", "a {"])
def test_labels_with_formulas_or_dollars_that_can_be_drawn_are_kept(load, label):
    text = STUDY.replace("{label: New}", f'{{label: "{label}"}}')
    assert load(text, tables=["fits"])["s"].arms["new"]["label"] == label.replace("\\\\", "\\")
