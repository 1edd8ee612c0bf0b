"""Make the picture of the panel in the README, from a real router and two real models.

    python tests/browser/screenshot.py --router outputs/models/… --out docs/panel.png

The stand-in models are started where nothing answers at their addresses, and stopped afterwards.
The panel is shown by Voila in Chromium; one sample is routed and both models answer it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import driver

from routerlib import settings
from routerlib.endpoints import servers
from routerlib.training.router import newest

SHOW = """
import sys
sys.path.insert(0, {root!r})
from routerlib.notebook.panel import RouterPanel
from routerlib.training.router import Router
from routerlib.serving.routed_clients import Backend
RouterPanel(
    Router.from_pretrained({router!r}),
    inferior=Backend({inferior_base!r}, {inferior_model!r}),
    superior=Backend({superior_base!r}, {superior_model!r}),
    max_tokens={max_tokens},
)
"""


def take(options: argparse.Namespace) -> Path:
    """Route the sample, wait for both answers, and save the picture; returns its path."""
    from playwright.sync_api import sync_playwright

    out = settings.resolve(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        source = SHOW.format(root=str(settings.ROOT), **vars(options))
        driver.write_notebook(Path(folder) / "panel.ipynb", source)
        with driver.Voila(Path(folder), options.theme) as voila:
            browser = playwright.chromium.launch(executable_path=driver.CHROMIUM, args=driver.FLAGS)
            size = {"width": options.width, "height": 2000}
            page = browser.new_page(viewport=size, device_scale_factor=options.scale)
            page.goto(voila.url("panel"), timeout=driver.PATIENCE)
            page.wait_for_selector(".routerlib .rl-buys", timeout=driver.PATIENCE)
            page.get_by_role("button", name=options.sample, exact=True).click()
            page.locator(".rl-verdict .rl-pill:visible").first.wait_for()
            page.get_by_role("button", name="Ask both", exact=True).click()
            page.locator(".rl-answer[data-state=done]").nth(1).wait_for(timeout=driver.PATIENCE)
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur()")
            page.wait_for_function(
                "() => [...document.querySelectorAll('button')].every((button) => !button.disabled)"
            )
            page.add_style_tag(content=".routerlib { padding: 16px !important; }")
            page.locator(".routerlib").screenshot(path=out)
            browser.close()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--router", help="a router's folder (default: the newest below outputs/models)"
    )
    parser.add_argument("--out", default="docs/panel.png")
    parser.add_argument("--sample", default="A product", help="the sample to route, by its button")
    parser.add_argument("--theme", default="light", choices=["light", "dark"])
    parser.add_argument("--width", type=int, default=760, help="of the window, in pixels")
    parser.add_argument("--scale", type=float, default=1.5, help="picture pixels a window pixel")
    parser.add_argument("--max-tokens", type=int, default=80, help="of an answer")
    parser.add_argument("--superior-model", default="standin-superior")
    parser.add_argument("--superior-base", default="http://127.0.0.1:8000/v1")
    parser.add_argument("--inferior-model", default="standin-inferior")
    parser.add_argument("--inferior-base", default="http://127.0.0.1:8001/v1")
    options = parser.parse_args()
    if driver.missing():
        sys.exit(f"The picture cannot be made: {driver.missing()}.")
    options.router = str(settings.resolve(options.router or newest()))
    started = []
    try:
        started.append(servers.ensure(options.superior_model, options.superior_base))
        started.append(servers.ensure(options.inferior_model, options.inferior_base))
        out = take(options)
    finally:
        servers.release(*started)
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
