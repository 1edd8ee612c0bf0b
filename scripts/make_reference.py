"""Make the two pages of docs/ that are read off the code: api.md (the public names) and commands.md
(their help).

python scripts/make_reference.py            write them
python scripts/make_reference.py --check    only say whether they are up to date; exit code 1 where
not
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import routerlib
from routerlib.__main__ import COMMANDS, overview

ROOT = Path(__file__).resolve().parents[1]
MADE = "<!-- Made by scripts/make_reference.py; edit the docstrings instead. -->"


def api() -> str:
    """The public names, each with its signature and docstring."""
    parts = [
        "# The library",
        MADE,
        "`import routerlib` offers these names; each loads its module when it is first used. "
        "Everything else is private and may change.",
    ]
    for name in routerlib.__all__:
        value = getattr(routerlib, name)
        kind = "class " if inspect.isclass(value) else ""
        parts.append(f"## `{name}`")
        parts.append(f"```python\n{kind}routerlib.{name}{_signature(value)}\n```")
        parts.append(f"```text\n{inspect.getdoc(value)}\n```")
    return "\n\n".join(parts) + "\n"


def _signature(value: object) -> str:
    """A signature without types, which the docstring explains better."""
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(…)"
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(plain))


def commands() -> str:
    """What every command prints for --help."""
    parts = ["# The commands", MADE, f"```text\n{overview()}\n```"]
    # A width that does not depend on who runs this.
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    for name in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "routerlib", name, "--help"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        told = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
        parts.append(f"## `{name}`\n\n```text\n{told}\n```")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    pages = {"api.md": api(), "commands.md": commands()}
    old = []
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        old.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    if old and "--check" in sys.argv:
        print(f"docs/{', docs/'.join(old)}: not up to date. Run: python scripts/make_reference.py")
        return 1
    print(
        f"written: {', '.join(old)}" if old else "docs/api.md and docs/commands.md are up to date"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
