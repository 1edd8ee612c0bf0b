"""Which engine runs, how it is started, and the first error of its log."""

import importlib.util
from types import SimpleNamespace

import psutil
import pytest

from routerlib.endpoints import engines, standins


@pytest.fixture
def machine(monkeypatch):
    """A machine with or without a GPU and vLLM."""

    def be(gpu, vllm, gib=32):
        memory = SimpleNamespace(total=gib * engines.GIB, available=gib * engines.GIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        monkeypatch.setattr(engines, "has_gpu", lambda: gpu)
        monkeypatch.setattr(engines, "vllm_python", lambda: "/v/bin/python" if vllm else None)

    monkeypatch.delenv(engines.CHOICE, raising=False)
    return be


@pytest.mark.parametrize(
    ("gpu", "vllm", "gib", "chosen"),
    [
        (True, True, 8, "vllm"),
        (True, False, 64, "transformers"),
        (False, True, 16, "vllm"),
        (False, True, 8, "transformers"),
        (False, False, 64, "transformers"),
    ],
)
def test_vllm_is_taken_where_a_gpu_is_or_memory(machine, gpu, vllm, gib, chosen):
    machine(gpu, vllm, gib)
    assert engines.choose_engine() == chosen


def test_a_cpu_with_vllm_runs_it_where_it_is_asked_for(machine, monkeypatch):
    machine(gpu=False, vllm=True, gib=4)
    assert engines.choose_engine("vllm") == "vllm"
    monkeypatch.setenv(engines.CHOICE, " vllm ")
    assert (
        engines.choose_engine() == "vllm"
        and engines.choose_engine("transformers") == "transformers"
    )


def test_an_unknown_engine_is_a_sentence(machine, monkeypatch):
    with pytest.raises(engines.EngineError, match="choose one of vllm, transformers"):
        engines.choose_engine("ollama")
    monkeypatch.setenv(engines.CHOICE, "ollama")
    with pytest.raises(engines.EngineError, match="no engine 'ollama'"):
        engines.choose_engine()


def test_an_engine_that_is_not_installed_says_how_to(machine, monkeypatch):
    machine(gpu=True, vllm=False)
    with pytest.raises(engines.EngineError, match=r'pip install -e "\.\[gpu\]"'):
        engines.choose_engine("vllm")
    machine(gpu=False, vllm=False)
    monkeypatch.setattr(engines, "runs_on_cpu", lambda: True)
    with pytest.raises(engines.EngineError, match=r"make \.venv-vllm/\.installed"):
        engines.choose_engine("vllm")
    monkeypatch.setattr(engines, "runs_on_cpu", lambda: False)
    with pytest.raises(engines.EngineError, match="Linux on x86-64"):
        engines.choose_engine("vllm")


def test_an_environment_of_its_own_counts_once_it_is_complete(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(engines.settings, "ROOT", tmp_path)
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    home = tmp_path / engines.VLLM_HOME
    (home / "bin").mkdir(parents=True)
    assert engines.vllm_python() is None
    (home / ".installed").touch()
    assert engines.vllm_python() == str(home / "bin" / "python")


def test_vllms_command_is_local_and_knows_its_families(machine):
    machine(gpu=True, vllm=True)
    model = "mistralai/Mistral-7B-Instruct-v0.3"
    words = engines.command("vllm", model, "127.0.0.1", 8123, 4096, 0.9)
    text = " ".join(words)
    assert text.startswith("/v/bin/python -m vllm.entrypoints.openai.api_server")
    for part in (
        "--host 127.0.0.1",
        "--port 8123",
        "--enforce-eager",
        "--max-model-len 4096",
        "--tokenizer-mode mistral",
        "--gpu-memory-utilization 0.9",
    ):
        assert part in text
    assert "trust" not in text


def test_on_a_cpu_vllm_asks_for_no_share_of_the_memory(machine, monkeypatch, tmp_path):
    machine(gpu=False, vllm=True)
    monkeypatch.setattr(standins, "path", lambda name: tmp_path / name)
    text = " ".join(engines.command("vllm", "standin-inferior", "127.0.0.1", 1, None, 0.95))
    assert "utilization" not in text and "--dtype" in text and "--block-size 32" in text
    assert f"--model {tmp_path}/standin-inferior --served-model-name standin-inferior" in text


def test_a_servers_environment(machine, monkeypatch, outputs):
    machine(gpu=False, vllm=True)
    for name in (
        "VLLM_CPU_KVCACHE_SPACE",
        "VLLM_ENABLE_V1_MULTIPROCESSING",
        "OMP_WAIT_POLICY",
        "VLLM_NO_USAGE_STATS",
        "VLLM_CACHE_ROOT",
    ):
        monkeypatch.delenv(name, raising=False)
    found = engines.environment("vllm", "standin-superior")
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "1" and found["OMP_WAIT_POLICY"] == "PASSIVE"
    assert found["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert found["VLLM_CACHE_ROOT"] == str(standins.folder() / "cache" / "vllm")
    own = engines.environment("vllm", "org/model")["VLLM_CACHE_ROOT"]
    assert own.startswith(str(outputs)), "HOME need not be writable"
    for name, value in {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1",
                        "HF_HUB_DISABLE_TELEMETRY": "1"}.items():  # fmt: skip
        assert found[name] == value
    assert 1 <= int(engines.environment("vllm", "org/model")["VLLM_CPU_KVCACHE_SPACE"]) <= 8
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "3")
    assert engines.environment("vllm", "org/model")["VLLM_CPU_KVCACHE_SPACE"] == "3"


def test_vllm_compiles_only_where_there_is_a_compiler(machine, monkeypatch, outputs, tmp_path):
    machine(gpu=False, vllm=True)
    for name in ("TORCH_COMPILE_DISABLE", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engines.environment("vllm", "standin-superior")["TORCH_COMPILE_DISABLE"] == "1"
    assert "TORCH_COMPILE_DISABLE" not in engines.environment("transformers", "standin-superior")
    for name in ("g++", "my-c++"):
        (tmp_path / name).touch(mode=0o755)
    assert "TORCH_COMPILE_DISABLE" not in engines.environment("vllm", "standin-superior")
    (tmp_path / "g++").unlink()
    monkeypatch.setenv("CXX", "my-c++")
    assert "TORCH_COMPILE_DISABLE" not in engines.environment("vllm", "standin-superior")


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [("fpu avx2 fma", "float32"), ("avx512f avx512_bf16", "bfloat16"), ("amx_bf16", "bfloat16")],
)
def test_the_type_is_one_that_the_processor_is_fast_in(monkeypatch, flags, dtype):
    engines.cpu_dtype.cache_clear()
    monkeypatch.setattr(engines.Path, "read_text", lambda self: f"flags\t\t: {flags}\n")
    assert engines.cpu_dtype() == dtype
    engines.cpu_dtype.cache_clear()


# --- why a server did not start ---

VLLM_LOG = """\
WARNING 11-26 19:43:08 [importing.py:83] Triton is installed, but not active. ImportError
(APIServer pid=1) INFO 11-26 19:43:17 [api_utils.py:286] non-default args: {'port': 1}
(EngineCore pid=2) ERROR 11-26 19:44:00 [core.py:991] EngineCore failed to start.
(EngineCore pid=2) ERROR 11-26 19:44:00 [core.py:991] Traceback (most recent call last):
(EngineCore pid=2) ERROR 11-26 19:44:00 [core.py:991]   File "core.py", line 5, in start
(EngineCore pid=2) ERROR 11-26 19:44:00 [core.py:991]     raise ValueError(
(EngineCore pid=2) ERROR 11-26 19:44:00 [core.py:9] ValueError: Free memory (3 GiB) is too small.
(EngineCore pid=2) Process EngineCore:
(EngineCore pid=2) Traceback (most recent call last):
(EngineCore pid=2) RuntimeError: a second one
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.
"""


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (VLLM_LOG, "ValueError: Free memory (3 GiB) is too small."),
        ("Traceback (most recent call last):\n  File x\na.b.SomeError: first\n\nThe above "
         "exception was the direct cause of the following:\n\nTraceback:\nOSError: second\n",
         "a.b.SomeError: first"),
        ("usage: api_server.py [-h]\napi_server.py: error: argument --port: invalid int value\n",
         "api_server.py: error: argument --port"),
        ("INFO:     Started\nERROR:    [Errno 98] error while attempting to bind: in use\n",
         "[Errno 98]"),
        ("ERROR:    Traceback (most recent call last):\n  File x\nKeyError: 'k'\n",
         "KeyError: 'k'"),
        ("p.ValidationError: 1 validation error for ModelConfig\n  Value error, no config\n",
         "1 validation error for ModelConfig Value error, no config"),
    ],
)  # fmt: skip
def test_the_first_error_of_a_log_is_its_cause(tmp_path, log, told):
    file = tmp_path / "server.log"
    file.write_text(log)
    assert told in engines.cause(file)
    assert "second" not in engines.cause(file)


def test_a_log_without_an_error_tells_none(tmp_path):
    file = tmp_path / "server.log"
    assert engines.cause(file) is None
    file.write_text("INFO: all is well\nWarning: ValueError is a class\n")
    assert engines.cause(file) is None
    assert engines.tail(file).splitlines()[-1] == "  Warning: ValueError is a class"


def test_what_vllm_knows_of_the_stand_ins_is_kept_beside_them_where_it_can_be(
    machine, monkeypatch, outputs
):
    machine(gpu=False, vllm=True)
    monkeypatch.delenv("VLLM_CACHE_ROOT", raising=False)
    monkeypatch.setattr(engines.os, "access", lambda path, mode: False)
    found = engines.environment("vllm", "standin-superior")
    assert found["VLLM_CACHE_ROOT"].startswith(str(outputs)), "others may own the stand-ins' folder"
