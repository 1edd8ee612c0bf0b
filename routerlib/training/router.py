"""The router: scores prompts, decides which model gets each one, and lives in a folder.

A `Router` wraps a scorer (any of `scorers`, or the fine-tuned encoder), the calibration that turns
its score into p_superior, the threshold with its certificate, and what each threshold costs. It
ranks prompts by the scorer's expected gain; p_superior is that score mapped, never reversed, to the
probability that the superior model's answer is strictly better. How routers are fitted and chosen
is in `candidates`, what they are worth in `evaluation`.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text, well_formed
from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.schemas import Message, Prompt
from routerlib.stats.calibration import Calibration
from routerlib.stats.metrics import CurvePoint
from routerlib.training import scorers, sharing
from routerlib.training.policies import Policy

FILE = "router.json"
FORMAT = 1
MOST_TOLD = 300  # characters of what a library says of a router that it cannot read
# Of router.json, beside format, kind, calibration and metrics
FIELDS = {
    "name": str,
    "threshold": int | float,
    "curve": list,
    "certificate": dict | None,
    "models": dict,
    "prices": dict,
}


class RouterError(Foreseen, ValueError):
    """A folder that holds no router, or a router that cannot do what is asked.

    The text says what to do.
    """


@dataclass(frozen=True)
class Decision:
    """Which model gets a prompt, and why. p_superior and threshold are in [0, 1].

    Example:
        decision = router.route("What is 2 + 2?")
        print(decision.model, decision.p_superior, decision.reason)
    """

    model: Literal["inferior", "superior"]
    p_superior: float
    threshold: float
    reason: str


@dataclass
class Router:
    """A fitted router. Build one with `fit` or in notebook 05, or read one with
    `Router.from_pretrained`.

    Example:
        router = routerlib.Router.from_pretrained("outputs/models/my-router-save")
        print(router.route("What is 2 + 2?").model, router.score(["What is 2 + 2?"]))

    Attributes:
        name: what tables call it. scorer: ranks texts. calibration: score -> p_superior.
        threshold: a prompt with p_superior at or above it goes to the superior model.
        curve: what each threshold buys (threshold, share_superior, accuracy, pgr, cost_per_1000),
            on held-out rows.
        certificate: how the threshold is guaranteed (see `certificates`), or None.
        models, prices, metrics: the two models' names, prices in dollars per million tokens,
            figures on the test split.
        policy: where a second look at the inferior model's answer pays, the policy of both
            decisions, with a threshold and a certificate of its own. None: the router alone.
        folder: where it was read from; None for one that was fitted here.
    """

    name: str
    scorer: scorers.Scorer
    calibration: Calibration = field(default_factory=lambda: Calibration("none"))
    threshold: float = 0.5
    curve: list[CurvePoint] = field(default_factory=list)
    certificate: dict[str, Any] | None = None
    models: dict[str, str] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    policy: Policy | None = None
    folder: Path | None = field(default=None, repr=False, compare=False)  # where it was read

    @property
    def kind(self) -> str:
        return self.scorer.kind

    def score(
        self, prompts: Sequence[Prompt], categories: Sequence[str] | None = None
    ) -> np.ndarray:
        """Calibrated p_superior of each prompt, shape (n,), in [0, 1].

        Args:
            prompts: texts or conversations (a list of messages each). categories: one a prompt,
                where known.

        Raises:
            RouterError: a single prompt was passed where a list is needed, one is no prompt, or
                the lengths differ.
        """
        if isinstance(prompts, str):
            raise RouterError(
                "score() takes a list of prompts. For a single one: score([prompt])[0], or "
                "route(prompt)."
            )
        prompts = _listed(prompts)
        if categories is not None and len(categories) != len(prompts):
            raise RouterError(
                f"There are {len(prompts)} prompts but {len(categories)} categories; give one for "
                f"each."
            )
        if not prompts:
            return np.zeros(0)
        texts = [_text_of_prompt(number, prompt) for number, prompt in enumerate(prompts, start=1)]
        return np.asarray(self.calibration(self.scorer.score(texts, categories)), dtype=float)

    @overload
    def route(self, prompts: str, threshold: float | None = None) -> Decision: ...
    @overload
    def route(self, prompts: Sequence[Prompt], threshold: float | None = None) -> Any: ...
    def route(self, prompts: Any, threshold: float | None = None) -> Decision | list[Decision]:
        """Decide for one prompt (a text, or one conversation: a list of messages) or for a list of
        prompts.

        Args:
            threshold: overrides the router's own, in [0, 1]; above 1 sends everything to the
                inferior model.

        Raises:
            RouterError: the threshold is not a number of at least 0, or one is no prompt.
        """
        single = isinstance(prompts, str) or _is_conversation(prompts)
        listed = [prompts] if single else _listed(prompts)
        self.decide(0.0, threshold)  # a wrong threshold is refused before any work
        decisions = [self.decide(float(p), threshold) for p in self.score(listed)]
        return decisions[0] if single else decisions

    def decide(self, p_superior: float, threshold: float | None = None) -> Decision:
        """The decision for a score that is known already: `route` without scoring.

        Args:
            p_superior: a score in [0, 1], from `score`. threshold: as for `route`.

        Raises:
            RouterError: the threshold is not a number of at least 0.
        """
        try:
            at = self.threshold if threshold is None else float(threshold)
        except (TypeError, ValueError):
            at = math.nan
        if not at >= 0:
            raise RouterError(
                f"threshold {threshold}: a probability from 0 (all to superior) to 1 is needed."
            )
        if p_superior >= at:
            reason = f"p_superior {p_superior:.3f} is at or above the threshold {at:.3f}"
            return Decision("superior", p_superior, at, reason)
        return Decision(
            "inferior",
            p_superior,
            at,
            f"p_superior {p_superior:.3f} is below the threshold {at:.3f}",
        )

    def save(self, folder: str | Path) -> Path:
        """Write the router into a folder; returns it.

        `router.json` is written last: its existence means complete.
        """
        folder = settings.resolve(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).unlink(missing_ok=True)
        self.scorer.save(folder)
        facts = {name: getattr(self, name) for name in (*FIELDS, "metrics")}
        if self.policy is not None:
            facts["policy"] = self.policy.to_dict()
        header = {"format": FORMAT, "kind": self.kind, "calibration": self.calibration.to_dict()}
        jsonl.write_json(folder / FILE, {**header, **facts})
        return folder

    def push_to_hub(self, repository: str, private: bool = True) -> str:
        """Push the router with its card to a model hub, as one commit; returns its page's address.

        The token is HF_TOKEN, which needs the right to write. What a router has learnt may show of
        the prompts it was fitted on: TF-IDF holds their words.

        Example:
            print(router.push_to_hub("my-account/my-router"))

        Args:
            repository: "account/name"; made where there is none.
            private: whom a new repository is for; one that is there stays as it is.

        Raises:
            MissingKey: HF_TOKEN is not set. SharingError: the hub does not take it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = self.save(scratch)
            self._write_card(folder)
            return sharing.push(folder, repository, private)

    def _write_card(self, folder: Path) -> None:
        """The card it was read with, where nothing has changed since; else a short one."""
        from routerlib.training import model_card

        home = self.folder
        if home and _same_file(home / FILE, folder / FILE):
            for name in ("README.md", "metrics.json"):
                if (home / name).is_file():
                    shutil.copyfile(home / name, folder / name)
        if not (folder / "README.md").exists():
            card = model_card.model_card(self, (), "What it was fitted on was not recorded.")
            (folder / "README.md").write_text(card, encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Router:
        """Read a router that `save` wrote, from its folder or from a model hub.

        Args:
            folder: the folder, or "account/name" on the hub, with "@revision" behind it for
                another than the newest, or the address of its page.

        Raises:
            SharingError: the hub does not give it.
            RouterError: the folder does not exist, holds no (complete) router, or one of another
            format.
        """
        named = sharing.hub_id(folder) if isinstance(folder, str) else None
        folder = sharing.fetch_router(*named) if named else settings.resolve(folder)
        facts = _read_facts(folder)
        known = {name: facts[name] for name in FIELDS}
        try:
            calibration = Calibration.from_dict(facts.get("calibration") or {})
            policy = Policy.from_dict(facts["policy"]) if facts.get("policy") else None
            scorer = scorers.load_scorer(folder)
        except ImportError:
            raise
        except (
            Exception
        ) as error:  # whatever a library makes of a file that was cut off, or is of another kind
            first = str(error).split(". ")[0].splitlines() or [""]  # advice of their own follows
            raise RouterError(
                f"{folder} holds a router that cannot be read ({type(error).__name__}: "
                f"{first[0][:MOST_TOLD]}). Copy the folder "
                "again from where it was made, or train the router again with notebook 05."
            ) from error
        return cls(
            scorer=scorer,
            calibration=calibration,
            metrics=facts.get("metrics") or {},
            policy=policy,
            folder=folder,
            **known,
        )


def _listed(prompts: Any) -> list[Any]:
    """Prompts as a list, whatever they come in.

    Raises:
        RouterError: they are no prompts at all.
    """
    if isinstance(prompts, bytes | dict) or not isinstance(prompts, Iterable):
        raise RouterError(
            f"{str(prompts)[:60]!r} is neither a prompt nor a list of prompts: a prompt is a text, "
            "or a list of messages with `role` and `content`."
        )
    return list(prompts)


def _text_of_prompt(number: int, prompt: Any) -> str:
    """One of several prompts, counted from 1, as a text for the scorer.

    Raises:
        RouterError: it is no prompt.
    """
    try:
        return well_formed(as_text(prompt))
    except (TypeError, ValueError):
        raise RouterError(
            f"Prompt {number} is {str(prompt)[:60]!r}, which is none: a prompt is a text, or a "
            "list of messages with `role` and `content`."
        ) from None


def _is_conversation(prompts: Any) -> bool:
    first = prompts[0] if isinstance(prompts, Sequence) and len(prompts) else None
    return isinstance(first, Message) or (isinstance(first, dict) and "role" in first)


def _same_file(left: Path, right: Path) -> bool:
    return left.is_file() and left.read_bytes() == right.read_bytes()


def _read_facts(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise RouterError(
            f"There is no folder {folder}. Notebook 05 writes one below outputs/models; name that "
            f"one."
        )
    file = folder / FILE
    if not file.exists():
        what = (
            "a Hugging Face model, but no router"
            if (folder / "config.json").exists()
            else "no router"
        )
        raise RouterError(
            f"{folder} holds {what}: the file {FILE} is missing. Run notebook 05, or name another "
            f"folder."
        )
    try:
        facts = jsonl.read_json(file)
    except ValueError as error:
        raise RouterError(
            f"{error}. The router was not copied whole: copy it again, or train it with 05."
        ) from None
    if not isinstance(facts, dict):
        raise RouterError(f"{file} is no JSON object, so it is no router's. Name another folder.")
    if facts.get("format") != FORMAT:
        raise RouterError(
            f"{file}: format {facts.get('format')!r}, where this version reads format {FORMAT}. "
            f"Train it again with 05."
        )
    for name, kind in FIELDS.items():
        if not isinstance(facts.get(name), kind) or name not in facts:
            what = "is not what it should be" if name in facts else "is missing"
            raise RouterError(f"{file}: the field {name!r} {what}. Train the router again with 05.")
    threshold = facts["threshold"]
    if isinstance(threshold, bool) or not threshold >= 0:  # nor does NaN lie anywhere
        raise RouterError(
            f"{file}: the threshold is {threshold!r}, where a number from 0 is needed. Train the "
            "router again with 05."
        )
    return facts


def newest(folder: str | Path | None = None) -> Path:
    """The folder of the newest complete router below `folder` (default: outputs/models).

    Raises:
        RouterError: there is none.
    """
    base = settings.outputs("models") if folder is None else settings.resolve(folder)
    found = sorted(
        base.glob(f"*/{FILE}"), key=lambda file: (file.stat().st_mtime, file.parent.name)
    )
    if not found:
        raise RouterError(f"There is no router below {base} yet. Run notebook 05 to train one.")
    return found[-1].parent
