"""What the tests in a browser share: the browser, and a page server over a file's notebooks.

A test file's own fixture `folder` holds the notebooks that it shows.
"""

import driver
import pytest


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=driver.CHROMIUM, args=driver.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def voila(folder):
    with driver.Voila(folder) as voila:
        yield voila
