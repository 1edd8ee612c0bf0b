"""README and docs/: their links lead somewhere, their commands are taken, their length is kept."""

import ast
import contextlib
import doctest
import io
import re
import shlex

import pytest

from routerlib import __main__ as commands
from routerlib import pipeline, settings
from routerlib.rows import sources
from routerlib.rows.schemas import LabelledPrompt

ROOT = settings.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RENDERED = sorted((ROOT / "docs" / "notebooks").glob("*.md"))
MOST_WORDS = 1500  # of README
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(?P<code>[^`]+)`")


def links(page):
    """The targets of a page's links within the repository."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    targets = [found["target"] for found in LINK.finditer(text)]
    return [target for target in targets if "://" not in target]


def anchors(page):
    """What the headings of a page are called in its address."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", [*PAGES, *RENDERED], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in links(page):
        place, _, anchor = target.partition("#")
        there = (page.parent / place).resolve() if place else page
        assert there.exists(), f"{page.name} points to {target}"
        assert there.is_relative_to(ROOT), f"{page.name} points out of the repository: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {there.name} has no heading {anchor}"


def test_every_page_is_one_click_away():
    readme = PAGES[0]
    reached = {(ROOT / target.partition("#")[0]).resolve() for target in links(readme)}
    missed = [page.name for page in PAGES[1:] if page.resolve() not in reached]
    assert not missed
    assert (ROOT / "docs" / "notebooks" / "README.md").resolve() in reached
    assert all((ROOT / "notebooks" / f"{name}.ipynb") in reached for name in pipeline.NOTEBOOKS)


def test_readme_is_read_in_minutes():
    assert len(PAGES[0].read_text(encoding="utf-8").split()) < MOST_WORDS


# --- commands ---


def code_of(page):
    """The lines of code of a page, those that a backslash continues as one, comments aside."""
    text = page.read_text(encoding="utf-8")
    spans = [found["code"].replace("\n", " ") for found in SPAN.finditer(FENCED.sub("", text))]
    blocks = [block.split("\n", 1)[1] for block in FENCED.findall(text)]
    indented = re.findall(r"(?:^ {4}\S.*\n)+", text, re.MULTILINE)
    whole = "\n".join([*spans, *blocks, *indented]).replace("\\\n", " ")
    return [line.partition("  #")[0].strip() for line in whole.splitlines()]


def written(start):
    """(page, the words after `start`) of each command that the pages write out."""
    made = ("api.md", "commands.md")  # from the code itself
    for page in PAGES:
        for line in code_of(page) if page.name not in made else ():
            if line.startswith(f"{start} "):
                yield page.name, line.removeprefix(f"{start} ").replace("…", "")


OURS = [case for case in written("python -m routerlib") if case[1].split()[0].islower()]


@pytest.mark.parametrize("page, line", OURS, ids=[f"{page}: {line[:60]}" for page, line in OURS])
def test_a_command_is_taken_as_it_is_written(page, line):
    name, *words = shlex.split(line)
    words = ["8000" if word in ("PORT", "N") else word for word in words]
    words = ["vllm" if word == "ENGINE" else word for word in words]
    needed = {f"--{parameter.replace('_', '-')}" for parameter in commands.COMMANDS[name].needs}
    if not words and needed:
        return  # a command's name alone, in a sentence
    given = commands.parse(name, words)
    assert given
    if name == "run":
        texts = dict(given["parameter"])
        chosen = given["notebooks"] or list(pipeline.NOTEBOOKS)
        pipeline.plan(chosen, given["file"], pipeline.typed(chosen, texts))


def test_the_pages_write_commands_out():
    assert len(OURS) > 15 and {page for page, _ in OURS} >= {"README.md", "cluster.md"}


def options_of(script):
    """The options that a script of the repository declares: those of its argparse parser."""
    found = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        is_declared = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_argument")
        if is_declared:
            found |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return found


SCRIPTS = [
    (page, f"python {line}".split()[1:])
    for page, line in [*written("python")]
    if line.startswith(("benchmarks/", "scripts/"))
]
BARE = [
    (page.name, ["benchmarks/" + line.split()[0], *line.split()[1:]])
    for page in PAGES
    for line in code_of(page)
    if re.match(r"\w+\.py\b", line) and (ROOT / "benchmarks" / line.split()[0]).is_file()
]


@pytest.mark.parametrize(
    "page, words", [*SCRIPTS, *BARE], ids=[" ".join(case[1])[:70] for case in [*SCRIPTS, *BARE]]
)
def test_a_script_is_there_and_knows_its_options(page, words):
    script = ROOT / words[0]
    assert script.is_file(), f"{page} names {words[0]}"
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert options <= options_of(script), f"{page}: {words[0]} has no {options}"


NUMBER = re.compile(r"\d+\.\d+")


def printed(session):
    """What a page's session at Python's prompt prints, line by line, and what the page shows."""
    names = {}
    for example in doctest.DocTestParser().get_examples(session):
        heard = io.StringIO()
        with contextlib.redirect_stdout(heard):
            exec(compile(example.source, "a page", "single"), names)
        if example.want:
            yield example.want.strip(), heard.getvalue().strip()


@pytest.mark.real
def test_the_decision_that_readme_shows_is_the_one_that_is_made(monkeypatch):
    monkeypatch.chdir(ROOT)
    (session,) = [block for block in FENCED.findall(PAGES[0].read_text()) if ">>> " in block]
    pairs = list(printed(session.strip("`").removeprefix("python")))
    assert len(pairs) == 2
    for shown, heard in pairs:
        assert NUMBER.sub("#", heard) == NUMBER.sub("#", shown)
        numbers = [float(number) for number in NUMBER.findall(shown)]
        assert [float(number) for number in NUMBER.findall(heard)] == pytest.approx(
            numbers, abs=0.01
        )


def test_the_products_that_readme_tells_of():
    told = re.search(r"gets (\d+) % right, the inferior one (\d+) %", PAGES[0].read_text())
    outcomes = list(sources.load_rows(str(sources.sample_file(LabelledPrompt)), LabelledPrompt))

    def share(pattern, side):
        scores = [getattr(row, side) for row in outcomes if re.fullmatch(pattern, row.prompt)]
        return sum(scores) / len(scores)

    small, large = (rf"What is {digits} \* {digits}\?" for digits in (r"\d", r"\d\d"))
    shares = [100 * share(small, f"{side}_score") for side in ("superior", "inferior")]
    assert shares == pytest.approx([float(number) for number in told.groups()], abs=0.5)
    for side in ("superior", "inferior"):
        assert share(large, f"{side}_score") == pytest.approx(1 / 3, abs=0.05)


def test_the_targets_of_make_are_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for line in code_of(page):
            words = line.split()
            if words[:1] == ["make"] and len(words) > 1:
                assert words[1] in targets, f"{page.name}: make {words[1]}"


def test_a_missing_place_and_an_unknown_option_are_found(tmp_path):
    page = tmp_path / "page.md"
    text = "See [there](gone.md), [here](#a-part).\n\n## A part\n\n`python -m routerlib x`\n"
    page.write_text(text, encoding="utf-8")
    assert links(page) == ["gone.md", "#a-part"] and anchors(page) == {"a-part"}
    assert code_of(page)[0] == "python -m routerlib x"
    assert "--outcomes" in options_of(ROOT / "benchmarks" / "certificate.py")
    with pytest.raises(SystemExit):
        commands.parse("collect", ["--no-such-option", "1"])
