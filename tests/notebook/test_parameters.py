"""A notebook's parameters: read from its cell, and each value of the kind that its default is."""

import pytest

from routerlib import settings
from routerlib.notebook import parameters


@pytest.mark.parametrize(
    "text,value",
    [
        ("true", True),
        ("1e-3", 0.001),
        ("12", 12),
        ("a b", "a b"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("[a: {", "[a: {"),
        ("010", 10),  # YAML's octal
        ("1_000", 1000),
        ("1:30", "1:30"),  # YAML's 90
        ("0x1F", "0x1F"),
    ],
)
def test_values_from_the_command_line(text, value):
    parsed = parameters.parse_value(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    "text,value",
    [
        *[(text, text) for text in ("007", "1e3", "no", "1:30", "2026-11-27", "~", "# 3", "- x")],
        *[
            (text, text)
            for text in ("What: why?", "[INST] Why?", '"Why?" he said', "[1, 2]", "it's")
        ],
        ('["a", "b"]', ["a", "b"]),
        ('"\\n"', "\n"),
        ("null", None),
        ("", ""),
    ],
)
def test_a_text_is_taken_as_it_was_typed(text, value):
    assert parameters.from_text(text, "default") == value


def test_a_file_of_parameters_is_told_of_quotes_where_a_text_was_meant():
    with pytest.raises(settings.SettingError, match=r"takes a text .*put a text into quotes"):
        parameters.fitting("ROUTER", False, "")
    with pytest.raises(settings.SettingError) as error:
        parameters.fitting("LIMIT", "ten", 0)
    assert "quotes" not in str(error.value)


@pytest.mark.parametrize(
    "name,given,value",
    [
        ("RESUME", "false", False),
        ("RESUME", "True", True),
        ("LIMIT", "50", 50),
        ("LIMIT", "1e3", 1000),
        ("NEAR_DUPLICATE", "1", 1.0),
        ("THRESHOLD", "1e-3", 0.001),
        ("PROMPTS", "false", "false"),
        ("PROMPTS", 5, "5"),
        ("LIMIT", None, 0),
        ("LIMIT", "null", 0),
        ("PRICE_IN", None, 0.0),
        ("LANGUAGES", None, ""),
        ("FIELDS", None, {}),
    ],
)
def test_what_papermill_hands_on_as_a_text_is_understood(name, given, value):
    read = parameters.understood("02_create_dataset", {name: given, "other": 1})
    assert read == {name: value} and type(read[name]) is type(value)


@pytest.mark.parametrize(
    "name,given",
    [
        *[("RESUME", "maybe"), ("RESUME", 1), ("LIMIT", "ten"), ("LIMIT", "1.5"), ("LIMIT", True)],
        *[("SEED", "1e400"), ("SEED", "nan"), ("SAMPLES", "None"), ("SAMPLES", None)],
        *[("RESUME", None), ("FIELDS", "None"), ("THRESHOLD", "50%")],
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_name(name, given):
    with pytest.raises(settings.SettingError, match=f"The parameter {name} takes a .* not"):
        parameters.understood("02_create_dataset", {name: given})


@pytest.mark.parametrize("name", ["TEMPERATURE", "NUM_PROBLEMS"])
def test_nothing_stays_nothing_where_it_has_a_meaning(name):
    assert parameters.understood("03_collect_responses", {name: None}) == {name: None}


def test_lists_and_mappings_are_understood(tmp_path):
    read = parameters.understood(
        "03_collect_responses", {"EXTRA_BODY": "{top_p: 0.9}", "STOP": ["a"]}
    )
    assert read == {"EXTRA_BODY": {"top_p": 0.9}, "STOP": ["a"]}


def test_a_notebook_that_is_not_there_is_taken_as_it_is():
    assert parameters.understood("99_gone", {"A": "false"}) == {}


def test_a_name_that_resembles_another_is_suggested():
    assert (
        parameters.did_you_mean("K_RESPONSE", ["K_RESPONSES", "STOP"])
        == " Did you mean K_RESPONSES?"
    )
    assert parameters.did_you_mean("XYZ", ["STOP"]) == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "-inf", ".nan"])
@pytest.mark.parametrize("default", [0.7, 3])
def test_a_number_is_finite(value, default):
    """Told by the runner, before a server is started, and not in the middle of a notebook."""
    with pytest.raises(settings.SettingError, match=r"TEMPERATURE takes a .*number such as"):
        parameters.fitting("TEMPERATURE", value, default)


NOTEBOOKS = sorted(path.stem for path in (settings.ROOT / "notebooks").glob("0*.ipynb"))
OF_ALL = {name: parameters.defaults(parameters.notebook_path(name)) for name in NOTEBOOKS}
WRONG = {
    "K_RESPONSES": -3, "PROMPT_SAMPLES": 0, "SAMPLES": 0, "SEEDS": 0, "MAX_TOKENS": 0,
    "PROMPT_MAX_TOKENS": -1, "JUDGE_MAX_TOKENS": 0, "BATCH_SIZE": 0, "MAX_CONCURRENT": 0,
    "MAX_ATTEMPTS": 0, "MAX_LENGTH": 0, "MAX_CHARS": 0, "AUDITS": 0, "BOOTSTRAP": 0,
    "CHECK_LIMIT": 0, "KNOWN_PAIRS": 0, "LIMIT": -1, "LABEL_LIMIT": -1, "REFUSED_PAIRS": -1,
    "EXAMPLES": -1, "SEED": -1, "WORKERS": -1, "EPOCHS": -1, "PRICE_IN": -1.0, "PRICE_OUT": -1.0,
    "BUDGET": -1.0, "NEAR_DUPLICATE": -0.1, "MAX_WAIT": -1.0, "EPSILON": 1.5, "DELTA": -0.1,
    "LEVEL": 2.0, "CACHED_SHARE": 1.1, "TEMPERATURE": 2.5, "TIMEOUT": 0.0, "PORT": -1,
    "API_MODE": "far", "ENDPOINT": "chats", "METHOD": "guess", "BALANCE": "even", "TARGET": "all",
}  # fmt: skip


@pytest.mark.parametrize("name", [*parameters.BOUNDS, *parameters.CHOICES])
def test_a_value_that_no_notebook_takes_is_refused_wherever_the_name_stands(name):
    """The runner asks before it starts a server, and each notebook before its first real cell."""
    met = 0
    for notebook, known in OF_ALL.items():
        for full in (full for full in known if parameters.ROLE.sub("", full) == name):
            met += 1
            with pytest.raises(settings.SettingError, match=f"{full} is {WRONG[name]!r}; it"):
                parameters.understood(notebook, {full: WRONG[name]})
    assert met, "no notebook has a parameter of this name any more"


def test_what_the_notebooks_have_by_default_can_be():
    for notebook, known in OF_ALL.items():
        assert parameters.understood(notebook, known) == known


@pytest.mark.parametrize(
    ("name", "value"), [("NUM_PROBLEMS", "-3"), ("NUM_PROBLEMS", "some"), ("CLUSTER", "nonsense")]
)
def test_a_text_with_a_form_of_its_own_is_refused(name, value):
    with pytest.raises(settings.SettingError, match=f"{name} is '{value}'; it is"):
        parameters.understood("03_collect_responses", {name: value})


def test_the_choices_are_those_of_the_functions():
    from routerlib.endpoints import clients
    from routerlib.labels import labelling
    from routerlib.training import fine_tuning

    choices = {name: set(values) for name, values in parameters.CHOICES.items()}
    assert choices["API_MODE"] == {clients.LOCAL, clients.REMOTE}
    assert choices["ENDPOINT"] == set(clients.KINDS)
    assert choices["METHOD"] == set(labelling.METHODS)
    assert choices["TARGET"] == {*fine_tuning.TARGETS, "compare"}
