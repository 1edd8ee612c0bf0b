"""What a notebook keeps of a widget: two outputs, the widget and its face, and the face of the last
state.
"""

import ipywidgets
import pytest
from IPython.testing.globalipapp import get_ipython, start_ipython

from routerlib.notebook import face as face_module
from routerlib.notebook.face import Face


@pytest.fixture
def published(monkeypatch):
    """What reaches the notebook: (data, whether it replaces what was shown before)."""
    shell = start_ipython() or get_ipython()
    sent = []

    def publish(data, metadata=None, *, transient=None, update=False, **_):
        sent.append((data, update))

    monkeypatch.setattr(shell.display_pub, "publish", publish)
    return sent


def test_a_widget_is_shown_with_its_face_and_the_face_follows(published):
    label = ipywidgets.Label("one")
    face = Face(label, lambda: f"<p>{label.value}</p>")
    face.refresh()
    assert published == []  # nothing is shown yet
    face.show()
    (view, _), (page, is_new) = published
    assert face_module.WIDGET_VIEW in view
    assert view["text/html"] == "<span></span>" and "Label" in view["text/plain"]
    assert "<p>one</p>" in page["text/html"] and not is_new
    label.value = "two"
    face.refresh()
    again, is_update = published[-1]
    assert "<p>two</p>" in again["text/html"] and is_update


def test_two_faces_are_told_apart():
    one, two = (Face(ipywidgets.Label(), lambda: "") for _ in range(2))
    assert one.name != two.name
    assert one.name in one.widget._dom_classes


def test_a_viewer_without_html_gets_the_faces_words():
    page = (
        "<style>p { color: red; }</style><p><b>A &amp; B</b> · two\nthree</p>"
        "<table><tr><th>id</th><th>p</th></tr><tr><td>a-1</td><td>0.5</td></tr></table>"
        "<p><img src='data:,' alt='a curve'></p><script>no()</script>end"
    )
    words = Face(ipywidgets.Label(), lambda: page).page()["text/plain"]
    assert words.splitlines() == [
        "A & B · two",
        "three",
        "id  p",
        "a-1  0.5",
        "[picture: a curve]",
        "end",
    ]
