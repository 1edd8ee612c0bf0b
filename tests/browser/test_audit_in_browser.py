"""The audit in a real browser: blind and escaped, by click and by key, stopped and resumed."""

from pathlib import Path

import driver
import pytest

from routerlib.answers import auditing
from routerlib.rows import jsonl
from routerlib.rows.schemas import Vote

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(driver.missing()), reason=driver.missing() or "all there"),
]

TESTS = Path(__file__).parents[1]
SHOW = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from audit_pairs import audit_in
from routerlib.notebook.audit import AuditPanel
panel = AuditPanel(audit_in({votes!r}), least_seconds={least})
panel
"""

# The buttons whose text has the colour of their ground
UNREADABLE = """() => [...document.querySelectorAll('.routerlib button')]
    .filter((button) => {
        const look = getComputedStyle(button);
        return look.color === look.backgroundColor;
    })
    .map((button) => button.innerText)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    given = {"root": str(TESTS.parent), "tests": str(TESTS)}
    for name, least in (("clicks", 0), ("keys", 0), ("double", 1.5)):
        source = SHOW.format(**given, votes=str(folder / name), least=least)
        driver.write_notebook(folder / f"{name}.ipynb", source)
    return folder


def open_audit(browser, voila, name, width=1000):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(30_000)
    page.alerts = []
    page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.dismiss()))
    page.goto(voila.url(name), timeout=driver.PATIENCE)
    page.wait_for_selector(".routerlib .rl-asked", timeout=driver.PATIENCE)
    return page


def prompt(page):
    """The prompt on show, such as "prompt 7"."""
    return " ".join(page.locator(".rl-asked:visible").inner_text().split()[:2])


def progress(page, number):
    page.locator(".rl-muted:visible", has_text=f"{number} of ").wait_for()


def votes(folder, name):
    path = folder / name / auditing.VOTES
    return list(jsonl.read_rows(path, Vote)) if path.exists() else []


def test_answers_are_blind_escaped_and_judged_by_click(browser, voila, folder):
    page = open_audit(browser, voila, "clicks")
    first, text = prompt(page), page.locator(".routerlib").inner_text()
    assert "cheapo" not in text and "dearest" not in text and "onerror=" in text
    assert page.locator(".routerlib img, .routerlib .rl-text script").count() == 0
    boxes = [card.bounding_box() for card in page.locator(".rl-answer:visible").all()]
    assert len(boxes) == 2 and boxes[0]["y"] == boxes[1]["y"]
    assert page.evaluate(UNREADABLE) == []
    page.get_by_role("button", name="A is better (a)").click()
    progress(page, 1)
    assert prompt(page) != first
    page.get_by_role("button", name="Skip (s)").click()
    progress(page, 2)
    (vote,) = votes(folder, "clicks")
    assert vote.winner == "model_a" and f"prompt {vote.question_id[1:]}" == first
    page.get_by_role("button", name="Back").click()
    progress(page, 1)
    assert page.alerts == []
    shown = prompt(page)
    page.close()
    # Another visit is another kernel: it goes on where this one stopped
    page = open_audit(browser, voila, "clicks")
    progress(page, 1)
    assert prompt(page) == shown
    page.close()


def test_one_key_after_the_other_without_a_mouse(browser, voila, folder):
    page = open_audit(browser, voila, "keys")
    field = page.get_by_placeholder("or type a, b, g, x or s here")
    field.focus()
    for number, key in enumerate("bgxs", start=1):
        page.keyboard.press(key)
        progress(page, number)
        page.wait_for_function("() => document.activeElement.value === ''")
    assert [vote.verdict for vote in votes(folder, "keys")] == ["B", "both good", "both bad"]
    page.keyboard.press("q")
    page.locator("[role=status]", has_text="'q' is no verdict").wait_for()
    progress(page, 4)
    # The buttons are reached by Tab and pressed by Enter
    page.get_by_role("button", name="A is better (a)").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "B is better (b)"
    page.keyboard.press("Enter")
    progress(page, 5)
    page.close()


def test_a_double_click_is_one_verdict(browser, voila, folder):
    page = open_audit(browser, voila, "double")
    page.wait_for_timeout(1600)  # the panel takes none before that, as it would of no person
    page.get_by_role("button", name="Both good (g)").dblclick()
    progress(page, 1)
    page.wait_for_timeout(500)
    assert len(votes(folder, "double")) == 1
    page.close()


def test_all_is_done_is_said_and_nothing_can_be_pressed(browser, voila, folder):
    page = open_audit(browser, voila, "keys")
    button = page.get_by_role("button", name="Both bad (x)")
    told = page.locator(".rl-muted:visible", has_text="have a verdict")
    for _ in range(40):
        before = told.inner_text()
        if "complete" in before:
            break
        button.click()
        page.wait_for_function(
            "(before) => ![...document.querySelectorAll('.rl-muted')]"
            ".some((e) => e.innerText === before)",
            arg=before,
        )
    assert "audit is complete" in told.inner_text()
    page.locator("button:disabled", has_text="Both bad (x)").wait_for()
    page.close()
