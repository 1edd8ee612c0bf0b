"""The commands: what the notebooks do, from a shell, for long jobs under nohup or tmux.

Each command is a thin face over one library function, whose signature holds the defaults; the notebook of
the same stage calls that function too. Exit codes: 0 done, 1 failed, 2 wrong arguments or input, 3 some
questions remain, 130 interrupted (everything finished by then is on disk).
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

OK, FAILED, WRONG_INPUT, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. A foreseen error is a sentence on standard error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return OK
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"There is no command {name!r}.\n\n{_overview()}", file=sys.stderr)
        return WRONG_INPUT
    try:
        return COMMANDS[name](rest)
    except KeyboardInterrupt:
        print("\nInterrupted. What was finished is on disk; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _told(error)


def run(arguments: list[str]) -> int:
    """the notebooks in order, headless; goes on where an earlier run stopped"""
    from routerlib import pipeline, summary

    parser = _parser("run", run, "Example: python -m routerlib run 03 04 -f notebooks/params/gpu.yaml -p K_RESPONSES 5")
    parser.add_argument(
        "notebooks", nargs="*", default=list(pipeline.NOTEBOOKS), help="names or numbers; none: all six"
    )
    parser.add_argument("-f", "--file", action="append", default=[], metavar="YAML", help="parameters from a file")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter"
    )
    parser.add_argument("--fresh", action="store_true", help="execute all of them, whatever is there")
    given = parser.parse_args(arguments)
    parameters = {name: pipeline.parse_value(value) for name, value in given.parameter}
    result = pipeline.run(given.notebooks, given.file, parameters, given.fresh)
    print(summary.of_run(result))
    return OK


def serve(arguments: list[str]) -> int:
    """start a local OpenAI-compatible server in the background, or stop it"""
    from routerlib import servers

    parser = _parser(
        "serve", serve, "Example: python -m routerlib serve --model google/gemma-3-4b-it --max-model-len 4096"
    )
    options = _Options(parser, servers.serve)
    parser.add_argument("--model", help="a hub id, a local folder, or standin-superior / standin-inferior")
    options.add("port", int, "on 127.0.0.1")
    options.add("engine", str, "vllm or transformers (default: vllm where it is installed and a GPU is present)")
    options.add("max_model_len", int, "context length in tokens, for vllm (default: the model's own)")
    options.add("gpu_util", float, "share of the GPU's memory, for vllm")
    options.add("temperature", float, "of the first request, which fixes the sampling of `transformers serve`")
    options.add("timeout", float, "seconds to wait until the server answers")
    parser.add_argument("--stop", action="store_true", help="stop the server on --port")
    given = vars(parser.parse_args(arguments))
    if given.pop("stop"):
        stopped = servers.stop(given["port"])
        print(
            f"Stopped the server on port {given['port']}." if stopped else f"No server of ours on port {given['port']}."
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


class _Options:
    """Adds options to a parser whose defaults are those of a function's signature: one place for both."""

    def __init__(self, parser: argparse.ArgumentParser, function: Callable[..., Any]):
        self.parser, self.parameters = parser, inspect.signature(function).parameters

    def add(self, name: str, kind: Callable[[str], Any], text: str, **more: Any) -> None:
        default = self.parameters[name].default
        shown = "" if default in (None, "", ()) or "default" in text else f" (default: {default})"
        flag = f"--{name.replace('_', '-')}"
        self.parser.add_argument(flag, dest=name, type=kind, default=default, help=text + shown, **more)


def _parser(name: str, command: Callable[..., int], epilog: str = "") -> argparse.ArgumentParser:
    text = inspect.getdoc(command) or ""
    return argparse.ArgumentParser(prog=f"python -m routerlib {name}", description=text, epilog=epilog)


def _overview() -> str:
    lines = [f"  {name:<14}{inspect.getdoc(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["usage: python -m routerlib COMMAND …", "", *lines, "", "python -m routerlib COMMAND --help tells more."]
    )


def _told(error: Exception) -> int:
    """A foreseen error as a sentence; an unforeseen one with its traceback, and a sentence above it."""
    if type(error).__module__.split(".")[0] == "routerlib" or isinstance(error, FileNotFoundError | PermissionError):
        print(f"{error}", file=sys.stderr)
        return FAILED if isinstance(error, RuntimeError) else WRONG_INPUT
    if os.environ.get("ROUTERLIB_DEBUG"):
        raise error
    print(f"An error that routerlib did not foresee, {type(error).__name__}: {error}", file=sys.stderr)
    print("Set ROUTERLIB_DEBUG=1 and run the command again to see where it comes from.", file=sys.stderr)
    return FAILED


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "serve": serve,
}

if __name__ == "__main__":
    sys.exit(main())
