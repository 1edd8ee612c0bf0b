"""One notebook, executed headless through papermill, with one live line while it runs.

Every way in which papermill or a kernel can fail ends here in a sentence with the notebook, the
cell, the cause and what to do. In which order notebooks run, and whether one has to, is `pipeline`.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.errors import FAILED, Foreseen
from routerlib.progress import printable
from routerlib.rows import jsonl

START_TIMEOUT = 300  # seconds that a kernel may take to start, on a machine that is busy
# What a library would otherwise keep below HOME, and a profile or a plotting style of the user's
# own: a headless run depends on none of them.
OWN_CACHES = ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")
INLINE = "module://matplotlib_inline.backend_inline"  # what a notebook draws with
GO_ON = "run the same command again: it goes on from here"
# notebook -> what makes it take less memory
SMALLER = {
    "01_analysis": "BOOTSTRAP",
    "02_create_dataset": "LIMIT, or leave out ENCODER",
    "03_collect_responses": "NUM_PROBLEMS or MAX_CONCURRENT",
    "04_extract_answers": "WORKERS",
    "05_finetune": "BATCH_SIZE or MAX_LENGTH",
}


class ExecutionError(Foreseen, RuntimeError):
    """A notebook could not be executed; the text says why and what to do."""


class NotebookFailed(ExecutionError):
    """A cell of a notebook raised, or its kernel ended."""

    exit_code = FAILED


def execute(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Execute a notebook in a kernel of this very Python, and write the executed copy.

    Args:
        source: the notebook. target: where its executed copy goes, also where a cell fails.
        parameters: values of its parameters.

    Raises:
        NotebookFailed: a cell raised, or the kernel ended. ExecutionError: it could not be run.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    name = source.stem
    _check_this_python(name, source, target)
    manager = _own_interpreter()
    try:
        with _environment():
            papermill.execute_notebook(
                _as_papermill_reads_it(source),
                _as_papermill_reads_it(target),
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                cwd=str(settings.ROOT),
                progress_bar=False,
                log_output=True,
                start_timeout=START_TIMEOUT,
                kernel_manager_class=manager,
                # it warns at every start, and cries at the end
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )
    except KeyboardInterrupt:
        # The cell's task stays in a loop that nobody runs any more, and would say so at the end.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    except PapermillExecutionError as error:
        raise NotebookFailed(_of_a_cell(name, target, error)) from None
    except DeadKernelError:
        raise NotebookFailed(_of_a_dead_kernel(name, target, manager.exit_code)) from None
    except OSError as error:
        raise ExecutionError(_of_the_disk(name, target, error)) from None
    except Exception as error:
        raise ExecutionError(_of_anything_else(name, error)) from error
    settle(target)


def _check_this_python(name: str, source: Path, target: Path) -> None:
    """Refuse what no kernel could mend.

    Raises:
        ExecutionError: this Python has no kernel, or a path cannot be written into a notebook.
    """
    if importlib.util.find_spec("ipykernel") is None:
        raise ExecutionError(
            f"{name}: this Python, {sys.executable}, has no kernel for notebooks. "
            "Install it with: python -m pip install ipykernel"
        )
    for path in (source, target, settings.ROOT):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode(errors="replace")
            raise ExecutionError(
                f"{name}: the path {shown} holds bytes that are no UTF-8, which a notebook cannot "
                "name. Rename the folder, or set ROUTERLIB_OUTPUTS to another one."
            ) from None


def _as_papermill_reads_it(path: Path) -> str:
    """papermill fills {names} in paths with parameters; doubled, a brace stands for itself."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _own_interpreter() -> Any:
    """A kernel manager that starts this very Python, whatever kernel is registered as "python3"."""
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class OwnInterpreter(AsyncKernelManager):
        exit_code: int | None = None  # of the kernel, once it has ended by itself

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(), display_name="Python 3", language="python")

        async def _async_is_alive(self) -> bool:
            is_alive = await super()._async_is_alive()
            if not is_alive and self.provisioner is not None:
                type(self).exit_code = await self.provisioner.poll()
            return is_alive

        is_alive = _async_is_alive

    return OwnInterpreter


@contextmanager
def _environment() -> Iterator[None]:
    """Have the kernel draw without a screen, and keep its own things below outputs."""
    before = dict(os.environ)
    for name in OWN_CACHES:
        os.environ[name] = str(settings.outputs("cache", settings.CACHES[name]))
    os.environ["MPLBACKEND"] = INLINE
    try:
        yield
    finally:
        for name in ("MPLBACKEND", *OWN_CACHES):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


# --- what went wrong, in words ---


def _of_a_cell(name: str, target: Path, error: Any) -> str:
    kind, text = error.ename, without_colours(error.evalue)
    if not text:  # the kernel could not even say what; the last line it printed may
        kind, text = "it ended without a word", _last_words(target)
    return (
        f"{name}, cell {error.exec_count or '–'}: {kind}: {text}{_hint(text)}\n"
        f"The notebook as far as it came, with the traceback: {target}\n"
        f"Mend the cause and {GO_ON}."
    )


def _of_a_dead_kernel(name: str, target: Path, exit_code: int | None) -> str:
    code = exit_code or 0
    how = f"ended with code {exit_code}" if exit_code is not None else "is gone"
    if code < 0:
        with suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
    cause, remedy = "", "Mend the cause"
    if code == -signal.SIGKILL:
        how = "was killed"
        cause = " Most often the system does so when memory runs out."
        remedy = "Close what else takes memory"
        if name in SMALLER:
            remedy = f"Make it smaller ({SMALLER[name]})"
    return (
        f"{name}, cell {_cell_under_way(target)}: its kernel {how}.{cause}\n"
        f"The notebook as far as it came: {target}\n"
        f"{remedy}, and {GO_ON}."
    )


def _of_the_disk(name: str, target: Path, error: OSError) -> str:
    hint = _hint(str(error))
    if not hint:
        hint = f" Is there room at {target.parent}, and may it be written?"
    return f"{name}: {error}.{hint} Then {GO_ON}."


def _of_anything_else(name: str, error: Exception) -> str:
    text = without_colours(str(error)).strip() or type(error).__name__
    if "didn't respond" in text or "died before replying" in text:
        return (
            f"{name}: its kernel did not start ({text}). Try it by hand: "
            f"{sys.executable} -m ipykernel_launcher --version. Then {GO_ON}."
        )
    return (
        f"{name} could not be executed: {type(error).__name__}: {text}{_hint(text)}\n"
        f"Mend the cause and {GO_ON}. With ROUTERLIB_DEBUG=1 it is told where it comes from."
    )


def _hint(text: str) -> str:
    """What to do about an error whose cause lies in the shell that started us."""
    is_out_of_handles = f"Errno {errno.EMFILE}" in text or "Too many open files" in text
    if not is_out_of_handles:
        return ""
    allowed = settings.open_files_allowed()
    return (
        f" A process may open {allowed:g} files here, which is too few: allow more with "
        "`ulimit -n 1024` in the shell that starts this."
    )


def _last_words(executed: Path) -> str:
    """The last line that the notebook's last cell with any output printed."""
    printed = [
        "".join(output["text"])
        for cell in _cells(executed)
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]
    lines = [line.strip() for text in printed[-1:] for line in without_colours(text).splitlines()]
    return next((line for line in reversed(lines) if line), "nothing was printed")


def _cell_under_way(executed: Path) -> str:
    """The number of the cell that was started last, as Jupyter shows it."""
    started = [
        cell["metadata"].get("papermill", {}).get("start_time") is not None
        for cell in _cells(executed)
        if cell["cell_type"] == "code"
    ]
    return str(sum(started)) if any(started) else "–"


def _cells(executed: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError):
        return jsonl.read_json(executed)["cells"]
    return []


# --- the executed copy ---


def settle(notebook: Path) -> None:
    """Rewrite an executed notebook's text outputs as a terminal shows them at the end.

    Of a line that was overwritten again and again (a progress bar) the last state stays. JupyterLab
    shows it so; HTML does not.
    """
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


# --- the live line ---


class LiveLine(logging.Handler):
    """One line for the notebook that runs: its cell, its last words, time passed and time left.

    On a terminal the line is rewritten; in a log file a new one appears every ten seconds.
    """

    def __init__(self, label: str, expected: float):
        """`label` opens the line; `expected`: seconds that this and all later notebooks will
        take."""
        super().__init__()
        self.label, self.expected = label, expected
        self.cell, self.said, self.waits = "", "", ""
        self.start, self.stopped = time.monotonic(), threading.Event()
        self.is_terminal = sys.stdout is not None and sys.stdout.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        for line in map(printable, re.split(r"[\r\n]+", without_colours(record.getMessage()))):
            self._hear(line.strip())

    def _hear(self, line: str) -> None:
        if match := re.match(r"Executing Cell (\d+)-", line):
            self.cell, self.said, self.waits = match[1], "", ""
        elif not line or line.startswith(("Ending Cell", "<")):
            return  # "<Figure …>" tells nothing
        elif re.search(r"\bpaused\b|\bwaiting\b", line, re.IGNORECASE):
            self.waits = line
        else:
            if _progress_count(line) != _progress_count(
                self.said
            ):  # a bar that is drawn anew has not moved yet
                self.waits = ""
            self.said = line

    def __enter__(self) -> LiveLine:
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
        how = "done in"
        if kind is not None:
            how = "stopped after" if issubclass(kind, KeyboardInterrupt) else "failed after"
        end = f"{self.label}: {how} {clock(time.monotonic() - self.start)}"
        print(f"\r\x1b[K{end}" if self.is_terminal else end, flush=True)

    def _tick(self) -> None:
        interval = 0.5 if self.is_terminal else 10
        while not self.stopped.wait(interval):
            if self.is_terminal:
                print(f"\r\x1b[K{self.line()}", end="", flush=True)
            else:
                print(self.line(), flush=True)

    def line(self) -> str:
        """The line as it stands now, as wide as the terminal."""
        elapsed = time.monotonic() - self.start
        left = self.expected - elapsed
        when = f"about {clock(left)} left" if left >= 1 else "longer than expected"
        said = self.waits or self.said
        line = f"{self.label} · cell {self.cell or '–'} · {clock(elapsed)}, {when} · {said}"
        width = _columns() - 1 if self.is_terminal else 160
        return line if len(line) <= width else line[: width - 1] + "…"


def _columns() -> int:
    """How wide the terminal is; 80 where it does not know, as in some containers."""
    with suppress(OSError, AttributeError):  # the latter: no output at all
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    return 80


def _progress_count(line: str) -> str:
    """How far a progress bar has come ("16/60"), or the line itself where it is none."""
    match = re.search(r"\d+/\d+", line)
    return match[0] if match and "|" in line else line


def clock(seconds: float) -> str:
    """Minutes and seconds: 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def without_colours(text: str) -> str:
    """A text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
