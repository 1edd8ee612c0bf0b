"""Settings: paths start from the project's root, and what a setting may be comes back; else it is one sentence."""

import numpy as np
import pytest

from routerlib import settings


def test_a_relative_outputs_folder_is_the_same_from_everywhere(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path / "project")
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", "elsewhere")
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "notebooks")
    path = settings.outputs("graded", "a.jsonl")
    assert (
        path == tmp_path / "project" / "elsewhere" / "graded" / "a.jsonl" and path.parent.is_dir()
    )


def test_outputs_lie_in_the_project_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.delenv("ROUTERLIB_OUTPUTS", raising=False)
    assert settings.outputs("datasets") == tmp_path / "outputs" / "datasets"


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, float("nan"), [1]])
def test_what_is_no_whole_number_above_nought_is_named(value):
    with pytest.raises(settings.SettingError) as error:
        settings.whole("SAMPLES", value)
    assert str(error.value) == f"SAMPLES is {value!r}; it is a whole number above 0."


def test_whole_numbers_come_back_numpys_as_well():
    assert settings.whole("N", 10**30) == 10**30 and settings.whole("N", np.int64(3)) == 3
    assert settings.seed(0) == 0 and settings.seed(2**40) == 2**40


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", None, False, float("nan"), float("inf")])
def test_what_is_no_number_in_its_bounds_is_named(value):
    with pytest.raises(settings.SettingError) as error:
        settings.number("THRESHOLD", value, most=1)
    assert str(error.value) == f"THRESHOLD is {value!r}; it lies between 0 and 1."


def test_numbers_come_back():
    assert settings.number("PRICE", 3) == 3.0 and settings.number("PRICE", np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", ["", "  ", None, 5, ["m"]])
def test_what_is_no_text_is_named(value):
    with pytest.raises(settings.SettingError, match=r"MODEL is .*; it is a text, and not empty"):
        settings.text("MODEL", value)


def test_names_stand_in_a_list_or_between_commas():
    assert settings.names(" a, b,,c ") == settings.names(["a", " b", "c"]) == ["a", "b", "c"]
    assert settings.names("") == settings.names(None) == settings.names([]) == []


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "free", None, True])
def test_a_price_is_an_amount_per_million_tokens(value):
    assert settings.price("PRICE_IN", 0) == 0.0 and settings.price("PRICE_IN", 2.5) == 2.5
    with pytest.raises(
        settings.SettingError,
        match=r"PRICE_IN is .*; it is an amount per million tokens, 0 or more",
    ):
        settings.price("PRICE_IN", value)
