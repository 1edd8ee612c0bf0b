"""The sentences under the notebooks' figures: what was measured goes in, a paragraph comes out.

Nothing is measured here beyond counting. A sentence that a command prints too lives with its work
instead (`grading.gap_sentence`, `labelling.Check.sentence`, `evaluation.verdict`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from routerlib.labels import labelling
from routerlib.rows.schemas import (
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    Responses,
    Vote,
)
from routerlib.votes import ratings

if TYPE_CHECKING:
    import numpy as np

    from routerlib.labels.cleaning import Report
    from routerlib.labels.training_set import SourceAgreement
    from routerlib.training.examples import Examples
    from routerlib.training.router import Decision, Router

OFTEN_CUT = 0.05  # share of answers cut off from which the token limit is worth raising
SMALL_CHANGE = 0.02  # of p_superior, below which a conversation has told a router nothing
ALL_ALIKE = 0.98  # share of questions with one answer only from which a server hardly samples


# --- votes (01) ---


def votes(found: Sequence[Vote], questions: Collection[str], rejected: int) -> str:
    """How many votes there are, on what, by whom, and what is missing; `questions`: ids whose text
    is known."""
    asked = {vote.question_id for vote in found}
    winners = Counter(vote.winner for vote in found)
    return (
        f"{len(found):,} votes ({_share_told(winners['tie'], len(found))} ties) on {len(asked):,} "
        f"questions, {len(ratings.models_voted_on(found))} models, "
        f"{len({vote.judge for vote in found}):,} judges, turns "
        f"{', '.join(map(str, sorted({vote.turn for vote in found})))}; {rejected:,} broken rows, "
        f"{len(asked - set(questions)):,} questions without a text."
    )


def about_win_rates(models: Sequence[str], rate: np.ndarray, number: np.ndarray) -> str:
    """The best model against the last one: (m,) names, (m, m) rates and votes of
    `ratings.win_rates`."""
    if not number[0, -1]:
        return (
            f"{models[0]} and {models[-1]} never met; their ranks rest on the models between them."
        )
    return (
        f"{models[0]} won {rate[0, -1]:.0%} of its {number[0, -1]:,} votes against {models[-1]}, "
        "ties counted half."
    )


def tiers(ranked: Sequence[ratings.Rating], split: ratings.Tiers) -> str:
    """Which models are superior and inferior, by what rule, and how sure the border is."""
    weakest = [row for row in ranked if row.model in split.superior][-1]
    strongest = next(row for row in ranked if row.model in split.inferior)
    apart = (
        "do not overlap" if weakest.low > strongest.high else "overlap, so the border is uncertain"
    )
    gap = ratings.largest_gap(ranked)
    other = f" By {gap.rule}, the superior tier would be {', '.join(gap.superior)}."
    return (
        f"Superior: {', '.join(split.superior)}. Inferior: {', '.join(split.inferior)}. Rule: "
        f"{split.rule}. At the border, {weakest.model} has {weakest.rating:.0f} points "
        f"({weakest.low:.0f} to {weakest.high:.0f}) and {strongest.model} {strongest.rating:.0f} "
        f"({strongest.low:.0f} to {strongest.high:.0f}): the intervals {apart}."
        + (other if set(gap.superior) != set(split.superior) else "")
    )


def difficulty(rows: Sequence[ratings.Difficulty], threshold: float) -> str:
    """How often the superior side was needed, and what the threshold makes of the questions."""
    verdicts = Counter(row.verdict for row in rows)
    number = sum(row.votes for row in rows)
    won = _share_told(sum(row.superior_wins for row in rows), number)
    return (
        f"In {won} of {number:,} cross-tier votes only the superior side would do; in the others "
        "the inferior side won or tied. "
        f"At the threshold {threshold:g}, {verdicts[ROUTE_TO_INFERIOR]} questions are inferior, "
        f"{verdicts[ROUTE_TO_SUPERIOR]} superior and **{verdicts[ratings.UNDECIDED]} undecided**. "
        "(In each row of the figure, inferior circles stand a little lower and superior ones a "
        "little higher, so that none hides another.)"
    )


def about_votes_per_question(rows: Sequence[ratings.Difficulty]) -> str:
    """How many votes the questions have, and how wide the intervals of the poorest ones are."""
    few, many = min(row.votes for row in rows), max(row.votes for row in rows)
    widths = sorted(row.high - row.low for row in rows if row.votes == few)
    number = f"Every question has {few}" if few == many else f"Questions have {few} to {many}"
    return (
        f"{number} votes. With {few}, the interval of p_superior is {widths[0]:.2f} to "
        f"{widths[-1]:.2f} wide (median {widths[len(widths) // 2]:.2f})."
    )


def categories(rows: Sequence[ratings.Difficulty]) -> str:
    """The hardest and the easiest category for the inferior side."""
    means = list(ratings.mean_by_category(rows).items())
    (hardest, lost), (easiest, least) = means[0], means[-1]
    return (
        f"The inferior side loses most in {hardest} ({lost:.0%} of the votes) and least in "
        f"{easiest} ({least:.0%})."
    )


def agreement(on_answers: ratings.Agreement, on_label: ratings.Agreement, judges: int) -> str:
    """How far votes agree, and the accuracy that no router can exceed."""
    if not on_answers.pairs or not on_label.pairs:
        return "No two votes are about the same thing, so nothing can be said about agreement."
    return (
        f"Two {'judges' if judges > 1 else 'votes of the one judge'} agree on "
        f"{on_answers.share:.0%} of {on_answers.pairs:,} pairs of votes ({on_answers.low:.0%} to "
        f"{on_answers.high:.0%}). On what a router must say, they agree in {on_label.share:.0%} "
        f"({on_label.low:.0%} to {on_label.high:.0%}): **no router can predict more than "
        f"{ratings.ceiling(on_label.share or 0.0):.0%} of single votes**."
    )


# --- data set (02) ---


def filters(report: Report, is_meaning_checked: bool = True) -> str:
    """How many conversations came through, and which filter took most."""
    taken = {name: count for name, count in report.counts().items() if count}
    most = max(taken, key=taken.__getitem__, default="")
    which = f", most of them ({taken[most]:,}) for “{most}”" if most else ""
    unchecked = "" if is_meaning_checked else " The check of the meaning was left out."
    return (
        f"Of {report.read:,} conversations {report.kept:,} came through and "
        f"{sum(taken.values()):,} did not{which}.{unchecked}"
    )


def labeller(
    overall: labelling.Check, by_source: Mapping[str, labelling.Check], is_standin: bool = False
) -> str:
    """The verdict on a labeller, its calibration, and its agreement with each source of known
    labels."""
    constant = overall.majority_share * (1 - overall.majority_share)
    sources = ", ".join(
        f"{name} {check.agreement:.0%} of {check.rows}" for name, check in by_source.items()
    )
    return (
        f"{overall.sentence()} ECE {overall.ece:.2f}, Brier score {overall.brier:.2f} (a constant: "
        f"{constant:.2f}). By source of the known label (a prompt may have several): {sources}."
        + (
            " It is a stand-in of 135 million parameters: judge the way, not the labels."
            if is_standin
            else ""
        )
    )


def cost(trial: labelling.LabellingRun, prompts: int, price_in: float, price_out: float) -> str:
    """What labelling so many prompts, and a million, will take, from a trial; prices in dollars per
    million tokens."""
    read, written = trial.tokens_per_prompt()
    amount = (
        f"Labelling {prompts:,} prompts will take about {read * prompts:,.0f} tokens read and "
        f"{written * prompts:,.0f} written"
    )
    if not price_in and not price_out:
        return f"{amount}. No price is set, so no money is counted."
    price, million = (
        labelling.estimate_cost(trial, n, price_in, price_out) for n in (prompts, 1_000_000)
    )
    return f"{amount}, ${price:,.2f}; a million prompts ${million:,.2f}."


def judging_cost(requests: int, money: float) -> str:
    """What judging will take, before it is begun; money in dollars, 0 where no price is set."""
    amount = f"{requests:,} request{'' if requests == 1 else 's'} to judges"
    if not money:
        return f"{amount}. No price is set, so no money is counted."
    return f"{amount}, about ${money:,.4f}."


def labels(run: labelling.LabellingRun, rows: Sequence[LabelledPrompt]) -> str:
    """What share the labeller sends to the superior model, and whether there is more to see."""
    mean = sum(row.p_superior for row in rows) / max(1, len(rows))
    alike = ""
    if len(run.labels) == 1:
        alike = " All of them have one label: by length or category there is nothing to compare."
    return (
        f"The labeller sends {_share_told(run.labels.get(ROUTE_TO_SUPERIOR, 0), run.labelled)} of "
        f"{run.labelled:,} prompts to the superior model (mean p_superior {mean:.2f}); "
        f"{run.unparsable:,} answers could not be read.{alike}"
    )


def sources(table: Sequence[SourceAgreement]) -> str:
    """How often each pair of label sources agrees; rows of `training_set.agreement_rows`."""
    pairs = [
        f"{row.first} and {row.second} on {row.agreement:.0%} of {row.prompts:,} "
        f"prompts ({row.low:.0%} to {row.high:.0%})"
        for row in table
        if row.prompts
    ]
    return (
        f"Labels agree: {'; '.join(pairs)}."
        if pairs
        else "No two sources labelled the same prompt."
    )


# --- collecting (03) ---


def about_answer_lengths(rows: Mapping[str, Sequence[Responses]]) -> str:
    """How long the answers of each model are, how many were cut off, and what to do about it."""
    parts = []
    for role, of_model in rows.items():
        found = [sample for row in of_model for sample in row.responses]
        lengths = sorted(sample.completion_tokens or 0 for sample in found)
        cut = sum(sample.finish_reason == "length" for sample in found) / max(1, len(found))
        advice = " Raise MAX_TOKENS: an answer cut off is rarely right." if cut > OFTEN_CUT else ""
        median = lengths[len(lengths) // 2] if lengths else 0
        parts.append(
            f"Half of the {role} model's answers have at most {median} tokens; {cut:.1%} were cut "
            f"off.{advice}"
        )
    samples = (one for of_model in rows.values() for row in of_model for one in row.responses)
    if any(sample.completion_tokens_estimated for sample in samples):
        parts.append(
            "Where the server counted the tokens of a question's answers together, each answer has "
            "a share of them by its length, which can be beyond MAX_TOKENS."
        )
    return " ".join(parts)


def about_sample_agreement(alike: Mapping[str, float], temperature: float, k: int) -> str:
    """On how many questions all samples of a model are one answer; `alike`: role -> share in [0,
    1]."""
    if k < 2:
        return (
            "One answer a question cannot disagree with itself: raise K_RESPONSES to see how sure "
            "a model is."
        )
    shares = " and ".join(
        f"{share:.0%} of the {role} model's questions" for role, share in alike.items()
    )
    doubt = (
        " Does the server sample at all?"
        if temperature > 0 and max(alike.values(), default=0) > ALL_ALIKE
        else ""
    )
    return (
        f"All {k} samples agree, word for word, on {shares}. Where they differ, one sample is not "
        f"enough.{doubt}"
    )


# What `collection.measure_answers` counts -> (the line of the table, how its number is written)
UNITS = {
    "model": ("model", "{}"),
    "questions": ("questions", "{:,}"),
    "complete": ("complete questions", "{:,}"),
    "failed": ("failed questions", "{:,}"),
    "answers": ("answers", "{:,}"),
    "cut_off": ("answers cut off", "{:,}"),
    "empty": ("empty answers", "{:,}"),
    "all_samples_alike": ("questions whose answers are all alike", "{:.0%}"),
    "seconds": ("time of this run", "{:,.1f} s"),
    "samples_per_second": ("answers a second, this run", "{:,.1f}"),
    "cost": ("cost", "${:,.4f}"),
}


def collected(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """What was collected, as a Markdown table; role -> `collection.measure_answers` of it."""
    lines = ["| | " + " | ".join(facts) + " |", "|---|" + "---:|" * len(facts)]
    for name, (title, pattern) in UNITS.items():
        values = [_figure_that_tells(found, name) for found in facts.values()]
        is_told = any(values) or name not in ("cost", "empty", "cut_off", "failed")
        if is_told:
            cells = ["–" if value is None else pattern.format(value) for value in values]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure_that_tells(found: Mapping[str, Any], name: str) -> Any:
    """One figure of a model's answers; None where it tells nothing: one answer equals itself."""
    has_single_answers = found.get("answers", 0) <= found.get("complete", 0)
    is_empty = name == "all_samples_alike" and has_single_answers
    return None if is_empty else found.get(name)


# --- grading (04) ---


def rules(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The rule that found most answers, and how many outputs of each model gave none."""
    found = sum((Counter(summary["rules"]) for summary in summaries), Counter())
    (rule, count), *_ = found.most_common(1) or [("", 0)]
    missed = "; ".join(
        f"{summary['model']}: no answer {summary['none']['value']:.1%}, ambiguous "
        f"{summary['ambiguous']['value']:.1%}, cut off {summary['truncated']['value']:.1%}"
        for summary in summaries
    )
    return (
        f"The rule “{rule}” found {_share_told(count, found.total())} of {found.total():,} "
        f"answers. {missed}."
    )


# --- fine-tuning (05) ---


def rows(parts: Mapping[str, Sequence[Any]]) -> str:
    """How many rows each part of a split has; name -> rows."""
    called = {"held_back": "held back by 02's card", "unscored": "labelled without scores"}
    return ", ".join(f"{called.get(name, name)} {len(part):,}" for name, part in parts.items())


def loss(log: Sequence[Mapping[str, float]]) -> str:
    """Where the validation loss is least, and whether the encoder went on learning by heart; the
    Trainer's log."""
    seen = [(entry["eval_loss"], entry["epoch"]) for entry in log if "eval_loss" in entry]
    if not seen:
        return "No epoch was validated."
    least, epoch = min(seen)
    last, end = seen[-1]
    after = (
        f"it rose to {last:.4f} by epoch {end:g}: the rest was learnt by heart"
        if last > least
        else "it fell to the end"
    )
    return (
        f"The validation loss is least after epoch {epoch:g} ({least:.4f}), and those weights are "
        f"kept; {after}. (Compare the courses, not the levels: the two losses are of different "
        "rows, and in training a part of the network is switched off at random, dropout.)"
    )


def ends(test: Examples, tokens: float) -> str:
    """The two ends of the curve: both models' accuracy on the test rows; tokens of a call, behind
    the costs."""
    return (
        f"Always the superior model is right on {test.superior.mean():.1%} of {len(test):,} test "
        f"prompts, always the inferior one on {test.inferior.mean():.1%}. The wide band is what so "
        "many rows can tell. The oracle knows both answers; its curve falls at the right end, "
        "where it would have to call the superior model on questions that only the inferior one "
        f"gets right. Costs are for {tokens:,.0f} tokens a call of the superior model."
    )


def promise(certificate: Mapping[str, Any], loss: float, low: float, high: float) -> str:
    """What the certified threshold loses on rows that had no part in it, and whether that is what
    was promised.

    Args:
        certificate: as the router keeps it. loss, low, high: of accuracy, with its 95 % interval.
    """
    if not certificate["certified"]:
        return ""
    verdict = "within the promise"
    if loss > certificate["epsilon"]:
        verdict = "more than promised, but so few rows cannot tell"
    if low > certificate["epsilon"]:
        verdict = (
            f"more than promised; {certificate['delta']:.0%} of all certificates may fail like that"
        )
    lost_or_won = "lose" if loss >= 0 else "win"
    change = f"95 % interval of the change {-100 * high:+.1f} to {-100 * low:+.1f}"
    return (
        f"At the certified threshold these rows {lost_or_won} {100 * abs(loss):.1f} points of "
        f"accuracy ({change}): {verdict}."
    )


def calibration(before: float, after: float, by_chance: float) -> str:
    """What calibration did to the ECE, and what ECE pure chance would show."""
    verdict = (
        "what remains is no more than chance explains"
        if after <= by_chance
        else f"{after - by_chance:.3f} of it are more than chance explains"
    )
    return (
        f"Calibration takes the ECE from {before:.3f} to {after:.3f}; {verdict}, since a router "
        f"that is exactly right would show {by_chance:.3f} on as many rows. The bars are 95 % "
        "intervals."
    )


def separation(auc: float, threshold: float) -> str:
    """How far the scores tell the labels apart; auc in [0, 1]."""
    return (
        f"AUC {auc:.3f} on this split's test rows (0.5: the two distributions are one); at or "
        f"above {threshold:.3f} a prompt goes to the superior model."
    )


# --- demo (06) ---


def routed(router: Router, scores: np.ndarray) -> str:
    """Where a router sends prompts at its threshold, and where half of them would go; scores: (n,)
    in [0, 1]."""
    up = int((scores >= router.threshold).sum())
    return (
        f"At its threshold of {router.threshold:.3f} the {router.name} sends "
        f"{_share_told(up, len(scores))} of {len(scores):,} prompts to the superior model; at "
        f"{sorted(scores)[len(scores) // 2]:.3f} it would be half of them."
    )


def follow_up(alone: Decision, within: Decision) -> str:
    """What the conversation before it changes for a prompt, and whether that is much."""
    change = within.p_superior - alone.p_superior
    told = (
        f"Alone, the follow-up has p_superior {alone.p_superior:.3f} ({alone.model}); within the "
        f"conversation {within.p_superior:.3f} ({within.model}): a difference of {change:+.3f}"
    )
    if alone.model != within.model:
        return f"{told}, which sends it to the other model."
    if abs(change) < SMALL_CHANGE:
        return (
            f"{told}, next to nothing. This router has learnt from single questions, so that a "
            "conversation tells it little; train it on conversations if yours are long."
        )
    return f"{told}, which does not change where it goes."


def _share_told(part: float, whole: float) -> str:
    return f"{part / max(1, whole):.0%}"
