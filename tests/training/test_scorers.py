"""Each scorer learns what it says it learns.

From scores, from weights, from words, from the surface.
"""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from tiny_encoder import tiny_encoder, within

from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats import calibration
from routerlib.stats.calibration import sigmoid
from routerlib.training import encoders, examples, features, scorers


def learners(encoder):
    return {
        "category": scorers.CategoryMean(),
        "tfidf": scorers.TfidfRidge(),
        "linear": scorers.EmbeddingLogistic(encoder),
        "knn": scorers.Neighbours(encoder),
        "kernel": scorers.Kernel(encoder),
    }


def made(prompts, inferior, superior, weights=None, categories=None):
    """Graded examples from plain lists."""
    number = len(prompts)
    inferior, superior = np.array(inferior, dtype=float), np.array(superior, dtype=float)
    return examples.Examples(
        texts=list(prompts),
        categories=list(categories or ["any"] * number),
        p_superior=superior * (1 - inferior),
        inferior=inferior,
        superior=superior,
        weights=np.ones(number) if weights is None else np.array(weights, dtype=float),
        sources=["graded"] * number,
        groups=np.arange(number),
        splits=[""] * number,
    )


EASY, HARD = "what is the capital of peru {}", "prove the theorem {}"


def contradicted(weight):
    """Every prompt twice: once as needing the superior model, once, with another weight, as not."""
    prompts = [EASY.format(n) for n in range(40)] + [HARD.format(n) for n in range(40)]
    needs = np.r_[np.zeros(40), np.ones(40)]
    return made(
        prompts * 2,
        inferior=np.r_[1 - needs, needs],
        superior=np.ones(160),
        weights=np.r_[np.ones(80), np.full(80, weight)],
        categories=(["chat"] * 40 + ["proof"] * 40) * 2,
    )


NAMES = ("category", "tfidf", "linear", "knn", "kernel")


@pytest.mark.parametrize("name", NAMES)
def test_what_can_learn_learns(name, train, encoder):
    scorer = learners(encoder)[name].fit(train)
    hard = np.array([category == "proof" for category in train.categories])
    p = scorer.score(train.texts, train.categories)
    assert p[hard].mean() > p[~hard].mean() + 0.02
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("weight", "hard_is_higher"), [(0.05, True), (20.0, False)])
def test_a_row_counts_as_much_as_its_weight(name, weight, hard_is_higher, encoder):
    scorer = learners(encoder)[name].fit(contradicted(weight))
    easy, hard = scorer.score([EASY.format(5), HARD.format(5)], ["chat", "proof"])
    assert bool(hard > easy) is hard_is_higher


def test_a_constant_is_the_weighted_mean_of_the_labels():
    data = made(["a", "b"], inferior=[0, 1], superior=[1, 1], weights=[3, 1])
    assert scorers.Constant().fit(data).score(["x", "y"]).tolist() == [0.75, 0.75]
    sure = made(["a"], inferior=[1], superior=[1])
    assert scorers.Constant().fit(sure).score(["x"]).tolist() == [1e-6]
    assert scorers.Constant().fit(made(["a"], [0], [1])).score(["x"]).tolist() == [1 - 1e-6]


def test_a_random_score_is_of_the_text_alone_and_spread_evenly(train):
    texts = [f"prompt {n}" for n in range(2000)]
    p = scorers.Random().fit(train).score(texts)
    assert p.tolist() == scorers.Random().score(texts).tolist()
    assert abs(p.mean() - 0.5) < 0.03 and p.std() == pytest.approx(12**-0.5, abs=0.02)
    assert ((p > 0) & (p < 1)).all()
    digest = hashlib.blake2b(b"prompt 0", digest_size=6).digest()
    assert p[0] == pytest.approx(int.from_bytes(digest, "big") / 2**48, abs=1e-12)


def test_a_rare_category_is_drawn_to_the_mean_of_all():
    data = made(
        [f"t{n}" for n in range(31)],
        inferior=[0] * 20 + [1] * 10 + [1],
        superior=[1] * 31,
        categories=["often"] * 20 + ["never"] * 10 + ["once"],
    )
    scorer = scorers.CategoryMean().fit(data)
    overall = 20 / 31
    wanted = {
        "often": (20 + 10 * overall) / 30,
        "never": 10 * overall / 20,
        "once": 10 * overall / 11,
        "new": overall,
    }
    p = scorer.score([""] * 4, list(wanted))
    gains = calibration.log_odds(p) / 2
    assert gains == pytest.approx(list(wanted.values()))
    assert calibration.log_odds(scorer.score([""])) / 2 == pytest.approx([overall])


def test_neighbours_are_the_nearest_and_a_fifth_of_few_rows(encoder):
    prompts = [EASY.format(n) for n in range(25)] + [HARD.format(n) for n in range(25)]
    data = made(prompts, [1] * 25 + [0] * 25, [1] * 50)
    scorer = scorers.Neighbours(encoder).fit(data)
    assert scorer.plain["neighbours"] == 10
    p = scorer.score([EASY.format(3), HARD.format(3)])
    assert calibration.log_odds(p) / 2 == pytest.approx([0, 1], abs=1e-4)
    assert scorers.Neighbours(encoder).fit(data.take([0, 1])).plain["neighbours"] == 1


def test_the_logistic_scorer_is_the_difference_of_both_models(encoder):
    """Where both are always right, nothing is gained, however hard the prompt looks."""
    prompts = [EASY.format(n) for n in range(30)] + [HARD.format(n) for n in range(30)]
    both = scorers.EmbeddingLogistic(encoder).fit(made(prompts, [1] * 60, [1] * 60))
    assert both.score(prompts) == pytest.approx(np.full(60, 0.5), abs=1e-3)
    worse = scorers.EmbeddingLogistic(encoder).fit(made(prompts, [1] * 60, [0] * 60))
    assert (worse.score(prompts) < 0.2).all()


def test_a_row_without_scores_teaches_its_label(encoder):
    listed = [
        LabelledPrompt(
            id=str(n),
            prompt=(HARD if n % 2 else EASY).format(n),
            label="ROUTE_TO_SUPERIOR" if n % 2 else "ROUTE_TO_INFERIOR",
            p_superior=n % 2,
            source="llm",
        )
        for n in range(80)
    ]
    data = examples.from_rows(listed)
    for name, scorer in learners(encoder).items():
        if name != "category":
            easy, hard = scorer.fit(data).score([EASY.format(5), HARD.format(5)])
            assert hard > easy + 0.05, name


def test_words_that_occur_once_teach_tfidf_nothing():
    data = made(["alpha beta", "gamma delta"], [1, 0], [1, 1])
    with pytest.raises(scorers.ScorerError, match="no word that occurs in two of the 2"):
        scorers.TfidfRidge().fit(data)


def test_the_ridge_penalty_grows_with_the_noise():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(200, 60)), rng.normal(size=200)
    signal = x[:, 0]
    sizes = [
        np.abs(scorers._ridge(x, y, np.ones(200), (0.01, 10_000.0))[1]).sum()
        for y in (signal, noise)
    ]
    assert sizes[1] < 0.2 * sizes[0]
    intercept, weights = scorers._ridge(x, signal + 3, np.ones(200), (0.01,))
    assert intercept == pytest.approx(3, abs=0.05) and weights[0] == pytest.approx(1, abs=0.05)


# --- the kernel ---


def test_the_kernel_reads_the_surface_of_a_text(encoder):
    """The same words to the encoder (all unknown), but half of the prompts are full of digits."""
    words = [f"zzz{chr(97 + n % 26)} " * 6 for n in range(60)]
    prompts = [word + (" 12345 67890" * 3 if n % 2 else "") for n, word in enumerate(words)]
    shown = [text.replace("1", "9") for text in prompts[:20]]
    data = made(prompts, inferior=[1 - n % 2 for n in range(60)], superior=[1] * 60)
    flat = scorers.Kernel(encoder)
    flat.encoder = Blind()
    p = flat.fit(data).score(shown)
    assert p[1::2].min() > p[0::2].max() + 0.1


class Blind:
    """An encoder that sees nothing: every text lies on the same point."""

    max_length = 8

    def embed(self, texts):
        return np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (len(texts), 1))


def test_the_kernel_uses_a_category_where_one_is_given(encoder):
    blind = scorers.Kernel(Blind())
    same = ["say hello"] * 60
    data = made(same, [1] * 30 + [0] * 30, [1] * 60, categories=["chat"] * 30 + ["proof"] * 30)
    blind.fit(data)
    chat, proof, new = blind.score(["say hello"] * 3, ["chat", "proof", "never seen"])
    assert chat < new < proof
    assert blind.score(["say hello"])[0] == pytest.approx(new)


def test_the_kernel_learns_at_most_so_many_rows(encoder, monkeypatch, train):
    monkeypatch.setattr(scorers.Kernel, "MOST_ROWS", 40)
    scorer = scorers.Kernel(encoder).fit(train)
    assert len(scorer.arrays["embeddings"]) == 40
    again = scorers.Kernel(encoder).fit(train)
    assert np.array_equal(scorer.arrays["embeddings"], again.arrays["embeddings"])


def test_the_kernel_scores_block_by_block_as_it_scores_at_once(encoder, monkeypatch, train):
    scorer = scorers.Kernel(encoder).fit(train)
    whole = scorer.score(train.texts, train.categories)
    monkeypatch.setattr(scorers.Kernel, "ROWS_AT_ONCE", 7)
    assert scorer.score(train.texts, train.categories) == pytest.approx(whole, abs=1e-6)


def test_far_from_all_it_has_seen_the_kernel_says_the_mean():
    far = scorers.Kernel(Blind())
    data = made([f"w{n}" for n in range(40)], [0.25] * 40, [0.75] * 40)
    far.fit(data)
    assert far.score(["w1"])[0] == pytest.approx(0.75 * 0.75, abs=0.01)


def test_kernel_ridge_is_the_closed_form():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    weights = rng.random(30) + 0.5
    kernel = scorers._gaussian(x, x, 0.5)
    distance = ((x[3] - x[7]) ** 2).sum()
    assert kernel[3, 7] == pytest.approx(np.exp(-0.5 * distance), rel=1e-4)
    assert np.diag(kernel) == pytest.approx(np.ones(30))
    penalties = np.diag(2.0 * weights.mean() / weights)
    wanted = np.linalg.solve(kernel + penalties, y)
    assert scorers._ridge_dual(kernel, y, weights, 2.0) == pytest.approx(wanted, abs=1e-4)


def test_a_surface_feature_far_out_is_cut(encoder, train):
    scorer = scorers.Kernel(encoder).fit(train)
    odd = scorer._standardised(features.surface_features(["?" * 500]))
    assert np.abs(odd).max() == 4 and scorer.arrays["surface"].std() == pytest.approx(0.8, abs=0.4)


# --- a blend that an earlier version saved ---


def test_a_blend_is_the_weighted_sum_of_its_parts_on_one_scale():
    parts = [scorers.Constant(), scorers.Constant()]
    parts[0].plain["p"], parts[1].plain["p"] = 0.8, 0.3
    blend = scorers.Blend(parts, [0.7, 0.3], [0.5, -1.0], [2.0, 0.5])
    odds = 0.7 * (np.log(4) - 0.5) / 2.0 + 0.3 * (np.log(3 / 7) + 1.0) / 0.5
    assert blend.score(["x"])[0] == pytest.approx(1 / (1 + np.exp(-odds)))


def test_a_blend_is_no_longer_fitted(train):
    with pytest.raises(scorers.ScorerError, match="no longer fitted"):
        scorers.Blend().fit(train)


# --- reading back ---


def test_an_encoder_is_fitted_elsewhere(train):
    with pytest.raises(scorers.ScorerError, match="fine_tuning"):
        scorers.EncoderScorer().fit(train)


def test_a_folder_without_a_scorer_or_of_an_unknown_kind_is_named(tmp_path):
    with pytest.raises(scorers.ScorerError, match=r"scorer\.json is missing"):
        scorers.load_scorer(tmp_path)
    (tmp_path / "scorer.json").write_text('{"kind": "oracle"}')
    with pytest.raises(scorers.ScorerError, match="'oracle' is not known; known are constant, "):
        scorers.load_scorer(tmp_path)


def test_examples_are_not_changed_by_a_fit(train, encoder):
    before = replace(train, weights=train.weights.copy())
    scorers.Kernel(encoder).fit(train)
    assert np.array_equal(before.weights, train.weights) and before.texts == train.texts


# --- a row of weight 0, and one that counts twice ---


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_weight_zero_teaches_nothing(name, encoder):
    """What the rows of weight 0 claim, and its opposite, make the same scorer."""
    prompts = [EASY.format(n) for n in range(40)] + [HARD.format(n) for n in range(40)]
    needs = np.r_[np.zeros(40), np.ones(40)]
    told = [
        made(
            prompts * 2,
            inferior=np.r_[1 - needs, claimed],
            superior=np.ones(160),
            weights=np.r_[np.ones(80), np.zeros(80)],
            categories=(["chat"] * 40 + ["proof"] * 40) * 2,
        )
        for claimed in (needs, 1 - needs)
    ]
    asked = [EASY.format(5), HARD.format(7)], ["chat", "proof"]
    against, along = (learners(encoder)[name].fit(data).score(*asked) for data in told)
    assert against == pytest.approx(along, abs=2e-3) and along[1] > along[0]


def test_a_category_mean_counts_rows_by_their_weight():
    data = made(["a", "b", "c"], [0, 1, 1], [1, 1, 1], [3, 1, 2], ["x", "x", "y"])
    found = scorers.CategoryMean().fit(data).plain
    overall = 3 / 6
    assert found["overall"] == pytest.approx(overall)
    assert found["means"]["x"] == pytest.approx((3 + 10 * overall) / (4 + 10))
    assert found["means"]["y"] == pytest.approx(10 * overall / (2 + 10))


def test_the_ridge_fits_rows_by_their_weight():
    rng = np.random.default_rng(5)
    x, y, weights = rng.normal(size=(60, 3)), rng.normal(size=60), rng.random(60) * 3
    intercept, found = scorers._ridge(x, y, weights, (1.0,))
    wide = np.c_[np.ones(60), x]
    penalty = np.diag([0.0, 1.0, 1.0, 1.0])
    wanted = np.linalg.solve(wide.T * weights @ wide + penalty, wide.T * weights @ y)
    assert [intercept, *found] == pytest.approx(wanted, abs=2e-3)


def test_the_kernel_is_the_closed_form_of_its_five_sums():
    """One dual a part: the mean over five mixes of meaning, surface and category."""
    rng = np.random.default_rng(6)
    prompts = [f"{'why ' * int(k)}{n}?" for n, k in enumerate(rng.integers(1, 9, 20))]
    inferior, superior = rng.random(20), rng.random(20)
    weights = rng.random(20) + 0.2
    names = rng.choice(["one", "two"], 20).tolist()
    data = made(prompts, inferior, superior, weights, names)
    scorer = scorers.Kernel(Blind()).fit(data)
    raw = features.surface_features(prompts)
    clipped = np.clip((raw - raw.mean(axis=0)) / (raw.std(axis=0) + 1e-6), -4, 4)
    apart = ((clipped[:, None] - clipped[None]) ** 2).sum(axis=2)
    alike = np.array([[a == b for a in names] for b in names], dtype=float)
    parts = [np.ones((20, 20)), np.exp(-0.02 * apart), alike]
    right = np.c_[inferior, superior]
    mean = np.average(right, axis=0, weights=weights)
    predicted = np.tile(mean, (20, 1))
    for shares in scorers.Kernel.SHARES:
        together = sum(share * part for share, part in zip(shares, parts, strict=True))
        dual = np.linalg.solve(together + np.diag(5 * weights.mean() / weights), right - mean)
        predicted += together @ dual / 5
    wanted = predicted[:, 1] * (1 - predicted[:, 0])
    assert scorer.score(prompts, names) == pytest.approx(wanted, abs=2e-4)
    assert np.std(wanted) > 0.005


def test_neighbours_weigh_by_their_weights():
    data = made([f"t{n}" for n in range(10)], [0, 1] * 5, [1] * 10, [3, 1] * 5)
    scorer = scorers.Neighbours(Line()).fit(data)
    assert scorer.plain["neighbours"] == 2
    # The two nearest to the last text are the last two: gains 1 and 0 of weights 3 and 1.
    assert calibration.log_odds(scorer.score(["t9"])) / 2 == pytest.approx([0.75], abs=1e-3)


class Line:
    """An encoder that lays "t0" to "t9" on a quarter of a circle."""

    max_length = 8

    def embed(self, texts):
        angle = np.array([float(text[1:]) for text in texts]) / 9 * np.pi / 2
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_a_folded_calibration_gives_the_logits_of_its_line(tmp_path):
    import torch

    from routerlib.rows.schemas import LABELS

    folder = tiny_encoder(tmp_path)
    model = encoders.for_inference(encoders.new_classifier(str(folder), LABELS))
    with torch.no_grad():
        encoders.last_layer(model).bias.copy_(torch.tensor([0.2, 0.9]))
    plain = scorers.EncoderScorer(model, encoders.load_tokenizer(folder, 64))
    texts = ["prove the theorem 3", "say hello in french"]
    with torch.no_grad():
        both = model(**plain.tokenizer(texts, padding=True, return_tensors="pt")).logits.numpy()
    assert plain.logits(texts) == pytest.approx(both[:, 1] - both[:, 0], abs=within(1e-3))
    folded = plain.fold(1.5, -0.7)
    line = 1.5 * plain.logits(texts) - 0.7  # both sides are rounded
    assert folded.logits(texts) == pytest.approx(line, abs=within(1e-3, 0.05))
    assert plain.score(texts) == pytest.approx(calibration.sigmoid(plain.logits(texts)))


def test_tfidf_scores_as_scikit_learn_does(train):
    """A saved one is applied without scikit-learn, by the same formulas."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    fitted = scorers.TfidfRidge().fit(train)
    terms = {term: number for number, term in enumerate(fitted.plain["terms"])}
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=terms)
    theirs.idf_ = fitted.arrays["idf"]
    texts = [*train.texts[:40], "", "Prove, PROVE the theorem: prove the theorem! 7", "x y été"]
    gain = theirs.transform(texts) @ fitted.arrays["weights"] + fitted.arrays["intercept"][0]
    assert fitted.score(texts) == pytest.approx(sigmoid(2 * gain), abs=1e-12)


def test_tfidf_without_a_weight_for_each_term_is_refused(train, tmp_path):
    fitted = scorers.TfidfRidge().fit(train)
    fitted.arrays["weights"] = fitted.arrays["weights"][1:]
    fitted.save(tmp_path)
    with pytest.raises(scorers.ScorerError, match="one weight for each term"):
        scorers.load_scorer(tmp_path)
