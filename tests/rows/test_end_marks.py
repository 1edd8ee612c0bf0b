"""Where an answer ends: special tokens go, tags of the same name stay."""

import pytest

from routerlib.rows.end_marks import END_MARKS, LAST_MARKS, cut


@pytest.mark.parametrize(
    ("text", "stop", "kept"),
    [
        (" 7\nQuestion:", ["\n"], (" 7", True)),
        ("7<|im_end|>8<end_of_turn>", [], ("7", True)),
        ("a<end_of_turn>b<|im_end|>", [], ("a", True)),
        ("<s>7", [], ("7", False)),
        ("<s> 7</s>", [], (" 7", True)),
        ("7</s>", [], ("7", True)),
        ("7</s></s>\n", [], ("7", True)),
        ("7<eos>", [], ("7", True)),
        ("7</s><|im_end|>more", [], ("7", True)),
        ("7 < 8", [], ("7 < 8", False)),
        ("\n7", ["\n"], ("", True)),
        ("7", [""], ("7", False)),
        ("Use <s>old</s> <b>new</b>", [], ("Use <s>old</s> <b>new</b>", False)),
        ("<s>old</s> new", [], ("<s>old</s> new", False)),
        ("new, not <s>old</s>", [], ("new, not <s>old</s>", False)),
        ("write </s> to close it", [], ("write </s> to close it", False)),
        ("a </s> b", ["</s>"], ("a ", True)),
        ("not <s>old</s></s>", [], ("not <s>old</s>", True)),
    ],
)
def test_cutting(text, stop, kept):
    assert cut(text, stop) == kept


def test_no_tag_of_html_is_an_end_mark():
    assert not set(END_MARKS) & {"</s>", "<s>", "<eos>", *LAST_MARKS}
