"""Routers on a model hub: pushing a saved folder, and fetching one by its hub id.

A pushed router is one commit of the files that `Router.save` writes and its card, and nothing else
that lies in the folder. Fetched are the same kinds of files: numbers as safetensors and facts as
JSON, never a pickle, whatever else the repository holds. The token is HF_TOKEN, and shows nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows import hub

FILES = ("*.json", "*.safetensors", "README.md", "vocab.txt", "merges.txt")
# "org/name" or "org/name@revision"
HUB_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w./-]+))?")


class SharingError(Foreseen, ValueError):
    """A router that cannot be pushed to the hub or fetched from it; the text says why."""


def hub_id(name: str | Path) -> tuple[str, str | None] | None:
    """The hub id and revision that a router's name stands for; None for a folder's.

    "org/name", "org/name@revision", or the address of its page. A path wins: where a folder of the
    name is there, or one of its first part ("outputs/mine"), no hub is meant.
    """
    if not isinstance(name, str) or settings.resolve(name).exists():
        return None
    found = HUB_ID.fullmatch(hub.model_id(name))
    if found is None or settings.resolve(found[1].split("/")[0]).exists():
        return None
    return found[1], found[2]


def fetch_router(repository: str, revision: str | None = None) -> Path:
    """A router's files out of the hub; returns the folder, in the cache of the hub's client.

    Raises:
        SharingError: the hub does not give it.
    """
    settings.report_nothing()
    import huggingface_hub

    try:
        with hub.quietly():
            folder = huggingface_hub.snapshot_download(
                repository, revision=revision, allow_patterns=list(FILES), token=_hub_token()
            )
    except Exception as error:  # the hub's client raises many kinds
        raise SharingError(hub.explain(error, hub.ROUTER, repository)) from None
    return Path(folder)


def push(folder: Path, repository: str, private: bool) -> str:
    """Push a saved router as one commit; the repository is made where there is none.

    Args:
        repository: "org/name". private: whom a new repository is for; one that is there stays as
            it is.

    Returns:
        The address of its page.

    Raises:
        MissingKey: HF_TOKEN is not set. SharingError: the hub does not take it.
    """
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(repository)):
        raise SharingError(f"{repository!r} is no hub id: it is an account's name, / and a name.")
    settings.key("HF_TOKEN")
    settings.report_nothing()
    import huggingface_hub

    files = sorted({file for pattern in FILES for file in folder.rglob(pattern)})
    operations: list[Any] = [
        huggingface_hub.CommitOperationAdd(file.relative_to(folder).as_posix(), file)
        for file in files
    ]
    try:
        with hub.quietly():
            api = huggingface_hub.HfApi(token=_hub_token())
            api.create_repo(repository, private=private, exist_ok=True)
            api.create_commit(repository, operations, commit_message="A router of routerlib")
    except Exception as error:  # the hub's client raises many kinds
        raise SharingError(hub.explain_refused_push(error, repository)) from None
    return hub.page(hub.ROUTER, repository)


def _hub_token() -> str | bool:
    """HF_TOKEN; False where it is not set, so that the client takes none from elsewhere."""
    return hub.token() or False
