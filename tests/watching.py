"""Watch what Python programs do behind one's back: names they look up, and files they open.

A `sitecustomize` on PYTHONPATH puts an audit hook into a child and all its children (kernels,
servers).
"""

import os
from dataclasses import dataclass
from pathlib import Path

SITECUSTOMIZE = """
import os, sys
log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        os.write(log, f"lookup\\t{arguments[0]}\\n".encode())
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        is_write = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.path.abspath(os.fsdecode(arguments[0]))
        words = ["write" if is_write else "read", path, str(os.getpid())]
        os.write(log, ("\\t".join(words) + "\\n").encode())
    elif event == "os.mkdir" and not os.path.isdir(arguments[0]):
        os.write(log, f"write\\t{os.path.abspath(os.fsdecode(arguments[0]))}\\n".encode())

sys.addaudithook(note)
"""
HERE = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", "None"}


@dataclass
class Watch:
    """A folder that holds the hook and its log."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Variables of a child that is to be watched."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "WATCH_LOG": str(self.log),
            "TMPDIR": str(temporary),
            **more,
        }

    @property
    def log(self) -> Path:
        return self.folder / "watched.log"

    def lookups(self) -> set[str]:
        """Names of other machines that were looked up."""
        return self._seen("lookup") - HERE

    def written(self, *but_in: str | Path) -> set[str]:
        """Files opened to write, but for those below these folders and devices."""
        usual = [*map(str, but_in), str(self.folder), "/dev/"]
        return {path for path in self._seen("write") if not path.startswith(tuple(usual))}

    def _seen(self, kind: str) -> set[str]:
        assert self.log.exists(), "nothing was watched"
        return {words[1] for words in self._lines() if words[0] == kind}

    def read_by_the_reader_of(self, file: str | Path) -> set[str]:
        """Files opened to read by the process that read this one: a notebook reads its own file."""
        reads = [words for words in self._lines() if words[0] == "read" and len(words) == 3]
        processes = {process for _, path, process in reads if path == str(file)}
        return {path for _, path, process in reads if process in processes}

    def _lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self.log.read_text(errors="replace").splitlines()]
