"""What the tests of training share: labelled rows to learn from, and a tiny encoder."""

import pytest
from tiny_encoder import rows, tiny_encoder

from routerlib.training import encoders, examples


@pytest.fixture(scope="module")
def train():
    return examples.from_rows(map(examples.outcome_row, rows(150)))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return encoders.SentenceEncoder(tiny_encoder(tmp_path_factory.mktemp("tiny")))
