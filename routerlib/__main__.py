"""The commands: what the notebooks do, from a shell, for long jobs under nohup or tmux.

Each command is a thin face over one library function, whose signature holds the defaults; the notebook of
the same stage calls that function too. Exit codes: 0 done, 1 failed, 2 wrong arguments or input, 3 some
questions remain, 130 interrupted (everything finished by then is on disk).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import inspect
import itertools
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

OK, FAILED, WRONG_INPUT, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130

# Errors that are no fault of the arguments or the input, by name: importing their classes would load everything.
CODES = {
    "NotebookFailed": FAILED,
    "ServerError": FAILED,
    "StandInError": FAILED,
    "DiskFull": INCOMPLETE,
}


FLAGS: dict[str, str] = {}  # of the command under way: NUM_PROBLEMS -> --num-problems


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. An error is a sentence on standard error."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a terminal without our signs shows "?", and goes on
    try:
        code = _command(sys.argv[1:] if arguments is None else arguments)
        print(end="", flush=True)  # whatever is wrong with the output shows here
        return code
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
        return _told(error)


def _command(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return OK
    name, *rest = arguments
    if name not in COMMANDS:
        from routerlib.pipeline import did_you_mean

        print(
            f"There is no command {name!r}.{did_you_mean(name, COMMANDS)}\n\n{_overview()}",
            file=sys.stderr,
        )
        return WRONG_INPUT
    return COMMANDS[name](rest)


def run(arguments: list[str]) -> int:
    """the notebooks in order, headless; goes on where an earlier run stopped"""
    from routerlib import pipeline, summary

    parser = _Parser(
        run,
        pipeline.run,
        "Example: python -m routerlib run 03 04 -f notebooks/params/gpu.yaml -p K_RESPONSES 5",
    )
    parser.add_argument(
        "notebooks",
        nargs="*",
        default=list(pipeline.NOTEBOOKS),
        help="names or numbers; none: all six",
    )
    parser.add_argument(
        "-f", "--file", action="append", default=[], metavar="YAML", help="parameters from a file"
    )
    parser.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="one parameter",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="execute all of them, whatever is there"
    )
    given = parser.parse_args(arguments)
    parameters = {name: pipeline.parse_value(value) for name, value in given.parameter}
    result = pipeline.run(given.notebooks, given.file, parameters, given.fresh)
    print(summary.of_run(result))
    return OK


def serve(arguments: list[str]) -> int:
    """start a local OpenAI-compatible server in the background, or stop it"""
    from routerlib.endpoints import servers

    parser = _Parser(
        serve,
        servers.serve,
        "Example: python -m routerlib serve --model google/gemma-3-4b-it --max-model-len 4096",
    )
    parser.add_argument(
        "--model", help="a hub id, a local folder, or standin-superior / standin-inferior"
    )
    parser.add("port", int, "on 127.0.0.1")
    parser.add(
        "engine",
        str,
        "vllm or transformers (default: vllm where it is installed and a GPU is present)",
    )
    parser.add(
        "max_model_len", int, "context length in tokens, for vllm (default: the model's own)"
    )
    parser.add("gpu_util", float, "share of the GPU's memory, for vllm")
    usual = f"(default: {servers.TEMPERATURE})"
    parser.add(
        "temperature",
        float,
        f"of the first request, which fixes the sampling of `transformers serve` {usual}",
    )
    parser.add("timeout", float, "seconds to wait until the server answers")
    parser.add_argument("--stop", action="store_true", help="stop the server on --port")
    given = vars(parser.parse_args(arguments))
    if given.pop("stop"):
        stopped = servers.stop(given["port"])
        print(
            f"Stopped the server on port {given['port']}."
            if stopped
            else f"No server of ours on port {given['port']}."
        )
        return OK
    if not given["model"]:
        parser.error("--model is needed")
    server = servers.serve(**given)
    print(
        f"{server.model} answers at {server.base_url} (engine {server.engine}, process {server.pid}, log {server.log})"
    )
    print(f"Stop it with: python -m routerlib serve --stop --port {server.port}")
    return OK


def collect(arguments: list[str]) -> int:
    """k answers of one model to each question, resumable: what notebook 03 does for two models"""
    from routerlib.collecting import collection

    parser = _Parser(
        collect,
        collection.collect,
        "Exit codes: 0 every question is complete, 3 some remain, 2 wrong input.",
    )
    parser.add(
        "questions",
        str,
        'a .jsonl, .csv or .parquet file, a hub id, or "sample"; several with commas',
        required=True,
    )
    parser.add("model", str, "as the server names it", required=True)
    parser.add(
        "api_base",
        str,
        "URL of the endpoint (default: http://localhost:8000/v1, or OpenAI's if remote)",
    )
    parser.add(
        "api_mode", str, "local, or remote (key from OPENAI_API_KEY)", choices=["local", "remote"]
    )
    parser.add("k_responses", int, "samples a question")
    parser.add("num_problems", str, "the first so many questions (default: all)")
    parser.add("temperature", float, "0 to 2")
    parser.add("max_tokens", int, "of one answer")
    parser.add(
        "stop",
        _unescaped,
        'strings that end an answer, such as "\\n"; special tokens always do',
        nargs="*",
    )
    parser.add("batch_size", int, "questions read ahead")
    parser.add("max_concurrent", int, "requests in flight, at most")
    parser.add("max_attempts", int, "failures after which a question is left alone")
    parser.add("endpoint", str, "completions or chat", choices=["completions", "chat"])
    parser.add(
        "template", str, "short, reasoning, or a template file (default: the endpoint's own)"
    )
    parser.add(
        "extra_body", _json_object, """more fields of the request, as JSON: '{"top_p": 0.9}'"""
    )
    parser.add("price_in", float, "per million tokens read")
    parser.add("price_out", float, "per million tokens written")
    parser.add("timeout", float, "seconds for one request")
    parser.add("output_file", str, "(default: a stable name from model and data set)")
    parser.add("output_dir", str, "(default: outputs/responses)")
    summary = collection.collect_sync(**vars(parser.parse_args(arguments)))
    print(summary)
    return summary.exit_code


def grade(arguments: list[str]) -> int:
    """extract and grade the answers in a file or folder: what notebook 04 does"""
    from routerlib.answers import grading

    parser = _Parser(grade, grading.grade)
    parser.add("input", str, "a responses file, or a folder of them (default: outputs/responses)")
    parser.add("output", str, "the graded file or folder (default: outputs/graded)")
    parser.add("workers", int, "processes (default: one a core)")
    parser.add("timeout", float, "seconds that grading one answer may take")
    parser.switch("by_category", "print accuracy by category, too")
    result = grading.grade(**vars(parser.parse_args(arguments)))
    if not result.answers:
        print("Nothing was graded: no row of the input holds an answer.", file=sys.stderr)
        return WRONG_INPUT
    return OK


def route(arguments: list[str]) -> int:
    """which model a prompt goes to, and why"""
    from routerlib.endpoints.prompts import well_formed
    from routerlib.training.router import Router, newest

    parser = _Parser(
        route,
        Router.route,
        'Example: python -m routerlib route "Prove that there are infinitely many primes."',
    )
    parser.add_argument(
        "prompts",
        nargs="*",
        metavar="PROMPT",
        help="one or several; none: one a line from standard input",
    )
    parser.add_argument(
        "--router", help="a router's folder (default: the newest below outputs/models)"
    )
    parser.add("threshold", _share, "from 0 to 1 (default: the router's own)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    prompts = given.prompts or _lines_of_input()
    prompts = [
        well_formed(prompt) for prompt in prompts
    ]  # bytes that are no UTF-8 arrive as surrogates
    if not prompts:
        parser.error("no prompt was given, neither as an argument nor as a line of standard input")
    for number, prompt in enumerate(prompts, start=1):
        if not prompt.strip():
            print(f"Prompt {number} is empty: there is nothing in it to go by.", file=sys.stderr)
    _without_notes_of_libraries()
    router = Router.from_pretrained(given.router or newest())
    for prompt, decision in zip(prompts, router.route(prompts, given.threshold), strict=True):
        if given.json:
            print(
                json.dumps({"prompt": prompt, **dataclasses.asdict(decision)}, ensure_ascii=False)
            )
        else:
            print(f"{decision.model}  {decision.reason}  {prompt[:80]!r}")
    return OK


def serve_router(arguments: list[str]) -> int:
    """the router as an OpenAI-compatible server on 127.0.0.1, for programs in any language"""
    from routerlib.serving import proxy

    parser = _Parser(
        serve_router,
        proxy.serve_router,
        "A bearer key is asked for where ROUTERLIB_SERVER_KEY is set.",
    )
    parser.add("router", str, "a router's folder (default: the newest below outputs/models)")
    parser.add("inferior", str, "address of the inferior model's server")
    parser.add("superior", str, "address of the superior model's server")
    parser.add("inferior_model", str, "its name there (default: the one the router knows)")
    parser.add("superior_model", str, "its name there (default: the one the router knows)")
    parser.add("port", int, "on 127.0.0.1")
    parser.add("threshold", _share, "the operating point, from 0 to 1 (default: the router's own)")
    parser.add(
        "timeout", float, "seconds without a byte from a model after which it counts as down"
    )
    parser.add("max_mb", float, "the largest request, in megabytes")
    parser.switch("fallback", "ask the other model when the chosen one is down")
    parser.switch("log_prompts", "write the prompts into the log, too")
    _without_notes_of_libraries()
    proxy.serve_router(**vars(parser.parse_args(arguments)))
    return OK


class _Parser(argparse.ArgumentParser):
    """The arguments of a command. The defaults of its options are those in the signature of the function it calls: one
    place for both. Options are taken by their whole names, and a misspelt one is told which one it resembles."""

    def __init__(self, command: Callable[..., int], calls: Callable[..., Any], epilog: str = ""):
        name = command.__name__.replace("_", "-")
        text = inspect.getdoc(command) or ""
        super().__init__(
            prog=f"python -m routerlib {name}", description=text, epilog=epilog, allow_abbrev=False
        )
        self.parameters = inspect.signature(calls).parameters

    def add(self, name: str, kind: Callable[[str], Any], text: str, **more: Any) -> None:
        """An option with a value."""
        default = None if more.get("required") else self.parameters[name].default
        shown = "" if default in (None, "", ()) or "default" in text else f" (default: {default})"
        flag = f"--{name.replace('_', '-')}"
        self.add_argument(flag, dest=name, type=kind, default=default, help=text + shown, **more)

    def switch(self, name: str, text: str) -> None:
        """An option without a value, to turn on what is off by default; or, with --no- before it, off what is on."""
        default = self.parameters[name].default
        action = argparse.BooleanOptionalAction if default else "store_true"
        shown = " (default: yes)" if default else ""
        self.add_argument(
            f"--{name.replace('_', '-')}", action=action, default=default, help=text + shown
        )

    def parse_args(self, arguments: list[str]) -> argparse.Namespace:  # type: ignore[override]
        flags = {
            option: action.dest for action in self._actions for option in action.option_strings
        }
        FLAGS.clear()
        FLAGS.update(
            {
                dest.upper(): option
                for option, dest in flags.items()
                if not option.startswith("--no-")
            }
        )
        options = itertools.takewhile(lambda word: word != "--", arguments)
        self._refuse(
            [word for word in options if _is_option(word) and word.partition("=")[0] not in flags],
            flags,
        )
        given, unknown = self.parse_known_args(arguments)
        self._refuse(unknown, flags)
        return given

    def _refuse(self, unknown: list[str], flags: Iterable[str]) -> None:
        """Say of an option that there is none; before argparse does, who would miss the one that was meant."""
        if unknown:
            from routerlib.pipeline import did_you_mean

            self.error(
                f"there is no option {unknown[0]}.{did_you_mean(unknown[0].partition('=')[0], flags)}"
            )


def _is_option(word: str) -> bool:
    return (
        word.startswith("--") and " " not in word
    )  # with a space in it, argparse takes it for a text


def _lines_of_input() -> list[str]:
    if sys.stdin is None:  # whoever started us has closed it
        return []
    if sys.stdin.isatty():
        print("One prompt a line; end with Ctrl-D.", file=sys.stderr)
    return [line.rstrip("\n") for line in sys.stdin if line.strip()]


def _without_notes_of_libraries() -> None:
    """Loading a router takes a second or two, and is not the answer: no bars, no warnings. Before libraries load."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no number from 0 to 1")


def _json_object(text: str) -> dict[str, Any]:
    from routerlib.rows import jsonl

    with contextlib.suppress(ValueError):
        if isinstance(value := jsonl.decode(text), dict):
            return value
    raise argparse.ArgumentTypeError(
        f"""{text} is no JSON object; one looks like '{{"top_p": 0.9}}', quotes included"""
    )


def _unescaped(text: str) -> str:
    """A shell hands \\n on as two characters."""
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _overview() -> str:
    lines = [f"  {name:<14}{inspect.getdoc(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m routerlib COMMAND …",
            "",
            *lines,
            "",
            "python -m routerlib COMMAND --help tells more.",
        ]
    )


def _told(error: Exception) -> int:
    """Say on standard error what went wrong; returns the exit code. With ROUTERLIB_DEBUG set, the traceback follows."""
    debug, code = os.environ.get("ROUTERLIB_DEBUG"), FAILED
    if _is_ours(error):
        text, code = _in_flags(str(error)), CODES.get(type(error).__name__, WRONG_INPUT)
    elif isinstance(error, OSError) and error.filename:
        text, code = f"{error.filename}: {error.strerror}.", WRONG_INPUT
    elif isinstance(error, ModuleNotFoundError):
        text = f"{error.name} is not installed for this Python. Use .venv/bin/python, which make run sets up."
    else:
        text = f"An error that routerlib did not foresee, {type(error).__name__}: {error}"
        text += (
            ""
            if debug
            else "\nSet ROUTERLIB_DEBUG=1 and run the command again to see where it comes from."
        )
    print(text, file=sys.stderr)
    if debug:
        traceback.print_exception(error)
    return code


def _is_ours(error: Exception) -> bool:
    """Whether an error is of a class of this package, or one of the usual ones raised by a statement of it."""
    if type(error).__module__.split(".")[0] == "routerlib":
        return True
    place = traceback.extract_tb(error.__traceback__)[-1]
    is_here = Path(place.filename).is_relative_to(Path(__file__).parent)
    return (
        isinstance(error, ValueError | OSError)
        and is_here
        and (place.line or "").startswith("raise ")
    )


def _in_flags(text: str) -> str:
    """Errors name parameters as the notebooks do, NUM_PROBLEMS; whoever types a command knows --num-problems."""
    return re.sub(r"\b[A-Z][A-Z_]+\b", lambda word: FLAGS.get(word[0], word[0]), text)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "serve": serve,
    "collect": collect,
    "grade": grade,
    "route": route,
    "serve-router": serve_router,
}

if __name__ == "__main__":
    sys.exit(main())
