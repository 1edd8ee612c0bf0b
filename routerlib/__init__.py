"""routerlib: turn votes, prompts and graded answers into a router between two language models.

These names are the library's public face; each one's docstring shows its use. What is not among
them is private and may change. Nothing heavy is imported here: a name loads its module when it is
first used, so that `import routerlib` stays fast and torch loads when a model does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routerlib.cluster.collecting import collect_sync as collect
    from routerlib.cluster.graders import grade
    from routerlib.cluster.prompt_scorers import score
    from routerlib.endpoints.servers import serve
    from routerlib.errors import Foreseen
    from routerlib.labels.labelling import label_file as label
    from routerlib.serving.proxy import serve_router
    from routerlib.serving.routed_clients import AsyncRoutedClient, Backend, RoutedClient
    from routerlib.training.evaluation import certify
    from routerlib.training.fitting import fit
    from routerlib.training.router import Decision, Router

__version__ = "0.2.0"

__all__ = [
    "AsyncRoutedClient",
    "Backend",
    "Decision",
    "Foreseen",
    "RoutedClient",
    "Router",
    "certify",
    "collect",
    "fit",
    "grade",
    "label",
    "score",
    "serve",
    "serve_router",
]

# Where each name lives. The block above says the same to type checkers; a test holds the two
# together.
HOMES = {
    "AsyncRoutedClient": "routerlib.serving.routed_clients:AsyncRoutedClient",
    "Backend": "routerlib.serving.routed_clients:Backend",
    "Decision": "routerlib.training.router:Decision",
    "Foreseen": "routerlib.errors:Foreseen",
    "RoutedClient": "routerlib.serving.routed_clients:RoutedClient",
    "Router": "routerlib.training.router:Router",
    "certify": "routerlib.training.evaluation:certify",
    "collect": "routerlib.cluster.collecting:collect_sync",
    "fit": "routerlib.training.fitting:fit",
    "grade": "routerlib.cluster.graders:grade",
    "label": "routerlib.labels.labelling:label_file",
    "score": "routerlib.cluster.prompt_scorers:score",
    "serve": "routerlib.endpoints.servers:serve",
    "serve_router": "routerlib.serving.proxy:serve_router",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'routerlib' has no attribute {name!r}")
    module, _, attribute = HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
