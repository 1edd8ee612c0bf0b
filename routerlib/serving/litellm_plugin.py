"""A saved router as LiteLLM's classifier: its proxy asks here which model gets each request.

LiteLLM's complexity router takes a classifier plugin (`classifier_type: custom`), which names a
tier for each request; its configuration gives each tier a model, and docs/deployment.md has a whole
one. The router is named by ROUTERLIB_ROUTER, a folder or a hub id. It decides once, from the
prompt: a policy that reads the inferior model's answer first is `serve-router`'s. LiteLLM does the
rest, keys, budgets and logs, and is not imported here.
"""

from __future__ import annotations

import functools
from typing import Any

from routerlib import settings
from routerlib.serving.scoring_queue import ScoringQueue
from routerlib.serving.switchboard import conversation
from routerlib.training.router import Router, newest

WHICH = "ROUTERLIB_ROUTER"
# Of LiteLLM's four tiers of difficulty the first and the last
TIERS = {"inferior": "SIMPLE", "superior": "REASONING"}


class Classifier:
    """What LiteLLM calls for each request: `await classify(context)` gives the name of a tier."""

    def __init__(self, router: Router):
        self.router = router

    @functools.cached_property
    def _queue(self) -> ScoringQueue:
        # Made in the event loop of the proxy, which is not there yet when the plugin is loaded
        return ScoringQueue(self.router)

    async def classify(self, context: Any) -> str:
        """The tier of one request.

        Args:
            context: LiteLLM's RoutingContext; of it, `structured_messages`, the request's messages
                in the form of chat completions, whichever API it came by.

        Raises:
            RequestError: the request holds no messages; LiteLLM then does what its setting
                `classifier_fallback` says.
        """
        messages = conversation({"messages": list(context.structured_messages)})
        score = await self._queue.score(messages)
        return TIERS[self.router.decide(score).model]


@functools.cache
def load_routers_classifier() -> Classifier:
    """The classifier of the router that ROUTERLIB_ROUTER names, or of the newest here.

    Raises:
        RouterError: there is no such router; LiteLLM then does not start.
    """
    settings.prepare()
    return Classifier(Router.from_pretrained(settings.variable(WHICH) or newest()))


def __getattr__(name: str) -> Any:
    """`classifier`, as LiteLLM's configuration names it, is loaded when LiteLLM asks for it."""
    if name == "classifier":
        return load_routers_classifier()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
