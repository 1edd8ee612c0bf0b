"""A transformer run as fast as this machine can: token ids in, numbers out.

On a CPU, where OpenVINO is installed, a model is translated once (half a second) and compiled for
the processor, in bfloat16 if that computes in it: the same numbers within some thousandths, for a
single prompt several times as fast. On a GPU, without OpenVINO, or where a model cannot be
translated, torch runs it as it is; without torch, `bert` does. Batches are made and texts become
ids in `encoders`.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings

# (token ids, mask), both of shape (rows, tokens), to numbers of shape (rows, width)
Forward = Callable[[np.ndarray, np.ndarray], np.ndarray]
AGREEMENT = (
    0.1  # a translation is trusted up to this distance from torch's numbers, in lengths of theirs
)


@functools.cache
def compute_dtype() -> Any:
    """torch.bfloat16 where this machine computes in it (a recent GPU or CPU).

    Else torch.float32.
    """
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if "avx512_bf16" in _cpu_flags() else torch.float32


@functools.cache
def _cpu_flags() -> frozenset[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


@functools.cache
def has_torch() -> bool:
    """Whether torch and transformers are installed; the base installation leaves them out."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def device() -> str:
    """The accelerator torch can use, or "cpu"."""
    if not has_torch():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def forward(model: Any, head: Callable[[Any, dict[str, Any]], Any]) -> Forward:
    """The quickest way through a model on this machine.

    Args:
        model: a torch module on its device, ready for inference. head: takes the model and a batch
            (input_ids and, where something is masked, attention_mask), and gives a tensor of shape
            (rows, width).

    Returns:
        A function that several threads may call.
    """
    plain = with_torch(model, head)
    if device() != "cpu" or importlib.util.find_spec("openvino") is None:
        return plain
    try:
        compiled = with_openvino(model, head)
        _check_agreement(compiled, plain)
    except (
        Exception
    ) as error:  # an architecture that OpenVINO does not know, say: whatever it is, torch can do it
        warnings.warn(
            f"{type(model).__name__} runs with torch, since OpenVINO cannot: {error}", stacklevel=2
        )
        return plain
    return compiled


def with_torch(model: Any, head: Callable[[Any, dict[str, Any]], Any]) -> Forward:
    """The model as torch runs it.

    Where there is nothing to mask it gets no mask: attention is quicker without.
    """
    import torch

    def run(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        longest = int(mask.sum(axis=1).max())
        ids, mask = ids[:, :longest], mask[:, :longest]
        batch = {"input_ids": ids} if mask.all() else {"input_ids": ids, "attention_mask": mask}
        with torch.inference_mode():
            tensors = {
                name: torch.from_numpy(value).to(model.device) for name, value in batch.items()
            }
            return head(model, tensors).float().cpu().numpy()

    return run


def with_openvino(model: Any, head: Callable[[Any, dict[str, Any]], Any]) -> Forward:
    """The model translated and compiled for this processor; the given one stays as it is."""
    settings.report_nothing()
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    ids, mask = _trial(2, 8)
    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings():
        # Tracing doubts every branch; `_check_agreement` looks at what came of it
        warnings.simplefilter("ignore")
        decoder = TorchScriptPythonDecoder(
            _traceable(model, head), example_input=_as_tensors(ids, mask)
        )
    program = frontend.convert(frontend.load(decoder))
    request = (
        openvino.Core()
        .compile_model(program, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        .create_infer_request()
    )
    one_at_a_time = threading.Lock()

    def run(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with one_at_a_time:
            return np.array(request.infer({0: ids, 1: mask})[0], dtype=np.float32)

    return run


def _traceable(model: Any, head: Callable[[Any, dict[str, Any]], Any]) -> Any:
    """Model and head as one float32 module with two inputs."""
    import copy

    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = copy.deepcopy(model).float().eval()

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return head(self.model, {"input_ids": input_ids, "attention_mask": attention_mask})

    return Whole()


def _as_tensors(ids: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    import torch

    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def _trial(rows: int, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Some token ids that any vocabulary has, the last row shorter than the others."""
    ids = np.arange(rows * tokens, dtype=np.int64).reshape(rows, tokens) % 50 + 2
    mask = np.ones_like(ids)
    mask[-1, tokens // 2 :] = 0
    return ids, mask


def _check_agreement(compiled: Forward, plain: Forward) -> None:
    """Raise ValueError where a translation's numbers are not torch's.

    For shapes other than the one it was made with.
    """
    trials = [_trial(1, 5), _trial(3, 24), _trial(8, 16)]
    expected = np.concatenate([plain(*trial).ravel() for trial in trials])
    found = np.concatenate([compiled(*trial).ravel() for trial in trials])
    size = max(float(np.linalg.norm(expected)), 1e-6)
    apart = float(np.linalg.norm(found - expected)) / size
    if not apart <= AGREEMENT:
        raise ValueError(f"its numbers differ from torch's by {apart:.0%}")
