"""Kinds of prompts, for prompts that come without a category: groups of like words, named by them.

A look at traffic that nobody has sorted: TF-IDF and k-means, each group named by the words that set
it apart. It needs no model and no download, and is no more than a first look; a category that the
prompts bring along is always better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_KINDS = 6
PROMPTS_A_KIND = 25  # at least, so that a kind can show anything
WORDS_IN_NAME = 3


def name_kinds(texts: Sequence[str], seed: int = 0) -> list[str]:
    """A kind for each text, such as "refund, order, parcel"; "all" where there are too few to
    sort, or no words in them.

    Args:
        seed: of the grouping, which is the same each time.
    """
    number = min(MOST_KINDS, len(texts) // PROMPTS_A_KIND)
    if number < 2:
        return ["all"] * len(texts)
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(
        stop_words="english",
        min_df=2,
        max_df=0.5,
        sublinear_tf=True,
        token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
    )
    try:
        matrix = words.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return ["all"] * len(texts)
    groups = KMeans(number, n_init=5, random_state=seed).fit(matrix)
    names = words.get_feature_names_out()
    titles = [_words_of_group(names, centre) for centre in groups.cluster_centers_]
    return [titles[group] for group in groups.labels_]


def _words_of_group(names: np.ndarray, centre: np.ndarray) -> str:
    """The words of most weight in a group; of a group without any, a word for that."""
    best = [place for place in np.argsort(-centre)[:WORDS_IN_NAME] if centre[place] > 0]
    return ", ".join(names[best]) if best else "other words"
