"""Masking: what is private goes, what only looks like it stays, and nothing goes on unmasked."""

import json
import string
import sys

import pytest

from routerlib.rows import sources
from routerlib.rows.jsonl import Rejects
from routerlib.rows.masking import is_card, mask_standard, masked, masking
from routerlib.rows.schemas import Conversation
from routerlib.settings import SettingError

ALPHABET = string.ascii_letters + string.digits
LONG = (ALPHABET * 2)[7:55]


@pytest.mark.parametrize(
    "text,masked_text",
    [
        ("Write to jane.doe+a@mail.example.org.", "Write to [e-mail]."),
        ("<jane@example.co.uk>, bob@example.com", "<[e-mail]>, [e-mail]"),
        ("jürgen@müller.example is mine", "[e-mail] is mine"),
        ("Call +49 30 901820 or (415) 555-2671 today", "Call [phone] or [phone] today"),
        ("Tel. 212-736-5000", "Tel. [phone]"),
        ("card 4111 1111 1111 1111, thanks", "card [card], thanks"),
        ("card 378282246310005 or 5555-5555-5555-4444", "card [card] or [card]"),
        (f"my key is sk-proj-{LONG}", "my key is [secret]"),
        (f"hf_{LONG[:34]} works", "[secret] works"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        (f"export API_KEY={LONG[:20]}", "export API_KEY=[secret]"),
        ('{"password": "hunter2222"}', '{"password": [secret]}'),
        (f"Authorization: Bearer {LONG}", "Authorization: Bearer [secret]"),
        ("postgres://user:s3cr3tpw@db.example.org/x", "postgres://user:[secret]@db.example.org/x"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nend",
            "[secret]\nend",
        ),
        ("cut off: -----BEGIN EC PRIVATE KEY-----\nMHcCAQ\nab", "cut off: [secret]"),
        (
            "http://me:winter@a.example or http://me:winter93@b.example",
            "http://me:[secret]@a.example or http://me:[secret]@b.example",
        ),
    ],
)
def test_what_is_private_goes(text, masked_text):
    assert mask_standard(text) == masked_text


@pytest.mark.parametrize(
    "text",
    [
        "What is 4155552671 * 2?",
        "The number 1234 5678 9012 3456 is no card's.",
        "It was 2026-05-01 10:30, at 52.5200, 13.4050.",
        "f(x) = 3.14159265358979 and 0000 0000 0000 0000",
        "Decorate it with @property or user@localhost",
        "How do I reset my password?",
        "What is a bearer token, and what does the secret say?",
        "sk-learn and hf_hub are libraries",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Version 1.2.3.4 on 192.168.0.1",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert mask_standard(text) == text


def test_countries_say_how_telephone_numbers_are_written_at_home():
    text = "Ruf an: 030 901820"
    assert masking("standard", "US")(text) == text
    assert masking("standard", "DE, FR")(text) == "Ruf an: [phone]"
    assert masking("standard", "de")(text) == "Ruf an: [phone]"


@pytest.mark.parametrize("countries", ["XX", "UK", "US, Germany", "1"])
def test_a_country_that_nobody_knows_is_refused(countries):
    with pytest.raises(SettingError, match="no country's two letters"):
        masking("standard", countries)


@pytest.mark.parametrize(
    "number,is_one",
    [
        ("4242424242424242", True),
        ("4242424242424241", False),
        ("79927398713", False),
        ("424242424242", False),  # twelve digits, which check
        ("4222222222222", True),
        ("6666666666666", False),  # one digit alone, which checks
    ],
)
def test_the_check_digit_of_a_card(number, is_one):
    assert is_card(number) is is_one


def test_nothing_is_masked_by_default():
    for off in ("", None, "none", "off"):
        assert masking(off) is None


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "my_masks.py").write_text(
        "def hide(text): return text.replace('Jane', '[name]')\n"
        "def broken(text): raise KeyError('x')\n"
        "def silent(text): return None\n"
        "NUMBER = 3\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_masks", None)


def test_a_function_of_ones_own_alone_and_beside_the_standard(own_module):
    text = "Jane is jane@example.org"
    assert masking("my_masks:hide")(text) == "[name] is jane@example.org"
    assert masking("standard, my_masks:hide")(text) == "[name] is [e-mail]"


@pytest.mark.parametrize(
    "name,told",
    [
        ("my_masks:broken", "failed on a text .* KeyError"),
        ("my_masks:silent", "NoneType, where a text is needed"),
        ("my_masks:NUMBER", "no function"),
        ("my_masks:other", "cannot be loaded"),
        ("no_such_module:hide", "cannot be loaded"),
        ("strict", '"standard", or a function'),
    ],
)
def test_a_function_that_does_not_do_is_told(name, told, own_module):
    with pytest.raises(SettingError, match=told):
        masking(name)("Jane")


def test_every_text_of_a_value_is_masked():
    value = {"a": ["x@example.org", {"b": "y@example.org"}], "n": 3}
    assert masked(value, mask_standard) == {"a": ["[e-mail]", {"b": "[e-mail]"}], "n": 3}


def test_masking_happens_on_the_way_in_rejects_included(tmp_path):
    secret = "jane@example.org"
    good = {"messages": [{"role": "user", "content": f"Mail {secret}"}], "response": f"To {secret}"}
    unreadable = {"messages": [{"content": secret}], "filler": "x " * 500}
    half = {"filler": "y" * (498 - len('{"filler": "", "m": "jane@exa')), "m": secret}
    path = tmp_path / "log.jsonl"
    lines = [json.dumps(good), json.dumps(unreadable), json.dumps(half), f'{{"torn": "{secret}']
    # A torn line is kept up to its 500th sign, here in the middle of the address
    lines.append('{"torn": "' + "z" * 480 + f" {secret}")
    path.write_text("\n".join(lines), encoding="utf-8")
    with Rejects(tmp_path / "bad.jsonl") as rejects:
        rows = list(sources.load_rows(path, Conversation, rejects=rejects, mask=mask_standard))
    assert rows[0].conversation[0].content == "Mail [e-mail]"
    assert rows[0].logged.full_response == "To [e-mail]"
    assert rejects.count == 4
    assert "jane@" not in (tmp_path / "bad.jsonl").read_text(encoding="utf-8")
