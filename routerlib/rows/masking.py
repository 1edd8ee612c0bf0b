"""What nobody else should read, taken out of texts on their way in: e-mail addresses, telephone and
card numbers, secrets.

`masking` makes one function of texts from a setting: "standard" is what is here, "module:function"
a user's own. Telephone numbers are found by phonenumbers, secrets by the detectors of
detect-secrets, card numbers by their first digits and their check digit; none of them needs a model
or a network. Names of people and places stay: to find these takes a model of its own.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from routerlib import settings
from routerlib.errors import SettingError

Mask = Callable[[str], str]

STANDARD = "standard"
OFF = ("", "none", "off", "false")

# name.surname+tag@mail.example.org
EMAIL = re.compile(
    r"""
    (?<![\w.+-]) [\w.!\#$%&'*+/=?^`{|}~-]{1,64}
    @ (?: [\w] [\w-]{0,62} \. )+ [^\W\d_]{2,24} (?![\w-])
    """,
    re.VERBOSE,
)
# 4111 1111 1111 1111: 13 to 19 digits, in groups or not
CARD = re.compile(r"(?<![\d.,-]) [2-6] (?: [ -]? \d ){12,18} (?! [ -]?\d)", re.VERBOSE)
# Keys that providers give out, told by how they begin; detect-secrets knows others.
KEY = re.compile(
    r"""
    (?<![\w-]) (?:
        sk- (?: proj- | ant- | or- | svcacct- )? | sk_live_ | rk_live_ | pk_live_ | hf_ | gsk_ |
        xai- | AIza | ghp_ | gho_ | ghs_ | github_pat_ | glpat- | xox[abpr]- | ya29\. |
        (?: AKIA | ASIA ) (?= [A-Z0-9]{16} )
    ) [A-Za-z0-9_-]{16,}
    """,
    re.VERBOSE,
)
# -----BEGIN RSA PRIVATE KEY----- … -----END RSA PRIVATE KEY-----
PRIVATE_KEY = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY(\ BLOCK)?-----
    .*?
    (-----END\ [A-Z ]*PRIVATE\ KEY(\ BLOCK)?----- | \Z)  # one that is cut off is secret as well
    """,
    re.DOTALL | re.VERBOSE,
)
# password: hunter22, "api_key" = "…": what is called a secret in so many words
NAMED_SECRET = re.compile(
    r"""
    \b (?P<name> pass(?:word|wd|phrase) | secret | api[_-]?key | access[_-]?token | auth[_-]?token |
       client[_-]?secret | bearer ) ["']? \s* (?: [:=] \s* | (?<=bearer) \s+ )
    (?P<value> "[^"\n]{4,}" | '[^'\n]{4,}' | [^\s"',;)\]}]{6,} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Detectors of detect-secrets that find one kind of key each; its guesses by entropy are left out,
# since identifiers and hashes are no secrets.
DETECTORS = (
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)


def masking(setting: str | Mask | None, countries: str = "US") -> Mask | None:
    """The function that masks a text; None where nothing is to be masked.

    Args:
        setting: "standard", "module:function" for a function of one text that gives back a text,
            both with a comma between them, or "" for none.
        countries: two letters each, with commas: where telephone numbers may be written without
            +1, as 415-555-2671 is.

    Raises:
        SettingError: there is no such function or country, or the function gives back something
            else than a text.
    """
    if setting is None or (isinstance(setting, str) and setting.strip().lower() in OFF):
        return None
    if callable(setting):
        return _masking_checked(setting, getattr(setting, "__name__", "MASK"))
    places = _countries(countries)
    steps = [_step(name, places) for name in settings.names(setting)]

    def mask(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return mask


def masked(value: Any, mask: Mask) -> Any:
    """A decoded JSON value with every text in it masked; names of fields stay."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [masked(part, mask) for part in value]
    if isinstance(value, dict):
        return {name: masked(part, mask) for name, part in value.items()}
    return value


def _countries(given: str) -> tuple[str, ...]:
    """The countries as phonenumbers names them. One that it does not know would mask nothing."""
    import phonenumbers

    found = tuple(name.upper() for name in settings.names(given))
    for name in found:
        if name not in phonenumbers.SUPPORTED_REGIONS:
            raise SettingError(
                f"MASK_COUNTRIES names {name!r}, which is no country's two letters, such as US, "
                "GB or DE: its telephone numbers would not be masked."
            )
    return found


def _step(name: str, countries: tuple[str, ...]) -> Mask:
    if name.lower() in (STANDARD, "true", "on"):
        return lambda text: mask_standard(text, countries)
    module, _, function = name.partition(":")
    if not function:
        raise SettingError(
            f'MASK is {name!r}; it is "standard", or a function of yours as module:function.'
        )
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SettingError(
            f"MASK names {name!r}, which cannot be loaded ({error}). The module must lie where "
            "Python finds it: in the folder the command is started in, say."
        ) from None
    if not callable(found):
        raise SettingError(f"MASK names {name!r}, which is no function.")
    return _masking_checked(found, name)


def _masking_checked(function: Callable[[str], Any], name: str) -> Mask:
    """A user's function, whose mistakes are told as such: no text goes on that it did not mask."""

    def mask(text: str) -> str:
        try:
            found = function(text)
        except Exception as error:
            raise SettingError(
                f"MASK: {name} failed on a text of {len(text):,} characters with "
                f"{type(error).__name__}. Mend it; no text goes on unmasked."
            ) from error
        if not isinstance(found, str):
            raise SettingError(
                f"MASK: {name} gave back {type(found).__name__}, where a text is needed."
            )
        return found

    return mask


def mask_standard(text: str, countries: tuple[str, ...] = ("US",)) -> str:
    """A text with [secret], [e-mail], [card] and [phone] in the place of what was found, in this
    order.
    """
    text = _without_secrets(text)
    text = EMAIL.sub("[e-mail]", text)
    text = CARD.sub(lambda found: "[card]" if is_card(found[0]) else found[0], text)
    return _without_phones(text, countries)


def is_card(text: str) -> bool:
    """Whether digits can be a card's number: its length and first digits, and Luhn's check digit
    (ISO/IEC 7812-1).
    """
    digits = [int(sign) for sign in text if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]  # 7: 14, whose digits are 5
    is_checked = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return is_checked and 13 <= len(digits) <= 19 and len(set(digits)) > 1


def _without_secrets(text: str) -> str:
    text = PRIVATE_KEY.sub("[secret]", text)
    text = KEY.sub("[secret]", text)
    for secret in sorted(_secrets_in(text), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return NAMED_SECRET.sub(_without_value, text)


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    if "[secret]" in value:
        return found[0]
    return found[0].removesuffix(value) + "[secret]"


def _secrets_in(text: str) -> set[str]:
    found: set[str] = set()
    for detector in _detectors():
        for line in text.splitlines():
            found.update(secret for secret in detector.analyze_string(line) if len(secret) >= 4)
    return found


@cache
def _detectors() -> list[Any]:
    return [
        getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
        for module, name in DETECTORS
    ]


def _without_phones(text: str, countries: tuple[str, ...]) -> str:
    """Numbers that phonenumbers takes for valid; without +, only those written in groups, since
    bare digits are more often an amount or an id.
    """
    import phonenumbers

    places: set[tuple[int, int]] = set()
    for country in (None, *countries):
        for match in phonenumbers.PhoneNumberMatcher(text, country):
            is_grouped = not match.raw_string.isdigit()
            if match.raw_string.startswith("+") or is_grouped:
                places.add((match.start, match.end))
    for start, end in sorted(places, reverse=True):
        text = f"{text[:start]}[phone]{text[end:]}"
    return text
