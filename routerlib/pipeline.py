"""Run the notebooks in order, headless, and say at the end what came out.

The runner knows which notebooks are done (nothing they depend on has changed, and all that they
wrote is there) and passes over them, so that a second run is short and an interrupted one goes on.
It starts the stand-in servers once for all notebooks and stops them at the end. What a notebook
does is its own business; work inside one resumes by itself, in the library. How one is executed is
`execution`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from routerlib import settings
from routerlib.endpoints import engines, servers
from routerlib.errors import Foreseen
from routerlib.notebook import execution
from routerlib.notebook.execution import NotebookFailed as NotebookFailed
from routerlib.notebook.parameters import (
    defaults,
    did_you_mean,
    fitting,
    from_text,
    notebook_path,
)
from routerlib.progress import deferring_signals, ended_by_signals
from routerlib.rows import jsonl
from routerlib.rows.schemas import Row
from routerlib.training.router import RouterError, newest

# notebook -> (the folder below outputs/ that its last cell writes metrics.json to, typical seconds
# on two cores)
NOTEBOOKS = {
    "01_analysis": ("analysis", 35),
    "02_create_dataset": ("datasets", 70),
    "03_collect_responses": ("responses", 225),
    "04_extract_answers": ("graded", 45),
    "05_finetune": ("models", 135),
    "06_demo": ("demo", 30),
}
# notebook -> what it reads of earlier ones: (files below outputs/, the parameter that names others
# in their place, if there is one). A test holds this against what the notebooks open.
READS: dict[str, list[tuple[str, str]]] = {
    "02_create_dataset": [
        ("analysis/labelling_prompt.txt", "LABELLING_PROMPT"),
        ("analysis/labelled_questions.jsonl", "KNOWN_LABELS"),
        ("graded/outcomes.jsonl", "KNOWN_LABELS"),
    ],
    "03_collect_responses": [("datasets/prompts_logged.jsonl", "OPEN_PROMPTS")],
    "04_extract_answers": [
        ("responses/*.jsonl", "INPUT"),
        ("responses/prompts/*.jsonl", ""),
        ("responses/metrics.json", ""),
    ],
    "05_finetune": [
        ("graded/outcomes.jsonl", "OUTCOMES"),
        ("graded/judged/outcomes.jsonl", "OUTCOMES"),
        ("graded/judged/audit_*.jsonl", ""),
        ("analysis/labelled_questions.jsonl", "LABELLED"),
        ("datasets/router_dataset_all.jsonl", "LABELLED"),
        ("datasets/metrics.json", "LABELLED"),
        ("graded/metrics.json", ""),
        ("responses/metrics.json", ""),
        ("graded/*.jsonl", ""),
    ],
    "06_demo": [
        ("models/*/*", "ROUTER"),
        ("graded/outcomes.jsonl", ""),
        ("responses/metrics.json", ""),
    ],
}
MOST_OF_PARAMETERS = 1 << 20  # characters of a file of parameters; YAML takes seconds for so many
NOT_OWED = ("cache", "logs", "notebooks", "models/standins")  # below outputs/, written by others
ASIDE = (".lock", ".rejects.jsonl", ".tmp")  # files that come and go beside others
API_BASES = {
    "LABELLER_API_BASE": ("LABELLER_MODEL", "standin-superior"),
    "SUPERIOR_API_BASE": ("SUPERIOR_MODEL", "standin-superior"),
    "INFERIOR_API_BASE": ("INFERIOR_MODEL", "standin-inferior"),
    "SECOND_API_BASE": ("SECOND_MODEL", "standin-superior"),
}


class PipelineError(Foreseen, RuntimeError):
    """The run cannot start or go on; the text says why and what to do."""


@dataclass
class Step:
    """One notebook with the parameters given to it, and what it depends on.

    `recipe` is the SHA-256 sum of its cells, its parameters and the library. `later` are the
    folders below outputs/ that notebooks of the same run write after it: what it finds there is of
    an earlier run, and does not make it run again, or no run would ever be the last one.
    """

    name: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    recipe: str
    later: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """What its parameters will be: the given ones, and the defaults of the others."""
        return {**self.defaults, **self.parameters}

    @property
    def source(self) -> Path:
        """The notebook."""
        return notebook_path(self.name)

    @property
    def executed(self) -> Path:
        """Its executed copy."""
        return settings.outputs("notebooks", f"{self.name}.ipynb")

    @property
    def metrics(self) -> Path:
        """The numbers that it writes last."""
        return settings.outputs(NOTEBOOKS[self.name][0], "metrics.json")

    @property
    def fingerprint(self) -> str:
        """SHA-256 sum of all it depends on, as it is now: the recipe and the contents of its
        inputs."""
        return _sum_of([self.recipe, self.inputs()])

    def named_files(self) -> list[Path]:
        """The files and folders that its parameters name, but for those it writes.

        Raises:
            PipelineError: one is a pipe or a device, which gives its content once.
        """
        named = [
            path
            for name, value in self.values.items()
            if "OUTPUT" not in name and not name.endswith("_MODEL")
            for path in _named_files(value)
        ]
        for path in named:
            if refusal := settings.refusal_of_pipe(path):
                raise PipelineError(refusal)
        return named

    def inputs(self) -> dict[str, str]:
        """Path -> SHA-256 sum of each file or folder that its parameters name, and of each file
        that it reads of what earlier notebooks have left in outputs/."""
        left = [
            path
            for pattern, parameter in READS.get(self.name, [])
            if not self.values.get(parameter) and not pattern.startswith(self.later)
            for path in _left(pattern)
        ]
        return {str(path): sha256_of(path) for path in [*self.named_files(), *left]}


@dataclass
class Result:
    """What a run did: the notebooks executed and passed over, and the seconds it took."""

    executed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(
    notebooks: Sequence[str] = tuple(NOTEBOOKS),
    files: Sequence[str | Path] = (),
    parameters: dict[str, Any] | None = None,
    fresh: bool = False,
) -> Result:
    """Execute notebooks in order, but for those that are done: nothing they depend on has changed.

    A notebook depends on its cells, its parameters and the library, on the contents of every file
    that a parameter names or that it reads in outputs/, and on the notebooks before it in this run.
    It is not done where a file that it wrote is gone. SIGTERM and SIGHUP end a run as Ctrl-C does.

    Args:
        notebooks: names such as "03_collect_responses", or their numbers such as "03".
        files: YAML files of parameters, later ones win; a notebook takes the names that it has, and
            those under its own name ("03_collect_responses:") before the others.
        parameters: like the files' contents; they win over the files.
        fresh: execute all of them, whatever is there.

    Raises:
        PipelineError: an unknown notebook or parameter. SettingError: a value of the wrong kind.
        execution.NotebookFailed: a cell raised; the text names notebook, cell and error.
        execution.ExecutionError: papermill or the kernel failed; the text says how.
    """
    start, result = time.monotonic(), Result()
    settings.allow_open_files()
    plans = plan(notebooks, files, parameters)
    reasons = ["" if fresh else reason_to_run(step) for step in plans]
    places = range(len(plans))
    first = 0 if fresh else next((place for place in places if reasons[place]), len(plans))
    pending = plans[first:]  # what follows a changed step is changed too
    with ended_by_signals(), _standins_for(pending) as addresses_for:
        for place, step in enumerate(plans):
            label = f"[{place + 1}/{len(plans)}] {step.name}"
            if place < first:
                result.reused.append(step.name)
                print(f"{label}: done before, nothing has changed", flush=True)
                continue
            if reasons[place] and _past(step).recipe:
                print(f"{label}: again, since {reasons[place]}", flush=True)
            addresses = addresses_for(step)
            expected = sum(map(_expected_seconds, plans[place:]))
            with execution.LiveLine(label, expected):
                execute_step(step, addresses)
            result.executed.append(step.name)
    result.seconds = time.monotonic() - start
    return result


def typed(notebooks: Sequence[str], texts: Mapping[str, str]) -> dict[str, Any]:
    """Parameters from the texts that somebody has typed, each read as the kind of its default.

    A name that none of the notebooks has stays a text; `plan` refuses it.
    """
    known: dict[str, Any] = {}
    for notebook in notebooks:
        known = {**defaults(notebook_path(_full_name(notebook))), **known}
    return {name: from_text(text, known.get(name, "")) for name, text in texts.items()}


def plan(
    notebooks: Sequence[str] = tuple(NOTEBOOKS),
    files: Sequence[str | Path] = (),
    parameters: dict[str, Any] | None = None,
) -> list[Step]:
    """What would run: each notebook with its checked parameters and all that it depends on."""
    names = [_full_name(name) for name in notebooks]
    given = [*_read_parameter_files(files), Given(parameters or {})]
    known = {name: defaults(notebook_path(name)) for name in names}
    for part in given:
        _refuse_unknown(part, known)
    library, steps = _library_sum(), []
    for place, name in enumerate(names):
        own = _own_parameters(name, known[name], given)
        asks_models = any(key.endswith("_API_BASE") for key in known[name])
        engine = _engine_of_standins() if asks_models else ""
        recipe = _sum_of([library, _cell_sources(notebook_path(name)), own, engine])
        later = tuple(f"{NOTEBOOKS[other][0]}/" for other in names[place + 1 :])
        step = Step(name, own, known[name], recipe, later)
        step.named_files()  # refuses, before anything is started
        steps.append(step)
    return steps


def _engine_of_standins() -> str:
    """The engine that would serve a stand-in now; a wrong choice is told by who starts it."""
    try:
        return engines.choose_engine()
    except engines.EngineError as error:
        return str(error)


def is_done(step: Step) -> bool:
    """Whether the notebook was executed to its end, and all it depends on and wrote is as it
    was."""
    return not reason_to_run(step)


def reason_to_run(step: Step) -> str:
    """Why a notebook has to be executed, as the end of a sentence; empty where it is done."""
    past = _past(step)
    if past.recipe != step.recipe:
        return "its cells, its parameters or the library have changed"
    now = step.inputs()
    for path, content in now.items():
        if past.inputs.get(path) != content:
            return f"{path} has changed" if path in past.inputs else f"{path} is new"
    for path in past.inputs:
        if not Path(path).exists():
            return f"{path} is gone"
    for owed in [step.executed, step.metrics, *map(Path, past.wrote)]:
        if not owed.exists():
            return f"{owed}, which it wrote, is gone"
    return ""


def execute_step(step: Step, addresses: Mapping[str, str] | None = None) -> Path:
    """Execute one notebook, and remember what it depended on and what it wrote.

    Args:
        addresses: parameter -> where a stand-in's server answers that is not at its usual address.

    Returns:
        the path of the executed copy.
    """
    moved = {
        name: url for name, url in (addresses or {}).items() if step.defaults.get(name, url) != url
    }
    _remember(step, recipe=None)
    inputs, before, start = step.inputs(), _stamps(step), time.monotonic()
    execution.execute(step.source, step.executed, {**moved, **step.parameters})
    changed = [path for path, stamp in _stamps(step).items() if before.get(path) != stamp]
    _remember(
        step,
        recipe=step.recipe,
        inputs=inputs,
        wrote=sorted({*changed, *_named_in(step.metrics)}),
        seconds=round(time.monotonic() - start, 1),
    )
    return step.executed


# --- what a notebook depends on, and what it owes ---


def _named_files(value: Any) -> list[Path]:
    """The files and folders that a parameter's value names; names may stand in a list, between
    commas, and with "@split" behind them."""
    if isinstance(value, dict):
        return [path for part in value.values() for path in _named_files(part)]
    if isinstance(value, list):
        return [path for part in value for path in _named_files(part)]
    if not isinstance(value, str):
        return []
    whole = value.strip()
    names = [whole] if _exists(whole) else [name.split("@")[0] for name in settings.names(whole)]
    return [settings.resolve(name) for name in names if _exists(name)]


def _left(pattern: str) -> list[Path]:
    """The files below outputs/ that fit a pattern; of several routers, those of the one that is
    used."""
    found = [path for path in settings.outputs().glob(pattern) if path.is_file()]
    if pattern.startswith("models/"):
        with suppress(RouterError):
            return sorted(newest().iterdir())
        return []
    return sorted(path for path in found if not path.name.endswith(ASIDE))


def _exists(name: str) -> bool:
    """Whether there is such a file, or such a folder; one that holds the project itself is none."""
    try:
        path = Path(os.path.normpath(settings.resolve(name)))
    except RuntimeError:  # a user's folder, ~name, that there is not
        return False
    return (
        bool(name) and os.path.exists(path) and path not in (settings.ROOT, *settings.ROOT.parents)
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 sum of a file's content; of a folder, of its files' names and contents."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return _sum_of([[str(file.relative_to(path)), sha256_of(file)] for file in files])
    try:
        return jsonl.file_sha256(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _sum_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _stamps(step: Step) -> dict[str, tuple[int, ...]]:
    """What tells that a file was written: of all files in outputs/, and where the step's parameters
    say that it writes."""
    folders = [settings.outputs()]
    for name, value in step.values.items():
        if "OUTPUT" in name:
            folders += _named_files(value)
    stamps: dict[str, tuple[int, ...]] = {}
    for file in (file for folder in folders for file in _files_in(folder)):
        with suppress(OSError):  # gone meanwhile
            state = file.stat()
            stamps[str(file)] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return stamps


def _files_in(folder: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder that a notebook may owe."""
    if folder.is_file():
        yield folder
    base = settings.outputs()
    passed_over = [base / name for name in NOT_OWED]
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in passed_over]
        for name in names:
            if not name.endswith(ASIDE):
                yield Path(place, name)


def _named_in(metrics: Path) -> list[str]:
    """The files and folders that a notebook's numbers name: it may have found them complete."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                yield from texts(part)

    if not metrics.exists():
        return []
    found = [text for text in texts(jsonl.read_json(metrics)) if text.startswith(os.sep)]
    return [text for text in found if os.path.exists(text)]


def _cell_sources(notebook: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in jsonl.read_json(notebook)["cells"]]


def _library_sum() -> str:
    """Of the library's code and samples: whoever changes them gets a new run."""
    digest = hashlib.sha256()
    for file in sorted(settings.PACKAGE.rglob("*")):
        if file.suffix in (".py", ".jsonl", ".css"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class Past(Row):
    """What is remembered of a notebook's last run: its recipe, unless it broke off, the contents of
    its inputs before it began, the files that it wrote, and its seconds."""

    recipe: str | None = None
    inputs: dict[str, str] = pydantic.Field(default_factory=dict)
    wrote: list[str] = pydantic.Field(default_factory=list)
    seconds: float | None = None


def _seconds_before() -> dict[str, Past]:
    with suppress(FileNotFoundError, ValueError):  # a damaged file is as good as none
        return pydantic.TypeAdapter(dict[str, Past]).validate_python(
            jsonl.read_json(_history_file())
        )
    return {}


def _past(step: Step) -> Past:
    return _seconds_before().get(step.name, Past())


def _remember(step: Step, **facts: Any) -> None:
    history = _seconds_before()
    history[step.name] = _past(step).model_copy(update=facts)
    jsonl.write_json(_history_file(), history)


def _history_file() -> Path:
    return settings.outputs("notebooks", "history.json")


def _expected_seconds(step: Step) -> float:
    return _past(step).seconds or NOTEBOOKS[step.name][1]


# --- the parameters given to a run ---


def _full_name(name: str) -> str:
    stem = Path(name).stem
    matches = [
        known for known in NOTEBOOKS if known == stem or known.split("_")[0] == stem.zfill(2)
    ]
    if not matches:
        hint = did_you_mean(stem, NOTEBOOKS)
        raise PipelineError(
            f"There is no notebook {name!r}; there are {', '.join(NOTEBOOKS)}.{hint}"
        )
    return matches[0]


@dataclass(frozen=True)
class Given:
    """Parameters given together, for one notebook or (empty) for all that have them.

    `place` says where, for messages: "my.yaml: ", "my.yaml, under 01_analysis: ", or nothing.
    """

    values: Mapping[str, Any]
    notebook: str = ""
    place: str = ""


def _own_parameters(
    notebook: str, known: Mapping[str, Any], given: Sequence[Given]
) -> dict[str, Any]:
    """The parameters given to one notebook, checked: of two for one name, that under the notebook's
    own name, else the last; what somebody has typed (which has no place) before all.

    Raises:
        SettingError: a value does not fit; the text says where it was given.
    """
    ours = [part for part in given if part.notebook in ("", notebook)]
    ours.sort(key=lambda part: (not part.place, bool(part.notebook)))
    placed = {
        key: (value, part.place)
        for part in ours
        for key, value in part.values.items()
        if key in known
    }
    own = {}
    for key, (value, place) in placed.items():
        try:
            own[key] = fitting(key, value, known[key])
        except settings.SettingError as error:
            raise settings.SettingError(f"{place}{error}") from None
    return own


def _read_parameter_files(files: Sequence[str | Path]) -> Iterator[Given]:
    """The parameters of files, each notebook's part and the rest by itself."""
    for file in files:
        path = Path(file) if Path(file).exists() else settings.resolve(file)
        shared = {}
        for name, value in _read_parameter_file(path).items():
            if name in NOTEBOOKS:
                place = f"{file}, under {name}"
                yield Given(_mapping(value, place), name, f"{place}: ")
            elif isinstance(value, dict):
                raise PipelineError(
                    f"{file}: there is no notebook {name}.{did_you_mean(name, NOTEBOOKS)}"
                )
            else:
                shared[name] = value
        yield Given(shared, place=f"{file}: ")


def _read_parameter_file(path: Path) -> dict[str, Any]:
    import yaml

    if refusal := settings.refusal_of_pipe(path):
        raise PipelineError(refusal)
    lines, length = [], 0
    try:
        for line in jsonl.read_lines(path):
            lines.append(line)
            length += len(line)
            if length > MOST_OF_PARAMETERS:
                raise PipelineError(
                    f"{path} has more than {MOST_OF_PARAMETERS:,} characters, which no file of "
                    "parameters has. Name a file with lines of the form NAME: value."
                )
    except FileNotFoundError:
        raise PipelineError(f"There is no parameter file {path}.") from None
    try:
        loader = yaml.SafeLoader("".join(lines))
        node = loader.get_single_node()
        _refuse_doubles(path, node)
        content = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PipelineError(f"{path} is no valid YAML: {error}") from None
    return _mapping(content, str(path))


def _refuse_doubles(path: Path, node: Any) -> None:
    """Refuse a name that is given twice, in the file or in a notebook's part of it: YAML takes the
    last, and says nothing.

    Args:
        node: what `yaml.compose` makes of the file; None where it is empty.

    Raises:
        PipelineError: one is.
    """
    if getattr(node, "id", "") != "mapping":
        return
    lines: dict[str, int] = {}
    for name, value in node.value:
        line = name.start_mark.line + 1
        if name.id == "scalar" and name.value in lines:
            raise PipelineError(
                f"{path}, line {line}: {name.value} is given on line {lines[name.value]} already. "
                "Leave one of the two."
            )
        if name.id == "scalar":
            lines[name.value] = line
        if name.id == "scalar" and name.value in NOTEBOOKS:
            _refuse_doubles(path, value)


def _mapping(content: Any, place: str) -> dict[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise PipelineError(f"{place}: expected lines of the form NAME: value.")
    return content


def _refuse_unknown(given: Given, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a name that no notebook of the run has; a part for a notebook that is not in the run
    is passed over.
    """
    if given.notebook and given.notebook not in known:
        return
    asked = [given.notebook] if given.notebook else list(known)
    names = sorted({name for notebook in asked for name in known[notebook]})
    who = "No notebook of this run has a"
    if given.notebook:
        who = f"The notebook {given.notebook} has no"
    for name in given.values:
        if name not in names:
            hint = did_you_mean(name, names) or f" There are: {', '.join(names)}."
            raise PipelineError(f"{given.place}{who} parameter {name}.{hint}")


# --- the servers of the stand-ins ---


@contextmanager
def _standins_for(pending: list[Step]) -> Iterator[Callable[[Step], dict[str, str]]]:
    """The stand-ins' servers that these notebooks need: all started at once, let go of after.

    Yields:
        a function that waits for the servers that a notebook asks, and gives their addresses by
        parameter. Notebooks that ask none go on while the servers start.
    """
    temperatures = (step.values.get("TEMPERATURE") for step in pending)
    temperature = next((value for value in temperatures if value is not None), None)
    usual = _usual_addresses(pending)
    begun: list[servers.Place] = []
    places: dict[str, servers.Place] = {}

    def addresses_for(step: Step) -> dict[str, str]:
        found = {}
        for name, standin in _standins_of(step):
            if standin not in places:
                places[standin] = servers.ensure(standin, usual[standin], temperature)
            found[name] = places[standin].base_url
        return found

    try:
        for standin, address in usual.items():
            print(f"Starting {standin} …", flush=True)
            servers.begin(begun, standin, address, temperature)
        yield addresses_for
    finally:
        with deferring_signals():
            servers.release(*places.values(), *begun)


def _usual_addresses(steps: list[Step]) -> dict[str, str]:
    """The stand-ins that notebooks ask, each with the address where the first one looks for it."""
    found: dict[str, str] = {}
    for step in steps:
        for name, standin in _standins_of(step):
            found.setdefault(standin, step.defaults[name])
    return found


def _standins_of(step: Step) -> list[tuple[str, str]]:
    """The addresses at which a notebook asks a stand-in: parameter, and the stand-in's name."""
    return [
        (name, standin)
        for name, (model_parameter, standin) in API_BASES.items()
        if _uses(step, name, model_parameter, standin)
    ]


def _uses(step: Step, address: str, model_parameter: str, standin: str) -> bool:
    """Whether a notebook asks a stand-in at its usual address."""
    is_usual = address in step.defaults and address not in step.parameters
    return is_usual and step.values.get(model_parameter) == standin


# --- the closing words ---


def summary(result: Result) -> str:
    """What a run came to, in a dozen lines: the numbers that the notebooks wrote, and where to
    look."""
    minutes = f"{int(result.seconds) // 60} min {int(result.seconds) % 60} s"
    done, reused = len(result.executed), len(result.reused)
    lines = [
        "",
        f"Done in {minutes}: {done} notebooks executed, {reused} reused.",
        *_accuracy(_metrics("graded")),
        *_router(_metrics("models")),
        f"  executed notebooks  {settings.outputs('notebooks')}",
        f"  figures             {settings.outputs('figures')}",
        "",
        "Try it: .venv/bin/python -m routerlib route "
        '"What is the opposite of hot?" "What is 17 * 23?"',
        "or open notebooks/06_demo.ipynb: make lab",
    ]
    return "\n".join(lines)


def _metrics(step: str) -> dict[str, Any]:
    path = settings.outputs(step, "metrics.json")
    return jsonl.read_json(path) if path.exists() else {}


def _accuracy(metrics: dict[str, Any]) -> list[str]:
    if "superior" not in metrics:
        return []
    return [
        f"  accuracy            {_model_named(metrics, 'superior')}, "
        f"{_model_named(metrics, 'inferior')} ({metrics['outcomes']['joined']:,} questions)"
    ]


def _model_named(metrics: dict[str, Any], side: str) -> str:
    model = metrics[side]
    accuracy = model["accuracy"]
    return f"{side} {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]"


def _router(metrics: dict[str, Any]) -> list[str]:
    if "apgr" not in metrics:
        return []
    apgr, certificate = metrics["apgr"], metrics.get("certificate") or {}
    worth = "no APGR, for the test rows show no gap between the models"
    if None not in apgr.values():
        is_better = apgr["low"] > 0.5
        beats = "better than chance" if is_better else "not clearly better than chance (0.5)"
        worth = f"APGR {apgr['value']:.3f} [{apgr['low']:.3f}, {apgr['high']:.3f}], {beats}"
    share = f"sends {metrics['share_superior']:.0%} of the test prompts to the superior model"
    lines = [
        f"  router              {metrics['router']}: {worth}",
        f"  threshold           {metrics['threshold']:.3f} {share}, "
        f"accuracy {metrics['accuracy']:.3f}",
    ]
    if certificate.get("sentence"):
        lines.append(f"  certificate         {certificate['sentence']}")
    return [*lines, f"  saved in            {metrics['folder']}"]
