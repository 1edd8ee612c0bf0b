"""The set-up cell, as the kernels of several platforms run it: started elsewhere, with packages of
their own."""

import json
import os
import subprocess
import sys

import pytest

from routerlib import pipeline, settings

CELL = "".join(json.loads(pipeline.notebook_path("01_analysis").read_text())["cells"][1]["source"])
NOT_INSTALLED = """import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "routerlib" else real(name, *more)
"""
SHOW = "\nimport routerlib; print('from', routerlib.__file__)"


@pytest.fixture
def run(tmp_path):
    """Run the cell in a folder where nothing is, with variables and code before it."""

    def start(before="", folder=tmp_path, paths=(), **variables):
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [sys.executable, "-P", "-c", NOT_INSTALLED + before + CELL + SHOW],
            cwd=folder,
            env={**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return start


def test_where_the_package_is_not_found_the_cell_says_what_to_do(run, tmp_path):
    done = run()
    (told,) = done.stderr.strip().splitlines()[-1:]
    assert done.returncode == 1
    assert f"nor was its folder found from {tmp_path}" in told and sys.executable in told
    assert "clone it, or upload it" in told and "Then run this cell again." in told


@pytest.mark.parametrize(
    "place,folder",
    [
        ("content/router", "content"),  # Colab: a clone beside sample_data
        ("content/drive/MyDrive/router", "content"),  # Colab: in a mounted Drive
        ("working/router", "working"),  # Kaggle
        ("home/user/router", "home/user/router/notebooks"),  # JupyterHub, VS Code
    ],
)
def test_the_project_is_found_near_the_folder_a_kernel_starts_in(run, tmp_path, place, folder):
    project = tmp_path / place
    project.parent.mkdir(parents=True)
    project.symlink_to(settings.ROOT)
    started = tmp_path / folder
    done = run(folder=started, COLAB_RELEASE_TAG="release-colab", KAGGLE_KERNEL_RUN_TYPE="Batch")
    assert f"from {settings.PACKAGE}" in done.stdout.replace(str(project), str(settings.ROOT))
    assert "routerlib " in done.stdout, done.stderr


def test_vs_code_names_the_notebook_wherever_the_kernel_starts(run):
    file = pipeline.notebook_path("01_analysis")
    done = run(f"__vsc_ipynb_file__ = {str(file)!r}\n")
    assert f"from {settings.PACKAGE}" in done.stdout, done.stderr


def test_a_torch_that_the_platform_brings_is_used_and_told(run, tmp_path):
    other = tmp_path / "site" / "torch-2.9.1+cu126.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1+cu126\n")
    done = run(folder=settings.ROOT / "notebooks", paths=[other.parent])
    told = "Other versions than the tests pass with: torch 2.9.1+cu126 (<2.16,>=2.13)"
    assert told in done.stdout
    assert done.returncode == 0, done.stderr


def test_plotting_settings_of_the_user_are_not_in_the_way(run):
    done = run(folder=settings.ROOT / "notebooks", MPLBACKEND="module://ipympl.backend_nbagg")
    assert done.returncode == 0, done.stderr
