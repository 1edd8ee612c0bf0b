"""Reads the inferior model's answer while its caller waits: the signals that a policy looks at, in
milliseconds.

Signals are `answers.signals`', the same as those the policy has learnt from. Comparing two
expressions may hang, so answers are compared in a process that can be killed; everything else is
read in this one. What is done with the signals is `stages`' business.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from routerlib.answers import signals
from routerlib.answers.killable import Crew, Lost
from routerlib.rows.schemas import Sample
from routerlib.training.encoders import embedder
from routerlib.training.policies import Policy

COMPARED = ("sample_agreement", "second_agreement")
BY_MEANING = ("sample_similarity", "second_similarity")
PATIENCE = 1.0  # seconds of processor time to compare the answers to one prompt


class AnswerReader:
    """The signals of answers to prompts, one prompt at a time; any thread may ask. Close it after
    use.
    """

    def __init__(self, policy: Policy):
        self.policy = policy
        self.compares = any(name in COMPARED for name in policy.signals)
        self.embeds = any(name in BY_MEANING for name in policy.signals)
        self._crew: Crew | None = None
        self._embed = embedder(policy.sources.encoder)
        self._turn = threading.Lock()

    def warm(self) -> None:
        """Load what reading needs, so that no caller waits for it."""
        sample = Sample(full_response="The answer is 4.", finish_reason="stop")
        others = [Sample(full_response="The answer is 8/2.", finish_reason="stop")]
        self.read("What is 2 + 2?", [sample], others)

    def read(
        self, prompt: str, samples: Sequence[Sample], second: Sequence[Sample] = ()
    ) -> dict[str, float] | None:
        """The signals of the answers to a prompt by name; None where reading took too long.

        Args:
            samples: of the inferior model. second: of the second cheap model.
        """
        item = signals.item_of_prompt(prompt, samples, second)
        found = self._compared(item) if self.compares else signals.measure(item)
        if found is None or not self.embeds:
            return found
        with self._turn:
            return {**found, **signals.similarities(item, self._embed)}

    def _compared(self, item: dict[str, Any]) -> dict[str, float] | None:
        with self._turn:
            if self._crew is None:
                self._crew = Crew("routerlib.answers.signals:measure", 1, PATIENCE).__enter__()
            [found] = self._crew.map([item])
        return None if isinstance(found, Lost) else found

    def close(self) -> None:
        """Let the comparing process go."""
        with self._turn:
            if self._crew is not None:
                self._crew.__exit__()
                self._crew = None
