"""What `pip install routerlib` brings: the commands run with it, it is small, and what it leaves
out is told.

The quick tests hide the packages of the extras from a process of this environment; the real one
builds the wheel and installs it into an empty environment.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from small_router import EASY, HARD, small_router
from tiny_encoder import rows, tiny_encoder, within
from upstream import Upstream

import routerlib
from routerlib import settings
from routerlib.training import encoders, examples, scorers
from routerlib.training.router import Router

ROOT = Path(__file__).parents[1]
PUBLIC = ("check", "collect", "grade", "route", "serve-router")
MOST_MEGABYTES, MOST_SECONDS = 300, 60
WITHIN = within(1e-3)
ANSWERS = {
    "unique_id": "1",
    "problem": "What is 3/4 as a decimal?",
    "is_mcq": False,
    "choices": None,
    "choice_index_correct": None,
    "explanation_correct": "",
    "answer_correct": "0.75",
    "category": "sums",
    "responses": [{"full_response": "It is \\boxed{\\frac{3}{4}}."}, {"full_response": "0.8"}],
}


def run(python, *words, cwd, **environment):
    """The result of a command that sees nothing of this checkout."""
    kept = ("PATH", "HOME", "PIP_")
    inherited = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return subprocess.run(
        [str(python), *words],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def base(code, cwd, **environment):
    """Run code where only the packages of the base installation are found."""
    where = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    code = f"import only_base\n{code}"
    return run(sys.executable, "-c", code, cwd=cwd, PYTHONPATH=where, **environment)


# --- what is declared ---


def requirements(name):
    return [Requirement(line) for line in settings._lines_of(ROOT / "requirements" / name)]


def test_the_default_environment_is_base_with_two_extras():
    lines = settings._lines_of(ROOT / "requirements.txt")
    joined = [*requirements("base.txt"), *requirements("train.txt"), *requirements("notebooks.txt")]
    assert [str(Requirement(line)) for line in lines] == [str(one) for one in joined]


def test_what_a_checkout_holds_is_within_the_ranges_of_the_extras():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert "-c requirements/held.txt" in lines
    ranges = {
        one.name: one.specifier for file in ("base", "train") for one in requirements(f"{file}.txt")
    }
    for held in requirements("held.txt"):
        (pin,) = held.specifier
        assert pin.operator == "==" and pin.version.endswith(".*"), held
        assert ranges[held.name].contains(pin.version.replace("*", "0")), held


def test_the_wheel_reads_the_same_files():
    dynamic = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]
    assert dynamic["dependencies"] == {"file": ["requirements/base.txt"]}
    extras = dynamic["optional-dependencies"]
    assert {"train", "notebooks", "gpu"} <= set(extras)
    assert all(extra == {"file": [f"requirements/{name}.txt"]} for name, extra in extras.items())
    assert set(settings.EXTRAS.values()) <= set(extras)


PLATFORMS = {"google", "kaggle_secrets"}  # what Colab and Kaggle bring, each its own
FILES = [*(ROOT / "requirements").glob("*.txt"), *ROOT.glob("requirements*.txt")]


def imported():
    """module -> a file that imports it, of all that the library and its scripts import by name."""
    found = {}
    for folder in ("routerlib", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    names = [node.module] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    return found


def test_every_library_that_is_imported_is_declared():
    """What another package happens to bring may be gone with its next version."""
    ours = {"routerlib", *(path.stem for path in (ROOT / "scripts").glob("*.py"))}
    ours |= {path.stem for path in (ROOT / "tests" / "browser").glob("*.py")}
    declared = {name_of(Requirement(line)) for file in FILES for line in settings._lines_of(file)}
    owners = metadata.packages_distributions()
    missing = {}
    for module, path in imported().items():
        names = {owner.lower().replace("_", "-") for owner in owners.get(module, [module])}
        names.add(PYTHONS_OWN.get(module, module))
        is_known = module in sys.stdlib_module_names or module in ours | PLATFORMS
        if not is_known and not names & declared:
            missing[module] = path
    assert not missing


PYTHONS_OWN = {"compression": "backports.zstd"}  # of Python 3.14, and its name for the others


def name_of(requirement):
    return requirement.name.lower().replace("_", "-")


def test_every_requirement_has_a_range():
    for file in FILES:
        for line in settings._lines_of(file):
            assert Requirement(line).specifier, f"{line} in {file.name}"


def test_every_module_that_is_left_out_is_of_the_extra_that_is_named():
    """Not one of the base installation's packages brings it, whatever depends on what."""
    owners = metadata.packages_distributions()
    brought = {
        name: closure(requirements(f"{name}.txt")) for name in ("base", "train", "notebooks")
    }
    for module, extra in settings.EXTRAS.items():
        if module in owners:  # OpenVINO is not there on every machine
            packages = {owner.lower().replace("_", "-") for owner in owners[module]}
            assert packages & brought[extra], module
            assert not packages & brought["base"], module


def closure(wanted):
    """The names of these packages and of all that they need."""
    found, todo = set(), list(wanted)
    while todo:
        one = todo.pop()
        name = one.name.lower().replace("_", "-")
        extras = {"", *one.extras}
        if name in found and not one.extras:
            continue
        found.add(name)
        try:
            needs = [Requirement(line) for line in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:
            continue
        todo += [
            need
            for need in needs
            if (need.name.lower().replace("_", "-") not in found)
            and (not need.marker or any(need.marker.evaluate({"extra": e}) for e in extras))
        ]
    return found


# --- without the extras ---


@pytest.fixture(scope="module")
def routers(tmp_path_factory):
    """A folder of saved routers, by kind, with their scores; one of them is no BERT."""
    folder = tmp_path_factory.mktemp("routers")
    train = examples.from_rows(map(examples.outcome_row, rows(80)))
    encoder = encoders.SentenceEncoder(tiny_encoder(folder / "tiny"))
    model = encoders.new_classifier(
        str(folder / "tiny"), ["ROUTE_TO_INFERIOR", "ROUTE_TO_SUPERIOR"]
    )
    made = [
        small_router(),
        Router("kernel", scorers.Kernel(encoder).fit(train)),
        Router("neighbours", scorers.Neighbours(encoder).fit(train)),
        Router("linear", scorers.EmbeddingLogistic(encoder).fit(train)),
        Router("encoder", scorers.EncoderScorer(encoders.for_inference(model), encoder.tokenizer)),
    ]
    scores = {}
    for router in made:
        router.save(folder / router.name)
        scores[router.name] = Router.from_pretrained(folder / router.name).score(prompts()).tolist()
    shutil.copytree(ROOT / "tests" / "training" / "routers_of_0_1" / "blend", folder / "blend")
    scores["blend"] = Router.from_pretrained(folder / "blend").score(prompts()).tolist()
    other = shutil.copytree(folder / "kernel", folder / "other")
    config = json.loads((other / "embedding" / "config.json").read_text())
    (other / "embedding" / "config.json").write_text(json.dumps(config | {"model_type": "mpnet"}))
    return folder, scores


def prompts():
    return [EASY, HARD, "", "what is the capital of peru " * 40, "derive the formula 3 4"]


def test_every_saved_router_scores_the_same_without_the_extras(routers, tmp_path):
    folder, scores = routers
    code = (
        "import json, sys; from routerlib import Router; "
        f"prompts = {prompts()!r}\n"
        f"found = {{name: Router.from_pretrained({str(folder)!r} + '/' + name).score(prompts)"
        f".tolist() for name in {list(scores)!r}}}\n"
        "found['loaded'] = [name for name in sys.modules if name in only_base.settings.EXTRAS]\n"
        "print(json.dumps(found))"
    )
    done = base(code, tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("loaded") == []
    for name, expected in scores.items():
        assert found[name] == pytest.approx(expected, abs=WITHIN), name


def test_the_commands_start_without_the_extras(tmp_path):
    helps = "; ".join(f"look({name!r})" for name in PUBLIC)
    code = (
        "import contextlib, io, routerlib.__main__ as m\n"
        "def look(name):\n"
        "    out = io.StringIO()\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(out):\n"
        "        m.main([name, '--help'])\n"
        "    assert 'usage' in out.getvalue(), name\n"
        f"{helps}\nprint('all')"
    )
    done = base(code, tmp_path)
    assert (done.stdout, done.returncode) == ("all\n", 0), done.stderr


def test_a_router_is_promised_only_where_one_can_be_fitted(tmp_path):
    words = ["route", "What is ice?"]
    code = f"import sys, routerlib.__main__ as m; sys.exit(m.main({words!r}))"
    done = base(code, tmp_path, ROUTERLIB_OUTPUTS=str(tmp_path / "outputs"))
    assert done.returncode in (1, 2) and not done.stdout
    assert "fitted now" not in done.stderr and "Until then" not in done.stderr
    assert re.match(r"There is no router .* pip install 'routerlib\[train\]'", done.stderr)


def test_answers_are_graded_without_the_extras(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps(ANSWERS) + "\n")
    words = ["grade", "--input", str(file), "--output", str(tmp_path / "graded")]
    code = f"import sys, routerlib.__main__ as m; sys.exit(m.main({words!r}))"
    done = base(code, tmp_path)
    assert done.returncode == 0, done.stderr
    (graded,) = (json.loads(line) for line in (tmp_path / "graded" / file.name).open())
    assert [answer["is_correct"] for answer in graded["responses"]] == [True, False]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import routerlib; routerlib.fit()", r"Fitting a router needs .*routerlib\[train\]"),
        (
            "from routerlib.endpoints import engines; engines.choose_engine('transformers')",
            "Serving",
        ),
        (
            "from routerlib.rows import sources, schemas; "
            "next(iter(sources.load_rows('openai/gsm8k:main@test', schemas.Question)))",
            r"Reading a data set from the hub needs .*routerlib\[train\]",
        ),
        (
            "from routerlib.rows import sources, schemas; "
            "next(iter(sources.load_rows(a_parquet_file, schemas.Question)))",
            r"Reading .*a.parquet needs .*routerlib\[train\]",
        ),
        (
            "from routerlib.endpoints import standins; standins.path('superior')",
            r"Building the stand-in models needs .*routerlib\[train\]",  # and nothing is fetched
        ),
        (
            "from routerlib import settings; settings.ROOT = settings.Path('nowhere'); "
            "from routerlib import pipeline; pipeline.typed(['02'], {})",
            r"There is no notebook nowhere.*02_create_dataset.ipynb.*checkout",
        ),
    ],
)
def test_what_was_left_out_is_named_with_the_extra(code, what, tmp_path):
    (tmp_path / "a.parquet").touch()
    a_parquet_file = f"a_parquet_file = {str(tmp_path / 'a.parquet')!r}"
    told = f"try:\n    {code}\nexcept routerlib.Foreseen as error:\n    print(error)"
    done = base(
        f"import routerlib\n{a_parquet_file}\n{told}",
        tmp_path,
        HF_ENDPOINT="http://127.0.0.1:9",
        ROUTERLIB_STANDINS=str(tmp_path / "none built"),
    )
    assert re.match(what, done.stdout), done.stdout + done.stderr


def test_a_router_that_needs_torch_says_so_on_the_command_line(routers, tmp_path):
    folder, _ = routers
    words = ["route", "--router", str(folder / "other"), "What is ice?"]
    code = f"import sys, routerlib.__main__ as m; sys.exit(m.main({words!r}))"
    done = base(code, tmp_path)
    assert done.returncode == 1 or done.returncode == 2
    assert "kind mpnet" in done.stderr and "pip install 'routerlib[train]'" in done.stderr
    assert "Copy the folder" not in done.stderr and "Traceback" not in done.stderr


# --- the wheel, for real ---


@pytest.mark.real
def test_the_wheel_installs_small_and_quick_and_its_commands_run(routers, tmp_path):
    wheel = built(tmp_path)
    home = tmp_path / "empty"
    venv.create(home, with_pip=True)
    python, command = home / "bin" / "python", home / "bin" / "routerlib"
    before = megabytes(home)
    start = time.monotonic()
    installed = run(python, "-m", "pip", "install", "--quiet", str(wheel), cwd=tmp_path)
    seconds = time.monotonic() - start
    assert installed.returncode == 0, installed.stderr[-2000:]
    print(f"{megabytes(home):.0f} MB, pip's own {before:.0f} among them; {seconds:.0f} s")
    assert megabytes(home) < MOST_MEGABYTES
    assert seconds < MOST_SECONDS * busy()
    there = run(python, "-m", "pip", "list", "--format", "json", cwd=tmp_path).stdout
    names = {package["name"].lower() for package in json.loads(there)}
    assert not names & {"torch", "transformers", "datasets", "pandas", "matplotlib", "scipy"}

    def call(*words):
        done = run(command, *words, cwd=tmp_path, ROUTERLIB_OUTPUTS=str(tmp_path / "outputs"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "serve-router" in call("--help")
    folder, scores = routers
    line = call("route", "--router", str(folder / "kernel"), "--json", HARD)
    assert json.loads(line)["p_superior"] == pytest.approx(scores["kernel"][1], abs=WITHIN)
    (tmp_path / "answers.jsonl").write_text(json.dumps(ANSWERS) + "\n")
    call("grade", "--input", "answers.jsonl")
    with Upstream() as server:
        call("check", "--model", "small", "--api-base", server.url)
        call(
            "collect", "--questions", "sample", "--model", "small", "--api-base", server.url,
            "--num-problems", "2", "--k-responses", "1", "--endpoint", "chat",
        )  # fmt: skip
    for word in ("check", "collect", "serve-router"):
        assert "usage" in call(word, "--help")


def built(tmp_path):
    """The wheel of a copy of this checkout, whose own folders stay as they are."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "routerlib", source / "routerlib")
    shutil.copytree(ROOT / "requirements", source / "requirements")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    made = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("routerlib-*.whl")
    assert routerlib.__version__ in wheel.name
    return wheel


def megabytes(folder):
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


def busy():
    """How many times as long a machine may take that others use as well."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(
    ("python", "said"),
    [("", "none was found"), ("/nowhere/python3", "is none"), ("old", "is none")],
)
def test_make_wants_a_python_that_is_new_enough(tmp_path, python, said):
    """Told at once, and not by pip after an environment was made."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    if python == "old":
        python = tmp_path / "old"
        python.write_text("#!/bin/sh\nexit 1\n")  # what any says that is asked for 3.11
        python.chmod(0o755)
    done = subprocess.run(
        ["make", ".venv/bin/python", f"PYTHON={python}"], cwd=tmp_path, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()
    assert f"{said}. Name one: make PYTHON=/path/to/python3" in done.stdout
