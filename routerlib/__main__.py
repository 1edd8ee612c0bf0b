"""The commands: what the notebooks do, from a shell, for long jobs under nohup or tmux.

Each command calls one library function, whose signature and docstring are its options and their
help; the notebook of the same stage calls that function too. Exit codes: 0 done; 1 a server,
a cluster, a notebook or the disk failed; 2 wrong arguments or input; 3 some questions remain; 130
interrupted; 143 ended by SIGTERM (everything finished by then is on disk).
"""

from __future__ import annotations

from routerlib import start

if __name__ == "__main__":
    start.leave_at_once()  # what is imported below takes a third of a second

import contextlib
import dataclasses
import difflib
import importlib
import inspect
import json
import math
import os
import re
import sys
import traceback
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from tyro.conf import Positional, UseAppendAction, arg
from tyro.constructors import PrimitiveConstructorSpec

import routerlib
from routerlib.errors import FAILED, FULL, WRONG_INPUT, Foreseen
from routerlib.progress import Terminated, ended_by_signals, printable_lines

OK, INTERRUPTED = 0, start.INTERRUPTED

# --- the values that a shell cannot give as they are ---


def _json_object(words: list[str]) -> dict[str, Any]:
    try:
        value = json.loads(words[0])
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise ValueError(
        f"""{words[0][:80]} is no JSON object; one looks like '{{"top_p": 0.9}}', quotes included"""
    )


def _unescaped(words: list[str]) -> tuple[str, ...]:
    """A shell hands \\n on as two characters."""
    return tuple(word.replace("\\n", "\n").replace("\\t", "\t") for word in words)


def _share_given(words: list[str]) -> float:
    try:
        value = float(words[0])
    except ValueError:
        value = math.nan
    if 0 <= value <= 1:
        return value
    raise ValueError(f"{words[0]} is no number from 0 to 1")


SHARE = PrimitiveConstructorSpec(
    nargs=1,
    metavar="SHARE",
    instance_from_str=_share_given,
    is_instance=lambda value: value is None or isinstance(value, float),
    str_from_instance=lambda value: [str(value)],
)
JSON_OBJECT = PrimitiveConstructorSpec(
    nargs=1,
    metavar="JSON",
    instance_from_str=_json_object,
    is_instance=lambda value: value is None or isinstance(value, dict),
    str_from_instance=lambda value: [json.dumps(value)],
)
NUMBER_OR_NONE = PrimitiveConstructorSpec(
    nargs=1,
    metavar="FLOAT|none",
    instance_from_str=lambda words: None if words[0].lower() == "none" else float(words[0]),
    is_instance=lambda value: value is None or isinstance(value, int | float),
    str_from_instance=lambda value: [str(value)],
)
OPTIONAL_SHARE = Annotated[float | None, SHARE, arg(help_behavior_hint="")]
TEXTS = PrimitiveConstructorSpec(
    nargs="*",
    metavar="TEXT …",
    instance_from_str=_unescaped,
    is_instance=lambda value: isinstance(value, tuple | list),
    str_from_instance=list,
)

# --- the commands ---


@dataclass(frozen=True)
class Command:
    """One command: what the overview says of it, the function behind it, and how its result ends
    the process.

    `calls` names the function as "module:name", so that an overview imports nothing. `needs` are
    parameters that have to be given here, `without` those that only a program can give; `reads` are
    types that the command line takes in another form than the function does.
    """

    does: str
    calls: str
    needs: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    reads: Mapping[str, Any] = field(default_factory=dict)
    ends: Callable[[Any], int] = lambda result: OK
    is_quiet: bool = False  # loading a model is not its answer: no bars of libraries

    def function(self) -> Callable[..., Any]:
        """The function, its module imported now."""
        module, _, name = self.calls.partition(":")
        return getattr(importlib.import_module(module), name)


def run_notebooks(
    notebooks: Positional[tuple[str, ...]] = (),
    file: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=["-f"])] = (),
    parameter: Annotated[UseAppendAction[tuple[tuple[str, str], ...]], arg(aliases=["-p"])] = (),
    fresh: bool = False,
) -> int:
    """Execute the notebooks in order, headless; go on where an earlier run stopped.

    Example: python -m routerlib run 03 04 -f notebooks/params/gpu.yaml -p K_RESPONSES 5

    Args:
        notebooks: names or numbers; none: all six.
        file: parameters from a YAML file; may be given several times.
        parameter: one parameter, its name and its value; may be given several times.
        fresh: execute all of them, whatever is there.
    """
    from routerlib import pipeline

    names = notebooks or list(pipeline.NOTEBOOKS)
    result = pipeline.run(names, file, pipeline.typed(names, dict(parameter)), fresh)
    print(pipeline.summary(result))
    return OK


def serve_or_stop(model: str = "", stop: bool = False, force: bool = False, **settings: Any) -> int:
    """The command `serve`: its options are those of `servers.serve`, --stop and --force."""
    from routerlib.endpoints import servers

    port = settings["port"]
    if stop:
        was_ours = servers.stop(port, force)
        if was_ours:
            print(f"Stopped the server on port {port}.")
        else:
            print(f"No server of ours on port {port}.")
        return OK
    if not model:
        print("--model is needed: a hub id, a local folder, or standin-superior.", file=sys.stderr)
        return WRONG_INPUT
    server = servers.serve(model=model, **settings)
    print(
        f"{server.model} answers at {server.base_url} "
        f"(engine {server.engine}, process {server.pid}, log {server.log})"
    )
    print(f"Stop it with: python -m routerlib serve --stop --port {server.port}")
    return OK


def route(
    prompts: Positional[tuple[str, ...]] = (),
    router: str | None = None,
    threshold: float | None = None,
    json: bool = False,
) -> int:
    """Say which model a prompt goes to, and why.

    Example: python -m routerlib route "Prove that there are infinitely many primes."

    Args:
        prompts: one or several; none: one a line from standard input.
        router: a router's folder or hub id. Without it, the newest below outputs/models; without
            any, a quick one that is fitted on the shipped outcomes.
        threshold: of p_superior, from 0 to 1. Without it, the router's own.
        json: write one JSON object a line.
    """
    from routerlib.endpoints.prompts import well_formed

    # Bytes that are no UTF-8 arrive as surrogates.
    texts = [well_formed(prompt) for prompt in prompts or _lines_of_input()]
    if not texts:
        print(
            "No prompt was given, neither as an argument nor as a line of standard input.",
            file=sys.stderr,
        )
        return WRONG_INPUT
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            print(f"Prompt {number} is empty: there is nothing in it to go by.", file=sys.stderr)
    decisions = _router_here(router).route(texts, threshold)
    for text, decision in zip(texts, decisions, strict=True):
        if json:
            print(_as_json({"prompt": text, **dataclasses.asdict(decision)}))
        else:
            print(f"{decision.model}  {decision.reason}  {text[:80]!r}")
    return OK


def _router_here(named: str | None) -> Any:
    """The router of that name, else the newest; before any has been trained, a quick one."""
    from routerlib.serving import routing
    from routerlib.training.router import Router, RouterError, newest

    try:
        folder = named or newest()
    except RouterError:
        with contextlib.redirect_stdout(sys.stderr):  # what is told beside the decisions
            return routing.load()
    return Router.from_pretrained(folder)


def _as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines_of_input() -> list[str]:
    if sys.stdin.isatty():
        print("One prompt a line; end with Ctrl-D.", file=sys.stderr)
    return [line.rstrip("\n") for line in sys.stdin if line.strip()]


def _collected(summary: Any) -> int:
    print(summary)
    return summary.exit_code


def _status_of_grading(grading: Any) -> int:
    if grading.answers:
        return OK
    print("Nothing was graded: no row of the input holds an answer.", file=sys.stderr)
    return WRONG_INPUT


COMMANDS: dict[str, Command] = {
    "run": Command(
        "the notebooks in order, headless; goes on where an earlier run stopped",
        "routerlib.__main__:run_notebooks",
        ends=int,
    ),
    "serve": Command(
        "start a local OpenAI-compatible server in the background, or stop it",
        "routerlib.endpoints.servers:serve",
    ),
    "check": Command(
        "a few requests to a server: what it is, what it takes, what a sample costs",
        "routerlib.endpoints.check:check",
        needs=frozenset({"model"}),
    ),
    "collect": Command(
        "k answers of one model to each question, resumable: what notebook 03 does for two models",
        "routerlib.cluster.collecting:collect",
        needs=frozenset({"questions", "model"}),
        without=frozenset({"api_key", "progress"}),
        reads={
            "questions": str,
            "stop": Annotated[tuple[str, ...], TEXTS],
            "temperature": Annotated[float | None, NUMBER_OR_NONE, arg(help_behavior_hint="")],
            "extra_body": Annotated[dict[str, Any] | None, JSON_OBJECT, arg(help_behavior_hint="")],
        },
        ends=_collected,
    ),
    "clean": Command(
        "conversations or logs to prompts worth labelling: what notebook 02 does first",
        "routerlib.cluster.cleaners:clean_file",
        needs=frozenset({"prompts"}),
    ),
    "grade": Command(
        "extract and grade the answers in a file or folder: what notebook 04 does",
        "routerlib.cluster.graders:grade",
        without=frozenset({"progress"}),
        ends=_status_of_grading,
    ),
    "replay": Command(
        "your log, answered by a cheaper model and judged: money saved, quality lost, a threshold",
        "routerlib.replay:replay",
        needs=frozenset({"logs", "inferior", "judge"}),
        without=frozenset({"progress"}),
        reads={
            "logs": Positional[str],
            "temperature": Annotated[float | None, NUMBER_OR_NONE, arg(help_behavior_hint="")],
        },
        ends=_collected,
    ),
    "score": Command(
        "p_superior of each prompt of a file, and the model it would go to",
        "routerlib.cluster.prompt_scorers:score",
        needs=frozenset({"prompts"}),
        without=frozenset({"progress"}),
        reads={"threshold": OPTIONAL_SHARE},
        is_quiet=True,
    ),
    "route": Command(
        "which model a prompt goes to, and why",
        "routerlib.__main__:route",
        reads={"threshold": OPTIONAL_SHARE},
        ends=int,
        is_quiet=True,
    ),
    "serve-router": Command(
        "the router as an OpenAI-compatible server on 127.0.0.1, for programs in any language",
        "routerlib.serving.proxy:serve_router",
        reads={"threshold": OPTIONAL_SHARE},
        is_quiet=True,
    ),
}

# --- from a function to a command line ---


def parameters_of(command: Command) -> dict[str, inspect.Parameter]:
    """The parameters of a command's function that a command line can give, with the types it reads
    them as.
    """
    function = command.function()
    hints = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in command.without:
            continue
        if name in command.needs:
            parameter = parameter.replace(default=inspect.Parameter.empty)
        kind = command.reads.get(name) or _plain_type(hints[name], parameter.default)
        found[name] = parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
    return found


def _plain_type(hint: Any, default: Any) -> Any:
    """A type as a shell can give it: of several, the text, which the functions accept wherever they
    take a path.
    """
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    chosen = str if str in kinds else kinds[0]
    if default is not None:
        return chosen
    name = chosen.__name__.upper()
    return Annotated[chosen | None, arg(metavar=name, help_behavior_hint="")]


def parse(name: str, words: Sequence[str]) -> dict[str, Any]:
    """The arguments of a command from the words after its name; help and mistakes end the process
    (0 and 2).
    """
    command = COMMANDS[name]
    function = command.function()
    parameters = list(parameters_of(command).values())
    if name == "serve":
        parameters = _with_stop(parameters)

    def given(**values: Any) -> dict[str, Any]:
        return values

    given.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    given.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    given.__doc__ = inspect.getdoc(function)
    return tyro.cli(given, prog=f"python -m routerlib {name}", args=list(words))


def _with_stop(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """`serve` starts a model's server, or stops whichever is on a port: then no model need be
    named.
    """
    model = next(parameter for parameter in parameters if parameter.name == "model")
    others = [parameter for parameter in parameters if parameter is not model]
    stop = _switch("stop", "stop the server on --port.")
    force = _switch("force", "with --stop: even where another program uses the server.")
    return [model.replace(default=""), *others, stop, force]


def _switch(name: str, text: str) -> inspect.Parameter:
    """An option without a value, off where it is not given."""
    kind = Annotated[bool, arg(help=text)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)


# --- running one ---


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. An error is a sentence on standard error."""
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal without our signs shows "?", and goes on.
        sys.stdout.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else arguments
    try:
        start.hear_again()
        with ended_by_signals():
            code = _run(words)
            print(end="", flush=True)  # whatever is wrong with the output shows here
            return code
    except Terminated as signal:
        print(
            f"\nEnded by {signal}. What was finished is on disk; the same command goes on from "
            "there.",
            file=sys.stderr,
        )
        return signal.exit_code
    except KeyboardInterrupt:
        print(
            "\nInterrupted. What was finished is on disk; the same command goes on from there.",
            file=sys.stderr,
        )
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _tell_failure(error, words)


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return OK
    if words[0] in ("-V", "--version"):
        print(f"routerlib {routerlib.__version__}")
        return OK
    name, *rest = words
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        print(f"There is no command {name!r}.{hint}\n\n{overview()}", file=sys.stderr)
        return WRONG_INPUT
    from routerlib import settings

    settings.prepare()
    if command.is_quiet:
        # Before the libraries load, which read these once.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    given = parse(name, rest)
    if name == "serve":
        return serve_or_stop(**given)
    function = command.function()
    if inspect.iscoroutinefunction(function):
        from routerlib import event_loop

        return command.ends(event_loop.run_coroutine(function(**given)))
    return command.ends(function(**given))


def overview() -> str:
    """What `python -m routerlib` prints: the commands, a line each."""
    lines = [f"  {name:<14}{command.does}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m routerlib COMMAND …",
            "",
            *lines,
            "",
            "python -m routerlib COMMAND --help tells more. Exit codes: 0 done; 1 a server, a",
            "cluster, a notebook or the disk failed; 2 wrong arguments or input; 3 something",
            "remains to be asked; 130 and 143 ended by a signal.",
        ]
    )


def _tell_failure(error: Exception, words: Sequence[str]) -> int:
    """Say on standard error what went wrong; returns the exit code.

    With ROUTERLIB_DEBUG set, the traceback follows.
    """
    debug, code = os.environ.get("ROUTERLIB_DEBUG"), FAILED
    if isinstance(error, Foreseen):
        text, code = _in_flags(str(error), words), error.exit_code
    elif isinstance(error, OSError) and error.errno in FULL:
        where = f" to {error.filename}" if error.filename else ""
        text = (
            f"No more could be written{where} ({error.strerror}). Make room, and run the command "
            "again."
        )
    elif isinstance(error, OSError) and error.filename:
        file = error.filename2 or error.filename  # of two, what was to be there
        text, code = f"{file}: {error.strerror}.", WRONG_INPUT
    elif isinstance(error, ModuleNotFoundError):
        text = _what_to_install(error, words)
    else:
        text = f"An error that routerlib did not foresee, {type(error).__name__}: {error}"
        if not debug:
            text += "\nSet ROUTERLIB_DEBUG=1 and run the command again to see where it comes from."
    print(printable_lines(text), file=sys.stderr)  # it may quote what stood in a file
    if debug:
        traceback.print_exception(error)
    return code


def _what_to_install(error: ModuleNotFoundError, words: Sequence[str]) -> str:
    from routerlib import settings

    explained = settings.explain_missing(error, f"The command {words[0]}")
    if explained:
        return str(explained)
    return (
        f"{error.name} is not installed for this Python. Install routerlib again, or, in a "
        "checkout, use .venv/bin/python, which make run sets up."
    )


def _in_flags(text: str, words: Sequence[str]) -> str:
    """Errors name parameters as the notebooks do, NUM_PROBLEMS; who types a command knows
    --num-problems.
    """
    names = parameters_of(COMMANDS[words[0]]) if words and words[0] in COMMANDS else {}
    flags = {name.upper(): f"--{name.replace('_', '-')}" for name in names}
    flags.pop("JSON", None)  # in an error, the format, and not the option of that name
    return re.sub(r"\b[A-Z][A-Z_]+\b", lambda word: flags.get(word[0], word[0]), text)


if __name__ == "__main__":
    sys.exit(main())
