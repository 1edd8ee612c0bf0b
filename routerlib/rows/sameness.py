"""When two prompts are the same: what is looked through, the key of equal texts, and the index of
near ones.

This is the one notion of it: de-duplication, the overlap with evaluation questions, merging and
splitting use it. Case, spacing, typographic quotes, full-width signs, signs without width and the
dollars around a formula say nothing; words, numbers and operators do. Meaning is not looked at (see
`labels.cleaning.Evaluation`).
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

# Texts of Jaccard similarity 0.8 share a band with probability 0.99, of 0.5 with 0.32
BANDS, ROWS = (
    12,
    5,
)
SHINGLE = 3  # words
# Likeness from which two prompts never stand on two sides of a split. It lies below that of the
# duplicate filter, because the estimate wavers around its threshold.
SAME_SIDE = 0.7
ENDS = ".!?"  # signs that may be left out at the end

# Signs that differ in print alone, by the one that stands for all of them.
SIGNS = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»「」『』〝〞", '"'),
        **dict.fromkeys("‘’‚‛`´", "'"),
        **dict.fromkeys("。｡．", "."),
        **dict.fromkeys("、，", ","),
        **dict.fromkeys("‐‑‒–—−", "-"),
        "×": "*",
        "÷": "/",
        "…": "...",
    }
)
FORMULA = re.compile(
    r"""
    \$\$ (?P<shown> [^$]+ ) \$\$  # $$2 + 2$$
    | \$ (?P<inline> [^$\n]+? ) \$  # $2 + 2$
    | \\ [()\[\]]  # \( and \) of \(2 + 2\)
    """,
    re.VERBOSE,
)
WORD = re.compile(
    r"""
    [\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]  # Chinese, Japanese
    | [^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+  # a word
    | [^\w\s]  # an operator or a stop
    """,
    re.VERBOSE,
)
PLAIN_WORD = re.compile(r"[a-z0-9_]+|[^\w\s]")  # of texts in ASCII: several times as fast


def plain(text: str) -> str:
    """The text without what says nothing: “Ｗhat is $2+2$？” gives 'what is 2+2?'."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS)
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    if "$" in text or "\\" in text:
        text = FORMULA.sub(lambda found: found["shown"] or found["inline"] or " ", text)
    return text.casefold()


@functools.lru_cache(maxsize=8)  # one text is looked at for its key, its likeness and its overlap
def tokens(text: str) -> tuple[str, ...]:
    """Words and signs: 'What is 7*8?' gives what, is, 7, *, 8, ?; Chinese and Japanese go sign by
    sign.
    """
    said = plain(text)
    words = PLAIN_WORD if said.isascii() else WORD
    return tuple(words.findall(said))


def text_key(text: str) -> bytes:
    """96 bits that two texts share if they are the same but for the stop at their end."""
    words = " ".join(tokens(text)).rstrip(" " + ENDS)
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=12).digest()


def near_groups(texts: Sequence[str], threshold: float = SAME_SIDE) -> np.ndarray:
    """The same number for texts that are the same or linked by a chain of near ones; shape (n,).

    The number is the position of the first of the group.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index = NearIndex(threshold)
    pairs: list[tuple[int, int]] = []
    first_of: dict[bytes, int] = {}
    for number, text in enumerate(texts):
        sketch = index.sketch(tokens(text))
        pairs += [(number, other) for other in index.near(sketch)]
        pairs.append((number, first_of.setdefault(text_key(text), number)))
        index.remember(sketch)
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    links = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(texts), len(texts)))
    _, labels = connected_components(links, directed=False)
    first: dict[int, int] = {}
    return np.array([first.setdefault(int(label), i) for i, label in enumerate(labels)], dtype=int)


def _shingles(words: Sequence[str]) -> list[bytes]:
    last = max(1, len(words) - SHINGLE + 1)
    return [" ".join(words[i : i + SHINGLE]).encode("utf-8", "replace") for i in range(last)]


class NearIndex:
    """Texts by the likeness of their words: which earlier ones are near a new one.

    Near: the MinHash estimate (60 permutations, datasketch) of the Jaccard similarity of their
    three-word shingles reaches `threshold`. Only texts that share a band are compared (Leskovec,
    Rajaraman and Ullman, Mining of Massive Datasets, section 3.4), so about one pair in a hundred
    at similarity 0.8 is missed.

    The bands are our own, for the memory: on 20,000 texts of 40 words, a fifth of them near copies,
    datasketch's MinHashLSH with the same bands found the same 3,656 in the same time, and took 73
    MB where these take 21.
    """

    def __init__(self, threshold: float):
        from datasketch import MinHash

        self.threshold = threshold
        self._empty = MinHash(num_perm=BANDS * ROWS)
        self._buckets: list[dict[int, int | list[int]]] = [{} for _ in range(BANDS)]
        self._sketches = np.empty((1024, BANDS * ROWS), dtype=np.uint32)
        self._count = 0

    def sketch(self, words: Sequence[str]) -> np.ndarray:
        """The MinHash values of a text, shape (60,)."""
        sketch = self._empty.copy()
        sketch.update_batch(_shingles(words))
        return sketch.hashvalues.astype(np.uint32)

    def near(self, sketch: np.ndarray) -> list[int]:
        """The numbers of the earlier texts that are near, ascending."""
        found: set[int] = set()
        for bucket, band in zip(self._buckets, bands(sketch), strict=True):
            members = bucket.get(band, ())
            found.update((members,) if isinstance(members, int) else members)
        candidates = np.array(sorted(found), dtype=int)
        likeness = (self._sketches[candidates] == sketch).mean(axis=1)
        return candidates[likeness >= self.threshold].tolist()

    def remember(self, sketch: np.ndarray) -> int:
        """Add a text; returns its number, counted from 0."""
        if self._count == len(self._sketches):
            self._sketches = np.concatenate([self._sketches, np.empty_like(self._sketches)])
        number, self._count = self._count, self._count + 1
        self._sketches[number] = sketch
        for bucket, band in zip(self._buckets, bands(sketch), strict=True):
            members = bucket.setdefault(band, number)
            if isinstance(members, list):
                members.append(number)
            elif members != number:  # most buckets have one member: a plain int saves their lists
                bucket[band] = [members, number]
        return number


def bands(sketch: np.ndarray) -> Iterator[int]:
    return (hash(sketch[i : i + ROWS].tobytes()) for i in range(0, BANDS * ROWS, ROWS))
