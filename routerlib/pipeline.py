"""Run the notebooks in order, headless, and say at the end what came out.

The runner knows which notebooks are done (nothing they depend on has changed) and passes over them, so
that a second run is short and an interrupted one goes on. It starts the stand-in servers once for all
notebooks and stops them at the end. What a notebook does is its own business: papermill executes it, and
work inside a notebook resumes by itself, in the library.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from routerlib import settings
from routerlib.endpoints import servers, standins
from routerlib.errors import FAILED, Foreseen
from routerlib.progress import printable
from routerlib.rows import jsonl
from routerlib.rows.schemas import Row

# notebook -> (the folder below outputs/ that its last cell writes metrics.json to, typical seconds on two cores)
NOTEBOOKS = {
    "01_analysis": ("analysis", 10),
    "02_create_dataset": ("datasets", 60),
    "03_collect_responses": ("responses", 190),
    "04_extract_answers": ("graded", 5),
    "05_finetune": ("models", 60),
    "06_demo": ("demo", 15),
}
KERNEL = "python3"
API_BASES = {
    "LABELLER_API_BASE": ("LABELLER_MODEL", "standin-superior"),
    "SUPERIOR_API_BASE": ("SUPERIOR_MODEL", "standin-superior"),
    "INFERIOR_API_BASE": ("INFERIOR_MODEL", "standin-inferior"),
}


class PipelineError(Foreseen, RuntimeError):
    """The run cannot start or go on; the text says why and what to do."""


class NotebookFailed(PipelineError):
    """A cell of a notebook raised."""

    exit_code = FAILED


@dataclass
class Step:
    """One notebook with the parameters given to it, its defaults, and the fingerprint of all it depends on."""

    name: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    fingerprint: str

    @property
    def values(self) -> dict[str, Any]:
        """What its parameters will be: the given ones, and the defaults of the others."""
        return {**self.defaults, **self.parameters}

    @property
    def source(self) -> Path:
        return notebook_path(self.name)

    @property
    def executed(self) -> Path:
        return settings.outputs("notebooks", f"{self.name}.ipynb")

    @property
    def metrics(self) -> Path:
        return settings.outputs(NOTEBOOKS[self.name][0], "metrics.json")


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
    """Execute notebooks in order; those whose sources, parameters and predecessors are unchanged are reused.

    Args:
        notebooks: names such as "03_collect_responses", or their numbers such as "03".
        files: YAML files of parameters, later ones win; a notebook takes the names that it has, and those under
            its own name ("03_collect_responses:") before the others.
        parameters: like the files' contents; they win over the files.
        fresh: execute all of them, whatever is there.

    Raises:
        PipelineError: an unknown notebook or parameter, or a value of the wrong kind.
        NotebookFailed: a cell raised; the text names notebook, cell and error.
    """
    start, result = time.monotonic(), Result()
    plans = plan(notebooks, files, parameters)
    first = (
        0 if fresh else next((i for i, step in enumerate(plans) if not is_done(step)), len(plans))
    )
    pending = [
        number >= first for number in range(len(plans))
    ]  # what follows a changed step is changed too
    with _standins_for(
        [step for step, is_pending in zip(plans, pending, strict=True) if is_pending]
    ) as addresses:
        for number, (step, is_pending) in enumerate(zip(plans, pending, strict=True), start=1):
            label = f"[{number}/{len(plans)}] {step.name}"
            if not is_pending:
                result.reused.append(step.name)
                print(f"{label}: done before, nothing has changed", flush=True)
                continue
            with _Progress(
                label,
                remaining=[
                    s for s, p in zip(plans[number - 1 :], pending[number - 1 :], strict=True) if p
                ],
            ):
                execute(step, addresses)
            result.executed.append(step.name)
    result.seconds = time.monotonic() - start
    return result


def plan(
    notebooks: Sequence[str] = tuple(NOTEBOOKS),
    files: Sequence[str | Path] = (),
    parameters: dict[str, Any] | None = None,
) -> list[Step]:
    """What would run: each notebook with its checked parameters and its fingerprint."""
    names = [_full_name(name) for name in notebooks]
    shared, sections = _read_parameter_files(files)
    known = {name: defaults(notebook_path(name)) for name in names}
    _refuse_unknown({**shared, **(parameters or {})}, known)
    plans, fingerprint = [], _library_fingerprint()
    for name in names:
        section = sections.get(name, {})
        _refuse_unknown(section, {name: known[name]})
        given = {**shared, **section, **(parameters or {})}
        own = {
            key: _fitting(key, value, known[name][key])
            for key, value in given.items()
            if key in known[name]
        }
        text = json.dumps(
            [fingerprint, _cell_sources(notebook_path(name)), own], sort_keys=True, default=str
        )
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        plans.append(Step(name, own, known[name], fingerprint))
    return plans


def is_done(step: Step) -> bool:
    """Whether the notebook was executed to its end with this very fingerprint."""
    is_same = _history().get(step.name, Past()).fingerprint == step.fingerprint
    return is_same and step.executed.exists() and step.metrics.exists()


def execute(step: Step, addresses: dict[str, str] | None = None) -> Path:
    """Execute one notebook through papermill; returns the path of the executed copy."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    moved = {
        name: url for name, url in (addresses or {}).items() if step.defaults.get(name, url) != url
    }
    _remember(step, fingerprint=None)
    start = time.monotonic()
    try:
        papermill.execute_notebook(
            str(step.source),
            str(step.executed),
            parameters={**moved, **step.parameters},
            kernel_name=KERNEL,
            language="python",
            cwd=str(settings.ROOT),
            progress_bar=False,
            log_output=True,
            extra_arguments=[
                "--IPKernelApp.log_level=CRITICAL"
            ],  # it warns at every start, and cries at the end
        )
    except PapermillExecutionError as error:
        raise NotebookFailed(
            f"{step.name}, cell {error.exec_count}: {error.ename}: {_plain_text(error.evalue)}\n"
            f"The notebook as far as it came, with the traceback: {step.executed}\n"
            "Mend the cause and run the same command again: it goes on from here."
        ) from None
    except OSError as error:
        raise PipelineError(
            f"{step.name}: {error}. Is there room at {step.executed.parent}, and may it be written? "
            "Then run the same command again: it goes on from here."
        ) from None
    settle(step.executed)
    _remember(step, fingerprint=step.fingerprint, seconds=round(time.monotonic() - start, 1))
    return step.executed


def settle(notebook: Path) -> None:
    """Rewrite an executed notebook's text outputs as a terminal shows them at the end: of a line that was
    overwritten again and again (a progress bar), the last state stays. JupyterLab does so; HTML does not."""
    content = jsonl.read_json(notebook)
    for cell in content["cells"]:
        outputs: list[dict[str, Any]] = []
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                text = "".join(output["text"])
                if outputs and outputs[-1].get("name") == output["name"]:
                    text = "".join(outputs.pop()["text"]) + text
                output = {**output, "text": re.sub(r"[^\n]*\r(?=[^\n])", "", text)}
            outputs.append(output)
        if outputs:
            cell["outputs"] = outputs
    jsonl.write_json(notebook, content)


def defaults(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook and their default values, read from the cell tagged `parameters`."""
    values: dict[str, Any] = {}
    for cell in jsonl.read_json(notebook)["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            for statement in ast.parse("".join(cell["source"])).body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    values[statement.targets[0].id] = ast.literal_eval(statement.value)
    return values


def notebook_path(name: str) -> Path:
    return settings.ROOT / "notebooks" / f"{name}.ipynb"


def parse_value(text: str) -> Any:
    """A parameter's value from the command line, read as YAML would, and 1e-3 as a number.

    papermill's own -p hands `true` on as the text "true".
    """
    import yaml

    try:
        value = yaml.safe_load(text) if text else ""
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ):  # brackets and quotes that mean nothing in YAML
        return text
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value


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


def _read_parameter_files(
    files: Sequence[str | Path],
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """(parameters of every notebook that has them, notebook -> parameters under its name)."""
    shared: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {}
    for file in files:
        content = _read_parameter_file(
            Path(file) if Path(file).exists() else settings.resolve(file)
        )
        for name, value in content.items():
            if name in NOTEBOOKS:
                sections.setdefault(name, {}).update(_mapping(value, f"{file}, under {name}"))
            elif isinstance(value, dict):
                raise PipelineError(
                    f"{file}: there is no notebook {name}.{did_you_mean(name, NOTEBOOKS)}"
                )
            else:
                shared[name] = value
    return shared, sections


def _read_parameter_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = "".join(jsonl.read_lines(path))
    except FileNotFoundError:
        raise PipelineError(f"There is no parameter file {path}.") from None
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PipelineError(f"{path} is no valid YAML: {error}") from None
    return _mapping(content, str(path))


def _mapping(content: Any, place: str) -> dict[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise PipelineError(f"{place}: expected lines of the form NAME: value.")
    return content


def _refuse_unknown(given: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    names = sorted({name for parameters in known.values() for name in parameters})
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names) or f" There are: {', '.join(names)}."
            raise PipelineError(f"No notebook of this run has a parameter {name}.{hint}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " Did you mean K_RESPONSES?" where one of the known names resembles this one, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _fitting(name: str, value: Any, default: Any) -> Any:
    """The value, if its kind fits the default's.

    A whole number may stand for a real one, a number or a list of texts for a text; None fits everything.
    """
    if (
        isinstance(value, str)
        and isinstance(default, int | float)
        and not isinstance(default, bool)
    ):
        value = parse_value(value)  # YAML reads 1e-3 as text
    if (
        default is None
        or value is None
        or (isinstance(value, type(default)) and not _is_bool_for_number(value, default))
    ):
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, str) and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # NUM_PROBLEMS: 60, where the default says "all"
    if (
        isinstance(default, str)
        and isinstance(value, list)
        and all(isinstance(part, str) for part in value)
    ):
        return value  # STOP: several texts, where the default is one
    raise PipelineError(
        f"The parameter {name} takes a {_kind(default)} such as {default!r}, not {value!r} ({_kind(value)})."
    )


def _is_bool_for_number(value: Any, default: Any) -> bool:
    return isinstance(value, bool) and not isinstance(default, bool)


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        list: "list",
        dict: "mapping",
    }
    return kinds.get(type(value), type(value).__name__)


def _cell_sources(notebook: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in jsonl.read_json(notebook)["cells"]]


def _library_fingerprint() -> str:
    """Of the library's code and samples: whoever changes them gets a new run."""
    digest = hashlib.sha256()
    for file in sorted(settings.PACKAGE.rglob("*")):
        if file.suffix in (".py", ".jsonl", ".css"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class Past(Row):
    """What is remembered of a notebook: the fingerprint of its last run, unless that broke off, and its seconds."""

    fingerprint: str | None = None
    seconds: float | None = None


def _history() -> dict[str, Past]:
    with suppress(FileNotFoundError, ValueError):  # a damaged file is as good as none
        return pydantic.TypeAdapter(dict[str, Past]).validate_python(
            jsonl.read_json(_history_file())
        )
    return {}


def _remember(step: Step, **facts: Any) -> None:
    history = _history()
    history[step.name] = history.get(step.name, Past()).model_copy(update=facts)
    jsonl.write_json(_history_file(), history)


def _history_file() -> Path:
    return settings.outputs("notebooks", "history.json")


@contextmanager
def _standins_for(pending: list[Step]) -> Iterator[dict[str, str]]:
    """The addresses of the stand-in servers that these notebooks need; those started here are stopped after."""
    temperatures = (step.values.get("TEMPERATURE") for step in pending)
    temperature = next((value for value in temperatures if value is not None), None)
    started: dict[str, servers.Server | None] = {}
    addresses: dict[str, str] = {}
    try:
        for name, (model_parameter, standin) in API_BASES.items():
            needs = [step for step in pending if _uses(step, name, model_parameter, standin)]
            if needs and standin not in started:
                print(f"Starting {standin} …", flush=True)
                started[standin], base = _serve_standin(
                    standin, needs[0].defaults[name], temperature
                )
                addresses |= {
                    other: base for other, (_, served) in API_BASES.items() if served == standin
                }
        yield addresses
    finally:
        servers.release(*started.values())


def _uses(step: Step, address: str, model_parameter: str, standin: str) -> bool:
    """Whether a notebook asks a stand-in at its usual address."""
    is_usual = address in step.defaults and address not in step.parameters
    return is_usual and step.values.get(model_parameter) == standin


def _serve_standin(
    standin: str, base: str, temperature: float | None
) -> tuple[servers.Server | None, str]:
    """The stand-in at its usual address, or, where something else listens there, at a free one."""
    standins.path(standin)
    try:
        return servers.ensure(standin, base, temperature), base
    except servers.ServerError:
        server = servers.serve(standin, port=servers.free_port(), temperature=temperature)
        return server, server.base_url


class _Progress(logging.Handler):
    """One live line for the notebook that runs: its cell, its last words, time passed and time left.

    On a terminal the line is rewritten; in a log file a new one appears every ten seconds.
    """

    def __init__(self, label: str, remaining: list[Step]):
        super().__init__()
        self.label, self.cell, self.said = label, "", ""
        self.left = sum(_expected_seconds(step) for step in remaining)
        self.start, self.stopped = time.monotonic(), threading.Event()
        self.is_terminal = sys.stdout.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        for line in map(printable, re.split(r"[\r\n]+", _plain_text(record.getMessage()))):
            if match := re.match(r"Executing Cell (\d+)-", line):
                self.cell, self.said = match[1], ""
            elif line.strip() and not line.startswith(
                ("Ending Cell", "<")
            ):  # "<Figure …>" tells nothing
                self.said = line.strip()

    def __enter__(self) -> _Progress:
        logger = logging.getLogger("papermill")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        self.ticker = threading.Thread(target=self._tick, daemon=True)
        self.ticker.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stopped.set()
        self.ticker.join()
        logging.getLogger("papermill").removeHandler(self)
        elapsed = time.monotonic() - self.start
        how = (
            "done in"
            if kind is None
            else "stopped after"
            if issubclass(kind, KeyboardInterrupt)
            else "failed after"
        )
        end = f"{self.label}: {how} {_clock(elapsed)}"
        print(f"\r\x1b[K{end}" if self.is_terminal else end, flush=True)

    def _tick(self) -> None:
        interval = 0.5 if self.is_terminal else 10
        while not self.stopped.wait(interval):
            line = self._line()
            print(
                f"\r\x1b[K{line}" if self.is_terminal else line,
                end="" if self.is_terminal else "\n",
                flush=True,
            )

    def _line(self) -> str:
        elapsed = time.monotonic() - self.start
        left = max(0.0, self.left - elapsed)
        line = f"{self.label} · cell {self.cell or '–'} · {_clock(elapsed)}, about {_clock(left)} left · {self.said}"
        width = os.get_terminal_size().columns - 1 if self.is_terminal else 160
        return line if len(line) <= width else line[: width - 1] + "…"


def _expected_seconds(step: Step) -> float:
    return _history().get(step.name, Past()).seconds or NOTEBOOKS[step.name][1]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _plain_text(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
