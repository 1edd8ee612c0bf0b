"""What the figures show: the numbers on their axes, not their looks."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from routerlib.labels import labelling, training_set
from routerlib.notebook import plots
from routerlib.rows.schemas import LABELS, LabelledPrompt, Responses, Vote, VoteQuestion
from routerlib.stats import metrics
from routerlib.training.evaluation import CategoryResult
from routerlib.votes import ratings


@pytest.fixture(autouse=True)
def _house_style_and_closed_afterwards():
    plots.use_house_style()
    yield
    plt.close("all")


def test_a_figure_is_saved_shown_once_and_read(monkeypatch, tmp_path):
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path))
    shown, alternatives = [], []

    def display(what, metadata=None):
        shown.append(what)
        alternatives.append(metadata)

    monkeypatch.setattr("IPython.display.display", display)
    figure = plots.routed_prompts([0.1, 0.9], 0.5)
    plots.show(figure, "06-test", "Costs **$2** at <b>.")
    assert (tmp_path / "figures" / "06-test.png").stat().st_size > 1000
    assert shown[0] is figure and not plt.fignum_exists(figure.number)
    assert shown[1].data == "**Reading.** Costs **&#36;2** at &lt;b&gt;."
    assert alternatives[0] == {"image/png": {"alt": "Costs $2 at <b>."}}


def test_the_house_style_is_the_same_whatever_the_user_has_set(monkeypatch):
    import matplotlib as mpl

    plots.use_house_style()
    ours = dict(mpl.rcParams)
    mpl.rcParams.update({"font.size": 30, "text.usetex": True, "figure.figsize": (1, 1)})
    plots.use_house_style()
    assert dict(mpl.rcParams) == ours


# --- extracting and grading (04) ---


def test_no_matplotlibrc_and_no_style_sheet_of_the_users_is_even_read(tmp_path):
    damaged = {
        "home/matplotlibrc": b"no.such.key: 1\ntext.usetex: True\n",
        "home/stylelib/mine.mplstyle": b"font.size: \xff\n",
        "work/matplotlibrc": b"font.size: \xff\n",
    }
    for name, content in damaged.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    code = (
        "import os; from routerlib.notebook import plots; plots.use_house_style(); "
        "import matplotlib; print(matplotlib.rcParams['text.usetex'], os.getcwd())"
    )
    project = str(Path(plots.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "work",
        env=os.environ | {"MPLCONFIGDIR": str(tmp_path / "home"), "PYTHONPATH": project},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", str(tmp_path / "work")]
    assert "matplotlibrc" not in done.stderr and "mplstyle" not in done.stderr


def test_rules_are_shares_of_each_models_outputs_least_accurate_first():
    summaries = [
        {"model": "good", "accuracy": {"value": 0.9}, "rules": {"first line": 3, "boxed": 1}},
        {"model": "bad", "accuracy": {"value": 0.2}, "rules": {f"rule {i}": 1 for i in range(12)}},
    ]
    axes = plots.answers_read(summaries).axes[0]
    assert [bars.get_label() for bars in axes.containers] == ["bad", "good"]
    for bars in axes.containers:
        assert sum(bar.get_width() for bar in bars) == pytest.approx(1)
    assert axes.get_yticklabels()[-1].get_text() == "other"


# --- fine-tuning (05) ---


@pytest.fixture
def graded():
    """Scores that know the need for the superior model, and both models' answers."""
    rng = np.random.default_rng(2)
    need = rng.beta(1, 3, 400)
    return (
        need,
        (rng.random(400) < 0.85 - 0.7 * need).astype(float),
        (rng.random(400) < 0.8).astype(float),
    )


def test_cost_quality_shows_every_router_both_models_and_the_certified_point(graded):
    score, inferior, superior = graded
    scores = {
        "ours": score,
        "random": np.random.default_rng(1).random(400),
        "constant": np.full(400, 0.4),
    }
    certified = {"certified": True, "threshold": 0.2}
    axes = plots.cost_quality(scores, inferior, superior, "ours", certified).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert {"ours", "random", "constant", "oracle", "certified threshold"} <= set(lines)
    share, accuracy = lines["ours"].get_data()
    assert (share[0], share[-1]) == (0, 1) and accuracy[-1] == pytest.approx(superior.mean())
    assert lines["certified threshold"].get_xdata()[0] == pytest.approx((score >= 0.2).mean())
    assert lines["oracle"].get_ydata().max() == pytest.approx(np.maximum(inferior, superior).mean())
    bare = plots.cost_quality(
        {"ours": score}, inferior, superior, "ours", {"certified": False}
    ).axes[0]
    assert "certified threshold" not in [line.get_label() for line in bare.get_lines()]


def test_of_many_baselines_the_best_are_named_and_the_others_counted(graded):
    score, inferior, superior = graded
    rng = np.random.default_rng(1)
    noise = {f"noise {number}": rng.random(400) for number in range(6)}
    scores = {"ours": score, "good": score + 0.01 * rng.random(400), **noise}
    axes = plots.cost_quality(scores, inferior, superior, "ours").axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names[0] == "ours" and "good" in names and "4 further baselines" in names
    assert len([name for name in names if name.startswith("noise")]) == 2


def test_reliability_names_both_calibration_errors(graded):
    score, inferior, superior = graded
    y = (superior > inferior).astype(float)
    before, after = plots.reliability(score**3, score, y).axes
    assert f"{metrics.ece(score**3, y):.3f}" in before.get_title(loc="left")
    assert f"{metrics.ece(score, y):.3f}" in after.get_title(loc="left")


def test_score_distributions_hold_every_prompt_of_each_label(graded):
    score, inferior, superior = graded
    labels = [LABELS[int(only)] for only in superior > inferior]
    axes = plots.score_distributions(score, labels, 0.3).axes[0]
    assert [sum(bar.get_height() for bar in bars) for bars in axes.containers] == pytest.approx(
        [1, 1]
    )
    assert plots.score_distributions(np.full(5, 1.0), LABELS[:1] * 5).axes[0].containers


def test_no_bar_of_scores_holds_prompts_of_both_sides_of_the_threshold():
    scores = np.round(np.random.default_rng(0).uniform(0.1, 0.9, 200), 3)
    threshold = 0.437
    for score in (np.append(scores, threshold), np.append(scores, np.nextafter(threshold, 0))):
        labels = [LABELS[0]] * len(score)
        axes = plots.score_distributions(score, labels, threshold).axes[0]
        below = sum(bar.get_height() for bar in axes.patches if bar.get_x() < threshold - 1e-9)
        assert below == pytest.approx((score < threshold).mean())
        widths = [bar.get_width() for bar in axes.patches]
        assert max(widths) == pytest.approx(min(widths)), "bars are as wide as each other"


def test_loss_curves_mark_the_best_epoch():
    history = [
        {"epoch": 1, "loss": 0.7},
        {"epoch": 1, "eval_loss": 0.6},
        {"epoch": 2, "eval_loss": 0.5},
        {"epoch": 3, "eval_loss": 0.8},
    ]
    labels = [line.get_label() for line in plots.loss_curves(history).axes[0].get_lines()]
    assert "kept: 0.5000 at epoch 2" in labels and "training" in labels
    # A run without logs
    assert not plots.loss_curves([{"epoch": 1, "train_runtime": 3.0}]).axes[0].get_lines()


def test_the_share_table_reads_without_prices_and_without_a_gap(graded):
    score, inferior, superior = graded
    priced = plots.shares_as_markdown(
        metrics.share_table(score, inferior, superior, inferior_cost=0.001, superior_cost=0.02)
    )
    assert "$20.00" in priced and "| 100% |" in priced and len(priced.splitlines()) == 10
    rows = metrics.share_table(score, inferior, superior, threshold=0.5)
    marked = [
        line for line in plots.shares_as_markdown(rows, marked=0.5).splitlines() if "**" in line
    ]
    assert len(marked) == 1 and marked[0].startswith("| **0.500** |")
    bare = plots.shares_as_markdown(metrics.share_table(score, superior, inferior))
    assert "cost" not in bare and "–" in bare


def test_a_category_without_a_gap_has_no_apgr():
    row = CategoryResult("sums", 3, inferior=0.5, superior=0.5, p_superior=0.1, apgr=float("nan"))
    assert plots.category_table([row]).splitlines()[-1] == "| sums | 3 | 50% | 50% | – |"


# --- demo (06) ---


def names_in_legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_routed_prompts_counts_those_of_each_side():
    figure = plots.routed_prompts([0.1, 0.2, 0.5, 0.9], 0.5)
    axes, labels = figure.axes[0], names_in_legend(figure)
    assert "to the inferior model: 2 prompts" in labels
    assert "to the superior model: 2 prompts" in labels
    assert sum(bar.get_height() for bar in axes.patches) == 4
    assert min(abs(bar.get_x() - 0.5) for bar in axes.patches) < 1e-9, (
        "the threshold is the edge of a bar"
    )
    everything = plots.routed_prompts([0.3, 0.3], 1.0)
    assert "to the superior model: 0 prompts" in names_in_legend(everything)


@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_the_legend_of_routed_prompts_lies_on_no_bar(threshold):
    """Whichever side the tall bars are on, and with as many prompts as a log has."""
    scores = np.concatenate([np.linspace(0.1, 0.9, 100), *([x] * 100_000 for x in (0.15, 0.8))])
    figure = plots.routed_prompts(scores, threshold)
    figure.canvas.draw()
    legend, panel = figure.legends[0].get_window_extent(), figure.axes[0].get_tightbbox()
    assert not legend.overlaps(panel)
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.width, "no name is cut off"


# --- collecting (03) ---


def responses(model, *answers):
    """One question a group of (text, tokens, finish reason)."""
    return [
        Responses(
            unique_id=str(number),
            problem="?",
            is_mcq=False,
            answer_correct="1",
            model=model,
            responses=[
                {"full_response": text, "completion_tokens": n, "finish_reason": why}
                for text, n, why in group
            ],
        )
        for number, group in enumerate(answers)
    ]


def test_answer_lengths_count_every_answer_once():
    rows = {
        "a": responses("a", [("x", 1, "stop"), ("y", 32, "length")], [("z", 2, None)]),
        "b": responses("b", [("x", 3, "stop")]),
    }
    left, right = plots.answer_lengths(rows).axes
    assert (
        sum(bar.get_height() for bar in left.patches) == 3
        and sum(bar.get_height() for bar in right.patches) == 1
    )
    said = {text.get_text() for text in left.get_legend().get_texts()}
    assert said == {"stop (1)", "length (1)", "None (1)"}
    assert left.get_yscale() == "log", "one answer that was cut off shows beside a thousand"


def test_sample_agreement_is_a_share_of_questions():
    answers = [[("x", 1, "stop"), (" x", 1, "stop")], [("x", 1, "stop"), ("y", 1, "stop")]]
    rows = {"a": responses("a", *answers), "b": []}
    bars = plots.sample_agreement(rows).axes[0].patches
    assert [bar.get_height() for bar in bars] == [0.5, 0.5, 0.0]


def test_reliability_draws_bins_whose_interval_ends_at_their_mean():
    p = np.full(30, 0.1)
    assert plots.reliability(p, p, np.zeros(30)).axes
    assert plots.reliability(p, p, np.ones(30)).axes


def test_reliability_cuts_no_mark_at_the_edge():
    axes = plots.reliability(np.zeros(30), np.full(30, 0.5), np.zeros(30)).axes[0]
    assert axes.get_xlim()[0] < 0 and axes.get_ylim()[0] < 0


# --- analysis (01) and data set (02) ---


@pytest.fixture
def analysed():
    """Votes of three models, with what `ratings` makes of them."""
    rng, votes = np.random.default_rng(4), []
    for i in range(400):
        a, b = rng.choice(["big", "small", "tiny"], 2, replace=False)
        winner = ("model_a", "model_b", "tie")[
            rng.choice(3, p=[0.6, 0.2, 0.2] if a < b else [0.2, 0.6, 0.2])
        ]
        votes.append(
            Vote(
                question_id=str(i % 20),
                model_a=a,
                model_b=b,
                winner=winner,
                judge=str(i),
                turn=1 + i % 2,
            )
        )
    questions = {
        str(i): VoteQuestion(question_id=i, category=f"c{i % 4}", turns=["one", "two"])
        for i in range(20)
    }
    ranked = ratings.rank_models(votes, n=10)
    tiers = ratings.split_tiers(ranked, "big")
    return votes, ranked, tiers, ratings.difficulties(votes, questions, tiers)


def test_the_matrix_of_win_rates_shows_every_pair_and_its_votes(analysed):
    models, rate, number = ratings.win_rates(analysed[0])
    texts = [text.get_text() for text in plots.win_rate_grid(models, rate, number).axes[0].texts]
    assert (
        f"{rate[0, 1]:.0%}\n{number[0, 1]}" in texts and len([text for text in texts if text]) == 6
    )


def test_the_ranking_shows_each_model_once_best_on_top_and_both_tiers(analysed):
    _, ranked, tiers, _ = analysed
    axes = plots.ranking(ranked, tiers).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [row.model for row in ranked]
    assert axes.yaxis_inverted()
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"superior", "inferior"}


def test_every_question_is_in_the_circle_of_its_category_and_label(analysed):
    rows = analysed[3]
    axes = plots.question_difficulty(rows, 0.5).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert sorted(names) == [f"c{number} (5)" for number in range(4)]
    one = 14.0  # the area of a circle for one question
    drawn = [round(points.get_sizes().sum() / one) for points in axes.collections]
    assert sum(drawn) == len(rows) == 20
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"{name} ({number})"
        for name, number in zip(("inferior", "undecided", "superior"), drawn, strict=True)
    ]
    decided = sum(row.is_decided for row in rows)
    assert drawn[0] + drawn[2] == decided


def test_agreements_show_each_share_and_its_pairs(analysed):
    votes, _, tiers, _ = analysed
    found = {
        "same pair": ratings.human_agreement(votes),
        "label": ratings.label_agreement(votes, tiers),
    }
    axes = plots.agreements(found).axes[0]
    assert f"same pair ({found['same pair'].pairs:,})" in [
        tick.get_text() for tick in axes.get_yticklabels()
    ]
    assert f"{found['label'].share:.0%}" in [text.get_text() for text in axes.texts]


def test_votes_and_categories_are_counted_in_full(analysed):
    rows = analysed[3]
    assert sum(bar.get_height() for bar in plots.votes_per_question(rows).axes[0].patches) == 20
    means = ratings.mean_by_category(rows)
    axes = plots.category_difficulty({"turn 1": means, "turn 2": means}).axes[0]
    assert sorted(bar.get_width() for bar in axes.patches) == pytest.approx(
        sorted([*means.values()] * 2)
    )


def test_the_filters_figure_has_a_bar_for_each_filter_and_what_was_kept():
    axes = plots.filter_counts({"short": 3, "long": 0}, 1234).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3, 0, 1234]
    assert "1,234" in [text.get_text() for text in axes.texts]


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    rows = []
    for i, p in enumerate(rng.random(60)):
        fields = {"category": f"c{i % 3}", "language": ("English", "German")[i % 2]}
        rows.append(
            LabelledPrompt(
                id=i,
                prompt=f"prompt {i} " + "x" * i,
                label=LABELS[int(p > 0.5)],
                p_superior=p,
                source="llm",
                **fields,
            )
        )
    return rows


def test_label_shares_by_length_language_and_category(labels):
    by_length, by_language, by_category = plots.label_shares(labels).axes
    assert [len(axes.patches) for axes in (by_length, by_language, by_category)] == [4, 2, 3]
    german = [row for row in labels if row.language == "German"]
    share = sum(row.label == LABELS[1] for row in german) / len(german)
    assert share in [pytest.approx(bar.get_width()) for bar in by_language.patches]
    counted = sum(int(tick.get_text().rsplit("(")[1][:-1]) for tick in by_length.get_yticklabels())
    assert counted == len(labels)


def test_label_shares_leave_out_a_single_group_and_take_small_ones_together(labels):
    rows = [
        row.model_copy(update={"language": "English", "category": "rare" if i < 3 else "often"})
        for i, row in enumerate(labels)
    ]
    by_length, by_category = plots.label_shares(rows).axes
    assert by_length.get_title(loc="left").startswith("by length")
    names = [tick.get_text() for tick in by_category.get_yticklabels()]
    assert names == ["often (57)", "others (3)"]


def test_the_labellers_figure_shows_its_confusion(labels):
    known = [
        row.model_copy(update={"label": LABELS[i % 2], "source": "human"})
        for i, row in enumerate(labels)
    ]
    check = labelling.compare_labels(known, labels)
    figure = plots.labeller_check(check, known, labels)
    left, right = figure.axes
    assert sum(int(text.get_text()) for text in left.texts) == 60
    low, high = right.get_ylim()
    assert right.get_xlim() == (low, high) and low < 0, "a mark at 0 is cut"
    ends = [segment[:, 1].max() for segment in right.collections[0].get_segments()]
    assert max(ends) < high < 1, "small shares are spread, and no interval is cut"
    assert set(names_in_legend(figure)) == {"calibrated", "labeller, 95 % interval"}
    figure.canvas.draw()
    assert not figure.legends[0].get_window_extent().overlaps(right.get_tightbbox())


def test_a_labellers_marks_at_one_are_whole(labels):
    sure = [row.model_copy(update={"p_superior": 1.0, "label": LABELS[1]}) for row in labels]
    known = [row.model_copy(update={"source": "human"}) for row in sure]
    _, right = plots.labeller_check(labelling.compare_labels(known, sure), known, sure).axes
    for low, high in (right.get_xlim(), right.get_ylim()):
        assert low < 0 and high > 1, "a mark at 0 or 1 is cut"


def test_sources_without_a_prompt_in_common_say_so(labels):
    elsewhere = labels[0].model_copy(update={"source": "graded", "prompt": "another prompt"})
    table = training_set.agreement_rows(
        [*labels, *[row.model_copy(update={"source": "human"}) for row in labels], elsewhere]
    )
    axes = plots.source_agreement(table).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == [
        "100%",
        "no prompt in common",
        "no prompt in common",
    ]
    assert "human and llm (60)" in [tick.get_text() for tick in axes.get_yticklabels()]
