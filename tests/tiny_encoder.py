"""A BERT small enough to train in a second, with a vocabulary of its own: no download, no
stand-in.
"""

from __future__ import annotations

from pathlib import Path

EASY = [
    "what is the capital of peru",
    "name a colour",
    "say hello in french",
    "what is two plus two",
    "is ice cold",
]
HARD = [
    "prove the theorem",
    "derive the formula step by step",
    "integrate the function",
    "show the bound is tight",
]


def within(exact: float, rounded: float = 0.02) -> float:
    """How far torch's numbers may be from the exact ones: where this processor computes in
    bfloat16, it is torch's side that is rounded.
    """
    import torch

    from routerlib.training import inference

    return exact if inference.compute_dtype() == torch.float32 else rounded


def tiny_encoder(folder: Path, dropout: float = 0.0) -> Path:
    """Write a two-layer BERT with random weights and a word tokenizer; returns the folder."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = sorted(
        {word for text in (*EASY, *HARD) for word in text.split()} | {str(n) for n in range(60)}
    )
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "user", "assistant", ":", *words]
    BertTokenizer(
        vocab={word: number for number, word in enumerate(vocabulary)}, model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        classifier_dropout=dropout,
        initializer_range=0.15,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def rows(number: int = 120, seed: int = 0) -> list[dict]:
    """Outcomes: hard prompts need the superior model in four of five cases, easy ones seldom."""
    import numpy as np

    rng = np.random.default_rng(seed)
    made = []
    for n in range(number):
        hard = bool(rng.random() < 0.5)
        text = str(rng.choice(HARD if hard else EASY))
        made.append(
            {
                "id": str(n),
                "prompt": f"{text} {rng.integers(60)} {rng.integers(60)}",
                "category": "proof" if hard else "chat",
                "inferior_score": float(rng.random() < (0.2 if hard else 0.9)),
                "superior_score": float(rng.random() < 0.9),
            }
        )
    return made
