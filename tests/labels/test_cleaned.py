"""Cleaning a file: the prompts in a file, and what became of the others."""

import json

import pytest

from routerlib.labels import cleaned, cleaning
from routerlib.rows import jsonl, sources
from routerlib.settings import SettingError


def write(path, texts):
    rows = [
        {"conversation_id": str(n), "language": language,
         "conversation": [{"role": "user", "content": text}]}
        for n, (text, language) in enumerate(texts)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n")
    return path


TEXTS = [
    ("Why does ice float on water?", "English"),
    ("Why does ice float on water", "English"),
    ("Warum schwimmt Eis auf Wasser?", "German"),
    ("Write to ann@example.com about it.", "English"),
]


def test_a_file_is_cleaned_and_what_is_broken_set_aside(outputs, tmp_path, capsys):
    file = write(tmp_path / "talks.jsonl", TEXTS)
    report = cleaned.clean_file(file, tmp_path / "clean.jsonl", mask="standard", encoder="")
    prompts = [value["prompt"] for _, value in jsonl.read_values(tmp_path / "clean.jsonl")]
    assert prompts[0] == TEXTS[0][0] and len(prompts) == 2 and "ann@" not in prompts[1]
    assert (report.dropped[cleaning.EXACT], report.dropped[cleaning.LANGUAGE]) == (1, 1)
    assert report.dropped[cleaning.BROKEN] == 1 and (tmp_path / "clean.rejects.jsonl").exists()
    assert "4 conversations" not in capsys.readouterr().out


def test_options_reach_the_filters(outputs, tmp_path):
    file = write(tmp_path / "talks.jsonl", TEXTS)
    how = {"eval_questions": "", "encoder": "", "languages": ""}
    report = cleaned.clean_file(file, tmp_path / "a.jsonl", max_chars=28, **how)
    assert report.dropped[cleaning.LONG] == 2
    assert cleaned.clean_file(file, tmp_path / "b.jsonl", limit=1, **how).read == 1


def test_what_is_read_is_not_written_over(outputs, tmp_path, monkeypatch):
    file = write(tmp_path / "talks.jsonl", TEXTS)
    other = write(tmp_path / "others.jsonl", TEXTS)
    before = file.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(file)
    monkeypatch.chdir(tmp_path)
    for target in (file, str(file), tmp_path / "link.jsonl", f"{tmp_path}/./talks.jsonl"):
        with pytest.raises(SettingError, match="would take its place"):
            cleaned.clean_file(f"{other}, {file}", target, encoder="")
    assert file.read_bytes() == before


def test_a_source_that_is_not_there_is_told(outputs, tmp_path):
    with pytest.raises(sources.SourceError, match="no file"):
        cleaned.clean_file(tmp_path / "nowhere.jsonl", encoder="")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": 0}, "LIMIT is 0"),
        ({"mask": "nope"}, "MASK is 'nope'"),
        ({"mask": "standard", "mask_countries": "Atlantis"}, "(?i)atlantis"),
    ],
)
def test_what_cannot_be_is_told_before_an_encoder_is_loaded(outputs, given, said):
    with pytest.raises(SettingError, match=said):
        cleaned.clean_file("sample", encoder="/no/such/encoder", **given)
