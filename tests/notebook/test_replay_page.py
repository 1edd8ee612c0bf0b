"""The page of a replay: what stands in it, on the terminal and in the file."""

import re
from html.parser import HTMLParser

from routerlib.notebook.replay_page import ReplayPage
from routerlib.stats.savings import measure_saving

WHOLE = measure_saving("all", [1, 0] * 20, [0, 0] * 20, [1.0] * 40, [5.0] * 40)
FEW = measure_saving("sums & <b>", [0, 1], [0, 0])


def page(**changes):
    given = {
        "logs": "log.jsonl",
        "superior": "big",
        "inferior": "small",
        "judges": "judge (text)",
        "whole": WHOLE,
        "kinds": [FEW],
        "certificate": "As the judge sees it: none.",
        "costs": [("answers", 1.0), ("judging", 0.5)],
    }
    return ReplayPage(**(given | changes))


class Tags(HTMLParser):
    """Opened and closed tags, which have to fit."""

    VOID = ("meta", "line", "circle")

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """One that closes itself."""

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_terminal_says_it_all():
    text = page().as_text()
    assert "small answered all 40 of these prompts instead of big: +50.0 [" in text
    assert "80% [80%, 80%] of the bill saved" in text
    assert "sums & <b>" in text and "(too few to say)" in text
    assert "This replay cost 1.5000 dollars" in text and "As the judge sees it: none." in text


def test_the_file_is_whole_and_escaped(tmp_path):
    path = page().write(tmp_path / "sub" / "page.html")
    html = path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(html)
    assert not tags.open and not tags.wrong
    assert "sums &amp; &lt;b&gt;" in html and "<b>" not in html
    assert "src=" not in html and "http" not in html


def test_the_router_is_told_where_there_is_one():
    routed = measure_saving("routed", [0] * 9 + [1], [0] * 10, [1.0] * 10, [2.0] * 10)
    told = page(routed=routed, share_superior=0.25).as_text()
    assert "on 10 prompts that the router has not seen: 75% go to small, +10.0" in told
    assert "not seen" not in page().as_text()


def test_nearly_all_is_not_all_and_free_answers_are_called_free():
    nearly = measure_saving("all", [1, 0], [0, 0], [0.004, 0.004], [1.0, 1.0])
    assert "99.6% [99.6%, 99.6%] of the bill saved" in page(whole=nearly).headline
    whole = measure_saving("all", [1, 0], [0, 0], [0.0, 0.0], [1.0, 1.0])
    told = page(whole=whole, is_free=True).headline
    assert "100% [100%, 100%] of the bill saved (its own answers counted as free)" in told
    assert "free" not in page(whole=whole).headline


def test_where_all_go_to_the_superior_model_nothing_is_lost():
    routed = measure_saving("routed", [0] * 6, [0] * 6, [2.0] * 6, [2.0] * 6)
    told = page(routed=routed, share_superior=1.0).as_text()
    assert (
        "all go to big, so that nothing is lost and nothing is saved" in told and "39" not in told
    )


def test_the_file_fits_a_phone_and_its_pictures_their_figures():
    html = page(kinds=[]).as_html()
    assert '<meta name="viewport" content="width=device-width' in html
    ends = [float(x) for x in re.findall(r'x[12]="([\d.]+)"', html)]
    assert max(ends) == 175.0, "the widest range reaches to the edge"
    assert "How good the judge is" not in html, "no heading without a sentence"
    assert "How good the judge is" in page(judging=["It is."]).as_html()
