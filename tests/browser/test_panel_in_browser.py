"""The panel in a real browser, by mouse and keyboard. Waits are for conditions, never for a
time.
"""

import base64
import urllib.parse
from pathlib import Path

import driver
import pytest
from small_router import EASY, HARD

from routerlib.endpoints import addresses, servers, standins

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(driver.missing()), reason=driver.missing() or "all there"),
]

TESTS = Path(__file__).parents[1]
SHOW = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from small_router import small_router
from routerlib.notebook.panel import RouterPanel
from routerlib.serving.routed_clients import Backend
panel = RouterPanel(small_router(), {backends}, max_tokens=24)
{more}
panel
"""

# A kernel that takes half a second over each change of the prompt.
BUSY = "panel.prompt.observe(lambda _: __import__('time').sleep(0.5), 'value')"

# The lowest contrast (WCAG 2.2) of any text on show, with the text.
CONTRAST = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const light = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    }
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const results = [];
  const panel = document.querySelector('.routerlib');
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (!text || box.width < 2 || element.closest('style, .rl-inside, :disabled')) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element.closest('svg') ? style.fill : style.color);
    const paper = background(element), [a, b] = [light(over(ink, paper)), light(paper)];
    results.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.slice(0, 40)]);
  }
  return results.sort((one, other) => one[0] - other[0])[0];
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("notebooks")
    given = {"root": str(TESTS.parent), "tests": str(TESTS), "more": ""}
    url = upstream.url
    driver.write_notebook(folder / "both.ipynb", SHOW.format(**given, backends=f"{url!r}, {url!r}"))
    driver.write_notebook(folder / "none.ipynb", SHOW.format(**given, backends="None, None"))
    dead = 'Backend("http://127.0.0.1:9/v1", "small"), Backend("http://127.0.0.1:9/v1", "large")'
    driver.write_notebook(folder / "dead.ipynb", SHOW.format(**given, backends=dead))
    driver.write_notebook(
        folder / "slow.ipynb", SHOW.format(**given | {"more": BUSY}, backends="None, None")
    )
    return folder


def open_panel(browser, voila, name="both", width=1000):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(30_000)
    page.alerts = []
    page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.dismiss()))
    page.goto(voila.url(name), timeout=driver.PATIENCE)
    page.wait_for_selector(".routerlib .rl-buys", timeout=driver.PATIENCE)
    return page


@pytest.fixture(scope="module")
def shared(browser, voila):
    page = open_panel(browser, voila)
    yield page
    page.close()


@pytest.fixture
def page(shared):
    """One panel for many tests: on its first tab, with nothing in the way."""
    tab(shared, "One prompt")
    return shared


def tab(page, name):
    page.get_by_role("tab", name=name).click()
    page.locator(f"[role=tab][aria-selected=true]:has-text('{name}')").wait_for()


def button(page, name):
    return page.get_by_role("button", name=name, exact=True).locator("visible=true")


def type_prompt(page, text):
    page.locator("textarea:visible").fill(text)


def route(page, text, expected):
    """Route a prompt, and wait until this decision is on show, not one before it: its line of the
    history comes last.
    """
    history = page.locator("table", has_text="answered by").locator("tbody tr")
    lines = history.count()
    type_prompt(page, text)
    button(page, "Route").click()
    history.nth(lines).wait_for(state="attached")
    page.locator(".rl-verdict:visible", has_text=expected).wait_for()


def wait_until_idle(page):
    page.wait_for_function(
        "() => [...document.querySelectorAll('button')].every((button) => !button.disabled)"
    )


def threshold(page):
    return float(page.locator(".rl-ends b:visible").inner_text().split()[-1])


def wait_for_threshold(page, value):
    page.locator(".rl-ends b:visible", has_text=f"threshold {value:.3f}").wait_for()


def test_routes_easy_and_hard_prompts(page):
    route(page, EASY, "The inferior model will do")
    route(page, HARD, "Send it to the superior model")
    bar = page.locator(".rl-bar:visible").get_attribute("aria-label")
    assert bar.startswith("p_superior 0.9")


def test_a_sample_is_routed_by_one_click(page):
    button(page, "A capital").click()
    page.locator(".rl-verdict:visible", has_text="The inferior model will do").wait_for()
    assert page.locator("textarea:visible").input_value().startswith("What is the capital")


def test_the_slider_by_keyboard(page):
    button(page, "The router's own: 0.500").click()
    wait_for_threshold(page, 0.5)
    route(page, HARD, "Send it to the superior model")
    handle = page.locator(".rl-slider:visible .noUi-handle")
    handle.focus()
    page.keyboard.press("End")
    wait_for_threshold(page, 1.0)
    page.locator(".rl-verdict:visible", has_text="The inferior model will do").wait_for()
    page.locator(".rl-big:visible").get_by_text("0\u00a0%", exact=True).wait_for()
    page.keyboard.press("Home")
    wait_for_threshold(page, 0.0)
    page.locator(".rl-big:visible").get_by_text("100\u00a0%", exact=True).wait_for()
    page.keyboard.press("ArrowRight")
    wait_for_threshold(page, 0.005)
    button(page, "◆ Certified: 0.300").click()
    wait_for_threshold(page, 0.3)


def test_the_slider_by_mouse_stands_on_the_bars_scale(page):
    box = page.locator(".rl-bar:visible").bounding_box()
    handle = page.locator(".rl-slider:visible .noUi-handle").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], handle["y"] + handle["height"] / 2, steps=8)
    page.mouse.up()
    wait_for_threshold(page, 0.7)
    moved = page.locator(".rl-slider:visible .noUi-handle").bounding_box()
    assert moved["x"] + moved["width"] / 2 == pytest.approx(box["x"] + 0.7 * box["width"], abs=4)


def test_answers_stream_side_by_side(page):
    button(page, "The router's own: 0.500").click()
    route(page, HARD, "Send it to the superior model")
    button(page, "Ask both").click()
    for model in ("small", "large"):
        card = page.locator(
            ".rl-answer[data-state=done]:visible", has_text=f"{model} heard: {HARD}"
        )
        card.wait_for()
        assert "tokens" in card.inner_text()
    boxes = [card.bounding_box() for card in page.locator(".rl-answer:visible").all()]
    assert boxes[0]["y"] == boxes[1]["y"]


def test_a_batch_gets_a_table_a_histogram_and_a_file(page):
    button(page, "The router's own: 0.500").click()
    wait_for_threshold(page, 0.5)
    tab(page, "Many prompts")
    type_prompt(page, f"{EASY}\n{HARD}\n<b>Say hello</b>")
    button(page, "Route all").click()
    page.locator(
        ".rl-verdict:visible", has_text="1 of 3 prompts go to the superior model"
    ).wait_for()
    assert page.locator(".rl-histogram:visible rect").count() >= 2
    page.locator("td:visible", has_text="<b>Say hello</b>").wait_for()
    link = page.locator(".rl-download:visible").get_attribute("href")
    assert HARD in base64.b64decode(urllib.parse.unquote(link.partition("base64,")[2])).decode()
    tab(page, "History")
    assert page.locator(".rl-download:visible").get_attribute("download") == "router-history.csv"


def test_a_file_is_uploaded(page):
    tab(page, "Many prompts")
    file = {
        "name": "mine.csv",
        "mimeType": "text/csv",
        "buffer": f'prompt\n"{EASY}"\n"{HARD}"\n'.encode(),
    }
    with page.expect_file_chooser() as chooser:
        page.locator("button:visible", has_text="Upload").click()
    chooser.value.set_files(file)
    page.locator(".rl-verdict:visible", has_text="2 prompts from mine.csv").wait_for()
    button(page, "Route all").click()
    page.locator(
        ".rl-verdict:visible", has_text="1 of 2 prompts go to the superior model"
    ).wait_for()


def test_markup_in_a_prompt_stays_text(page):
    markup = (
        "Prove the theorem <img src=x onerror=\"alert('p')\"> "
        "</textarea><script>alert('s')</script>"
    )
    route(page, markup, "Send it to the superior model")
    button(page, "Ask both").click()
    page.locator(".rl-answer[data-state=done]:visible", has_text="onerror=").nth(1).wait_for()
    tab(page, "History")
    page.locator("td:visible", has_text="<img src=x").first.wait_for()
    assert page.locator(".routerlib img").count() == 0
    assert page.alerts == []


def test_a_long_prompt_works(page):
    route(page, "Prove the theorem. " * 1100, "Send it to the superior model")


def test_an_empty_prompt_is_a_hint_and_a_double_click_does_no_harm(page):
    type_prompt(page, "   ")
    button(page, "Route").click()
    page.locator("[role=status]", has_text="Type a prompt first").wait_for()
    type_prompt(page, EASY)
    button(page, "Ask the chosen model").dblclick()
    page.locator(".rl-answer[data-state=done]:visible", has_text="small heard").wait_for()
    wait_until_idle(page)
    route(page, EASY, "The inferior model will do")  # by now the kernel has seen both clicks
    # On a slow machine the second click came after the answer, and asked again
    wait_until_idle(page)
    assert page.locator(".rl-say").count() == 0


def test_a_click_sends_all_that_was_typed_to_a_busy_kernel(browser, voila):
    page = open_panel(browser, voila, "slow")
    page.locator("textarea:visible").press_sequentially(HARD)
    button(page, "Route").click()
    page.locator("td.rl-wide", has_text=HARD).wait_for(state="attached")
    page.close()


def test_every_control_is_reached_and_used_by_keyboard(page):
    type_prompt(page, HARD)
    page.locator("textarea:visible").focus()
    seen = []
    for _ in range(7):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText"))
    assert seen == [
        "A capital",
        "A product",
        "An e-mail",
        "A journey",
        "A proof",
        "A design",
        "Route",
    ]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.locator(".rl-verdict:visible", has_text="Send it to the superior model").wait_for()


def test_every_input_has_a_name(page):
    unnamed = page.evaluate(
        """() => {
            const kinds = '.routerlib textarea, .routerlib button, .routerlib svg, .rl-bar';
            const hasName = (e) =>
                e.labels?.length || e.innerText?.trim() || e.ariaLabel || e.title;
            const all = [...document.querySelectorAll(kinds)];
            return all.filter((e) => !hasName(e)).map((e) => e.outerHTML);
        }"""
    )
    assert unnamed == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_contrasts_with_its_background(folder, browser, voila, theme):
    with driver.Voila(folder, theme) as themed:
        page = open_panel(browser, themed)
        route(page, HARD, "Send it to the superior model")
        button(page, "Ask both").click()
        page.locator(".rl-answer[data-state=done]:visible").nth(1).wait_for()
        lowest, text = page.evaluate(CONTRAST)
        assert lowest >= 4.5, f"{text!r} has a contrast of {lowest:.2f}"
        dark = page.evaluate("getComputedStyle(document.querySelector('.rl-card')).backgroundColor")
        assert (sum(int(c) for c in dark.partition("(")[2].rstrip(")").split(",")[:3]) < 384) == (
            theme == "dark"
        )
        page.close()


def test_nothing_sticks_out_of_a_half_width_window(page):
    page.set_viewport_size({"width": 640, "height": 900})
    for name in ("One prompt", "Many prompts", "History"):
        tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640
    page.set_viewport_size({"width": 1000, "height": 900})


def test_without_a_server_routing_works_and_it_says_how_to_start_one(browser, voila):
    page = open_panel(browser, voila, "none")
    route(page, EASY, "The inferior model will do")
    button(page, "Ask the chosen model").click()
    page.locator(
        "[role=status]", has_text="python -m routerlib serve --model small --port 8001"
    ).wait_for()
    page.close()


def test_a_dead_server_is_a_sentence_and_the_button_comes_back(browser, voila):
    page = open_panel(browser, voila, "dead")
    route(page, EASY, "The inferior model will do")
    button(page, "Ask the chosen model").click()
    page.locator("[role=alert]", has_text="No connection to http://127.0.0.1:9/v1").wait_for()
    wait_until_idle(page)
    page.close()


@pytest.mark.real
def test_a_real_model_streams_its_answer(browser, folder, voila, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTERLIB_STANDINS", str(standins.folder()))
        patch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path))
        try:
            server = servers.serve("standin-superior", port=addresses.free_port())
        except standins.StandInError as error:
            pytest.skip(f"no stand-in model: {error}")
        try:
            real = f'None, Backend({server.base_url!r}, "standin-superior")'
            given = {"root": str(TESTS.parent), "tests": str(TESTS), "more": "", "backends": real}
            driver.write_notebook(folder / "real.ipynb", SHOW.format(**given))
            page = open_panel(browser, voila, "real")
            route(page, HARD, "Send it to the superior model")
            button(page, "Ask the chosen model").click()
            page.locator(".rl-answer[data-state=streaming]:visible").wait_for(
                timeout=driver.PATIENCE
            )
            done = page.locator(".rl-answer[data-state=done]:visible")
            done.wait_for(timeout=driver.PATIENCE)
            assert "+ 24 tokens" in done.inner_text()
            page.close()
        finally:
            servers.stop(server.port)
