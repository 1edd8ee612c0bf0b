"""Data sets on a model hub: their names, reading them row by row, and what a refusal of the hub
means.

What was read is kept under outputs/hub, one file for each data set, split and revision: the next
reader starts there, goes on from the hub where the file ends, and needs no hub where it is whole.
What a row must contain is `schemas`' business; `explain` serves the encoders too, which come from
the same hub.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import itertools
import json
import logging
import math
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from routerlib import progress, settings
from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.kept import Appending, Edition, KeptRows, last_read

DATASET, MODEL, ROUTER = "dataset", "model", "router"  # a router is a model to the hub
TOKENS = "https://huggingface.co/settings/tokens"
WHERE = "(in the environment, in .env, or in Colab's secrets)"
PREFERRED_SPLITS = ("test", "human", "train")  # evaluation questions first; votes are in "human"
PATIENCE = 10.0  # seconds that the hub has for its first answer
BUSY = (408, 429, 500, 502, 503, 504)
TALKERS = ("huggingface_hub.utils._http", "datasets.utils.file_utils")  # log every try again

NAME = re.compile(
    r"""
    (?P<id> [\w.-]+ / [\w.-]+ )
    (?: :  (?P<config> [\w.+-]+ ) )?
    (?: @  (?P<split> \w+ (?: [.-] \w+ )* ) )?
    (?: \# (?P<revision> [\w./-]+ ) )?
    """,  # openai/gsm8k:main@test#e53f048
    re.VERBOSE,
)
PAGE = re.compile(
    r"""
    (?: https?:// [^/]+ / | hf:// )
    (?P<kind> datasets/ )?
    (?P<id> [\w.-]+ / [\w.-]+ )
    (?: /viewer/ (?P<config> [\w.+-]+ ) (?: / (?P<split> \w+ ) )? )?
    (?: (?: /(?:tree|blob|resolve)/ | @ ) (?P<revision> [\w.-]+ ) )?
    (?: [/?\#] .* )?
    """,  # https://huggingface.co/datasets/openai/gsm8k/viewer/main/test
    re.VERBOSE,
)


class HubError(Foreseen, ValueError):
    """Something on the hub cannot be read; the text says why and what to do."""


@dataclass(frozen=True)
class HubName:
    """A data set on the hub, and where they are given its configuration, split and revision."""

    id: str
    config: str = ""
    split: str = ""
    revision: str = ""

    def __str__(self) -> str:
        marks = ((":", self.config), ("@", self.split), ("#", self.revision))
        return self.id + "".join(f"{mark}{value}" for mark, value in marks if value)


def hub_name(source: str) -> HubName | None:
    """The data set that a text names: "org/name:config@split#revision", or the address of its page;
    None for others.

    Raises:
        HubError: it is the page of a model, where a data set is needed.
    """
    page = PAGE.fullmatch(source) if "://" in source else None
    if page and not page["kind"]:
        raise HubError(f"{source} is no data set: the address of one holds /datasets/.")
    found = page or NAME.fullmatch(source)
    if not found:
        return None
    parts = found.groupdict()
    return HubName(
        parts["id"], parts["config"] or "", parts["split"] or "", parts["revision"] or ""
    )


def model_id(name: str) -> str:
    """A model's hub id, where the address of its page was given: https://huggingface.co/org/name
    gives org/name.
    """
    page = PAGE.fullmatch(name) if "://" in name else None
    return page["id"] if page else name


# --- the token ---


def token() -> str | None:
    """HF_TOKEN without the spaces and line breaks that a copy brings along, as the hub's own client
    cleans it.

    Raises:
        HubError: it holds a sign that no token has; the text does not show it.
    """
    value = settings.key("HF_TOKEN", required=False)
    cleaned = "".join((value or "").splitlines()).strip()
    if not re.fullmatch(r"[!#-&(-_a-~]*", cleaned):  # printable ASCII without quotes and spaces
        raise HubError(
            "HF_TOKEN holds a sign that no token has (a space, a quotation mark, a letter outside "
            f"ASCII). Copy it again from {TOKENS}."
        )
    return cleaned or None


def without_secrets(text: str) -> str:
    """A text of others on one line, in which HF_TOKEN does not show."""
    value = (settings.key("HF_TOKEN", required=False) or "").strip()
    return progress.printable(text.replace(value, "[HF_TOKEN]") if value else text)


# --- what a refusal means ---


def explain(error: BaseException, kind: str, name: str) -> str:
    """Why the hub did not give a data set or model, and what to do: from the statuses in the chain
    of causes.

    Args:
        error: what a client of the hub raised. kind: DATASET, MODEL or ROUTER. name: its id.
    """
    thing, link = f"{_called(kind)} {name}", page(kind, name)
    kinds = {type(cause).__name__ for cause in _chain_of(error)}
    response = _response_behind(error)
    if "OfflineModeIsEnabled" in kinds:
        return (
            f"The {thing} is not on this machine, and HF_HUB_OFFLINE forbids to ask the hub. "
            f"{_other_ways(kind)}"
        )
    if response is not None:
        return _refusal_told(kind, name, response)
    if kinds & {"EmptyDatasetError", "DataFilesNotFoundError"}:
        return f"The {thing} holds no file of rows. Look at {link}, and name another."
    if _is_away(error):
        return f"The hub does not answer, so that the {thing} cannot be read. {_other_ways(kind)}"
    said = without_secrets(" ".join(f"{type(error).__name__}: {error}".split()))
    return f"The {thing} cannot be read from the hub: {said[:300]}. Look at {link}."


def explain_refused_push(error: BaseException, name: str) -> str:
    """Why the hub did not take a router, and what to do."""
    response = _response_behind(error)
    if response is not None and response.status_code in (401, 403):
        return (
            f"The hub does not let the account of HF_TOKEN write to {name}. Take a token with the "
            f"right to write from {TOKENS}, or name a repository of that account."
        )
    if response is None and _is_away(error):
        return f"The hub does not answer, so that {name} was not pushed. Try again later."
    return explain(error, ROUTER, name)


def _response_behind(error: BaseException) -> Any:
    """The answer that refused, out of the chain of causes; None where there was none."""
    answers = (getattr(cause, "response", None) for cause in _chain_of(error))
    return next((answer for answer in answers if answer is not None), None)


def _is_away(error: BaseException) -> bool:
    """Whether the hub could not be reached, or is in trouble itself."""
    response = _response_behind(error)
    if response is not None:
        return response.status_code in BUSY
    # Of the clients' error classes
    words = (
        "Connect",
        "Timeout",
        "Protocol",
        "OfflineMode",
        "ReadError",
    )
    return any(
        isinstance(cause, ConnectionError | TimeoutError)
        or any(word in type(cause).__name__ for word in words)
        for cause in _chain_of(error)
    )


def page(kind: str, name: str) -> str:
    """The address of a data set's or model's page."""
    return f"https://huggingface.co/{'datasets/' if kind == DATASET else ''}{name}"


def _chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from; errors chained by `from None` still have their context."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _refusal_told(kind: str, name: str, response: Any) -> str:
    """The sentence for an answer that refuses: by its status, and its X-Error-Code where the hub
    gave one.
    """
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    thing, link, has_token = f"{_called(kind)} {name}", page(kind, name), token() is not None
    if code == "GatedRepo" and status == 403:
        return (
            f"The {thing} is gated, and the account of HF_TOKEN has not been let in. Accept its "
            f"terms at {link} with that account; a fine-grained token needs the right to read "
            "gated repositories as well."
        )
    if status == 401 and has_token and code in ("", "GatedRepo"):
        return (
            "The hub does not accept HF_TOKEN (expired, or mistyped), so that it did not give "
            f"the {thing}. Take a new token from {TOKENS}; what is public can be read with "
            "HF_TOKEN left empty."
        )
    if code == "GatedRepo":
        return (
            f"The {thing} is gated. Accept its terms at {link}, then set HF_TOKEN to a read token "
            f"of your account {WHERE}."
        )
    if code == "RevisionNotFound":
        return f"The {thing} has no such revision. It is a commit, a branch or a tag: see {link}."
    if status in (401, 403, 404) and not has_token:
        return (
            f"There is no {thing} on the hub, or it is private. Check the name at {link}; for a "
            f"private one, set HF_TOKEN to a read token of an account that may see it {WHERE}."
        )
    if status in (401, 403, 404):
        return (
            f"There is no {thing} on the hub that the account of HF_TOKEN may read. Check the "
            f"name at {link}, and the account."
        )
    if status == 429:
        return (
            f"The hub has had too many requests from here, and did not give the {thing}. Wait "
            "some minutes, then run this again."
        )
    if status in BUSY:
        return (
            f"The hub is in trouble (status {status}) and did not give the {thing}. Run this "
            "again later."
        )
    said = without_secrets(str(response.headers.get("X-Error-Message", "")))
    return f"The hub refuses the {thing} with status {status}: {said[:200]}. Look at {link}."


def _called(kind: str) -> str:
    return "data set" if kind == DATASET else kind


def _other_ways(kind: str) -> str:
    if kind == ROUTER:
        return "Download it elsewhere and name its folder."
    if kind == MODEL:
        return (
            "Download it elsewhere and name its folder; left empty, the offline encoder is taken."
        )
    return (
        "Without a way to the hub, download it elsewhere and name the file (.jsonl, .csv, "
        ".parquet), or use "
        '"sample".'
    )


# --- reading ---


@functools.lru_cache(maxsize=64)
def edition(name: HubName) -> Edition:
    """Which revision and split a name stands for; fixed for as long as this program runs.

    Raises:
        HubError: the hub does not say.
    """
    settings.report_nothing()
    import huggingface_hub

    _datasets()  # without it, nothing can be read
    try:
        with quietly():
            api = huggingface_hub.HfApi(token=token())
            info = api.dataset_info(name.id, revision=name.revision or None, timeout=PATIENCE)
            split = name.split or _preferred_split(name, info.sha or "main")
    except Exception as error:  # the hub's clients raise many kinds
        raise _hub_error(error, name) from error
    card = info.card_data.to_dict() if info.card_data else {}
    licence = str(card.get("license") or "not stated")
    return Edition(name.id, name.config, split, info.sha or "main", licence)


def describe_dataset(name: HubName) -> dict[str, Any]:
    """A data set for a card, as it was read last, or as the hub has it now: what is neither is said
    so.
    """
    last = last_read(name.id, name.config, name.split, name.revision)
    try:
        found = last.edition if last else edition(name)
    except HubError:
        return {"kind": "hub", "id": name.id, "revision": "not known"}
    return {"kind": "hub", **asdict(found)}


def stream_rows(name: HubName, limit: int | None = None) -> Iterator[tuple[int, Any]]:
    """Stream (number, row) of a data set: first what is kept of it, then the rest from the hub.

    Args:
        limit: how many will be read at most, for the progress bar.

    Raises:
        HubError: the hub does not give it, or went away; what was read until then is kept.
    """
    kept = _rows_kept(name)
    number = 0
    for row in kept.rows():
        number += 1
        yield number, row
    if kept.is_whole:
        return
    with contextlib.closing(_rows_behind(name, kept, number, limit)) as rows:
        for row in rows:
            number += 1
            yield number, row


def _rows_kept(name: HubName) -> KeptRows:
    """The rows kept of the present edition; where the hub cannot tell which that is, of the one
    read last.
    """
    try:
        return KeptRows(edition(name))
    except HubError as error:
        last = (
            last_read(name.id, name.config, name.split, name.revision) if _is_away(error) else None
        )
        if last is None:
            raise
        whole = "" if last.is_whole else ", not all"
        progress.tell(
            f"The hub does not answer. Taken as it was read before: {last.edition} "
            f"({last.count:,} rows{whole})."
        )
        return last


def _rows_behind(
    name: HubName, kept: KeptRows, start: int, limit: int | None
) -> Generator[Any, None, None]:
    """The rows behind number `start`, from the hub; each is kept before it is passed on."""
    total = limit if limit and limit > start else None
    with contextlib.ExitStack() as stack:
        bar = progress.bar(
            total, f"reading {kept.edition.id}", unit="row", initial=start, delay=1.0
        )
        stack.enter_context(contextlib.closing(bar))
        stack.enter_context(_trouble_told(name))
        try:
            writer: Appending | None = stack.enter_context(kept.appending(start))
        except jsonl.FileInUse:  # another reader keeps them
            writer = None
        try:
            with quietly():
                stream = _stream(kept.edition)
                behind = kept.wind(stream, start)
            for row in itertools.islice(stream, behind, None):
                line = jsonl.encode(row)
                if writer:
                    writer.append(line, stream)
                bar.update()
                yield json.loads(line)
            if writer:
                writer.is_whole = True
        except Exception as error:  # the clients raise many kinds, in the middle as well
            count = writer.count if writer else 0
            raise _broken_off(error, name, count) from error


def _stream(found: Edition) -> Any:
    """The data set's rows, fetched as they are asked for.

    The client under it tries five times (23 s) to get an answer. To try on from here, as `datasets`
    does for ten minutes, gains nothing where the rows are kept.
    """
    datasets = _datasets()
    datasets.config.STREAMING_READ_MAX_RETRIES = 1
    datasets.config.STREAMING_OPEN_MAX_RETRIES = 1
    datasets.config.STREAMING_READ_RETRY_INTERVAL = 0
    datasets.config.STREAMING_READ_SERVER_UNAVAILABLE_RETRY_INTERVAL = 0
    datasets.config.STREAMING_READ_RATE_LIMIT_RETRY_INTERVAL = 0
    datasets.config.STREAMING_OPEN_RETRY_INTERVAL = 0
    return datasets.load_dataset(
        found.id,
        found.config or None,
        split=found.split,
        revision=found.revision,
        streaming=True,
        token=token(),
    )


def _datasets() -> Any:
    """The library `datasets`.

    Raises:
        HubError: it is not installed; with what to install.
    """
    try:
        with settings.needing_an_extra("Reading a data set from the hub"):
            import datasets
    except settings.MissingPackages as error:
        raise HubError(str(error)) from None
    return datasets


def _preferred_split(name: HubName, revision: str) -> str:
    datasets = _datasets()
    splits = datasets.get_dataset_split_names(
        name.id, name.config or None, revision=revision, token=token()
    )
    return next((wanted for wanted in PREFERRED_SPLITS if wanted in splits), splits[0])


def _broken_off(error: Exception, name: HubName, count: int) -> HubError:
    told = str(_hub_error(error, name))
    if not count:
        return HubError(told)
    return HubError(
        f"{told} The {count:,} rows that were read are kept; the same command goes on from there."
    )


def _hub_error(error: Exception, name: HubName) -> HubError:
    """A sentence for what a client raised; where a configuration or split is wrong, with the right
    ones.
    """
    if isinstance(error, HubError):
        return error
    if _response_behind(error) is None and not _is_away(error):
        refusal = _failure_of(name)
        if refusal is not None:
            return HubError(explain(refusal, DATASET, name.id))
        with contextlib.suppress(Exception):  # the hub went away meanwhile: tell the first error
            sentence = _wrong_part(name)
            if sentence:
                return HubError(sentence)
    return HubError(explain(error, DATASET, name.id))


def _failure_of(name: HubName) -> Exception | None:
    """What the hub's client raises when it asks for one file of a data set; None where it may have
    it.

    `datasets` cuts off the cause of its errors, and with it the hub's status.
    """
    import huggingface_hub

    try:
        api = huggingface_hub.HfApi(token=token())
        info = api.dataset_info(name.id, revision=name.revision or None, timeout=PATIENCE)
        files = [file.rfilename for file in info.siblings or ()]
        if files:
            url = huggingface_hub.hf_hub_url(
                name.id, files[-1], repo_type=DATASET, revision=info.sha
            )
            huggingface_hub.get_hf_file_metadata(url, token=token(), timeout=PATIENCE)
    except Exception as error:  # the client raises many kinds
        return error
    return None


def _wrong_part(name: HubName) -> str:
    """What is wrong with the configuration or split of a data set that is there; empty: nothing."""
    datasets = _datasets()
    with quietly():
        where: dict[str, Any] = {"revision": name.revision or None, "token": token()}
        configs = datasets.get_dataset_config_names(name.id, **where)
        default = datasets.get_dataset_default_config_name(name.id, **where)
        if name.config and name.config not in configs:
            right = _names_listed(name, "config", configs)
            return f"The data set {name.id} has no configuration {name.config!r}. It has {right}."
        if not name.config and default is None:
            right = _names_listed(name, "config", configs)
            return f"The data set {name.id} has several configurations. Name one of them: {right}."
        splits = datasets.get_dataset_split_names(name.id, name.config or default, **where)
    if name.split and name.split not in splits:
        right = _names_listed(name, "split", splits)
        return f"The data set {name.id} has no split {name.split!r}. It has {right}."
    return ""


def _names_listed(name: HubName, part: str, values: Sequence[str]) -> str:
    """The right names as a user writes them, the one most like the given one first; eight at
    most.
    """
    like = difflib.get_close_matches(getattr(name, part), values, n=1)
    ordered = like + [value for value in values if value not in like]
    shown = ", ".join(str(replace(name, **{part: value})) for value in ordered[:8])
    return f"{shown} and {len(values) - 8} more" if len(values) > 8 else shown


# --- what the clients print, in our words ---


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """No bars of the hub's client: small files, many bars."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    were_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_disabled:
            enable_progress_bars()


@contextlib.contextmanager
def _trouble_told(name: HubName) -> Iterator[None]:
    """One line of ours for the first trouble with the hub, in place of the clients' line for every
    try.
    """
    teller = _Teller(name)
    loggers = [logging.getLogger(module) for module in TALKERS]
    for logger in loggers:
        logger.addFilter(teller)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(teller)


class _Teller(logging.Filter):
    PAUSE = 60.0  # seconds after which trouble is worth another line

    def __init__(self, name: HubName):
        super().__init__()
        self.hub_name, self.told_at = name, -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        if time.monotonic() - self.told_at > self.PAUSE:
            self.told_at = time.monotonic()
            progress.tell(
                f"The hub does not answer while {self.hub_name} is read. Trying on for half a "
                "minute …"
            )
        return False
