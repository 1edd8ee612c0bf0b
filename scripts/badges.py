"""Give each notebook the badge that opens it in Colab, from the repository's public address.

    python scripts/badges.py https://github.com/OWNER/NAME   # notes the address, too
    python scripts/badges.py                                 # of pyproject.toml, or git's origin

The address stands once, as `Repository` under `[project.urls]` of pyproject.toml; the badges follow
from it, and a test compares the two. Where no address is known there is no badge: one that opens
nothing, or somebody else's notebook, is worse than none. Colab opens notebooks of GitHub alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
PICTURE = "https://colab.research.google.com/assets/colab-badge.svg"
# [![Open In Colab](…)](…), and what is said beside it, up to the blank line below
BADGE = re.compile(r"^\[!\[Open In Colab\][^\n]*\n+", re.MULTILINE)
GITHUB = re.compile(
    r"""
    (?:https://|git@|ssh://git@)github\.com[/:]   # https://github.com/ or git@github.com:
    (?P<owner>[\w.-]+) / (?P<name>[\w.-]+?)       # owner/name
    (?:\.git)?/?$
    """,
    re.VERBOSE,
)


class AddressError(Exception):
    """There is no address that Colab could open; the text says what to do."""


def public_address(root: Path, given: str = "") -> str:
    """The repository's address as https://github.com/OWNER/NAME: given, noted, or git's.

    Raises:
        AddressError: there is none, or it is not on GitHub.
    """
    found = given or noted_address(root) or _origin(root)
    if not found:
        raise AddressError(
            "The repository's public address is not known: pyproject.toml names no Repository "
            "under [project.urls], and git has no remote called origin. Give it: "
            "make badges ADDRESS=https://github.com/OWNER/NAME"
        )
    parts = GITHUB.match(found.strip())
    if not parts:
        raise AddressError(
            f"Colab opens notebooks of GitHub alone, and {found} is no address there. Give one "
            "such as https://github.com/OWNER/NAME"
        )
    return f"https://github.com/{parts['owner']}/{parts['name']}"


def noted_address(root: Path) -> str:
    """What pyproject.toml calls the repository's address; empty where it says nothing."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def _origin(root: Path) -> str:
    asked = ["git", "-C", str(root), "remote", "get-url", "origin"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def badge(address: str, notebook: str) -> str:
    """The badge of a notebook, and what a new session in Colab must run first."""
    place = address.removeprefix("https://github.com/")
    opens = f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/notebooks/{notebook}"
    folder = place.partition("/")[2]
    first = f"!git clone -q {address} && pip install -q -r {folder}/requirements.txt"
    return f"[![Open In Colab]({PICTURE})]({opens}) There, first run `{first}` in a new cell."


def note(root: Path, address: str) -> None:
    """Write the address into pyproject.toml, in the place of the one that was there."""
    file = root / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    line = f'Repository = "{address}"'
    if noted_address(root):
        text = re.sub(r'^Repository = ".*"$', line, text, flags=re.MULTILINE)
    else:
        text = text.replace("[project.scripts]", f"[project.urls]\n{line}\n\n[project.scripts]", 1)
    file.write_text(text, encoding="utf-8")


def give_badge(file: Path, address: str) -> None:
    """Put a notebook's badge below its title, in the place of the one that was there."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    opening = notebook["cells"][0]
    title, rest = BADGE.sub("", "".join(opening["source"])).split("\n\n", 1)
    opening["source"] = f"{title}\n\n{badge(address, file.name)}\n\n{rest}".splitlines(True)
    file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(words: list[str], root: Path = ROOT) -> int:
    try:
        address = public_address(root, words[0] if words else "")
    except AddressError as error:
        print(error)
        return 1
    note(root, address)
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    for file in notebooks:
        give_badge(file, address)
    print(f"{len(notebooks)} notebooks open in Colab from {address}, branch {BRANCH}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
