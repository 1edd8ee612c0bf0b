"""What is left of a widget where no kernel runs: a page of plain HTML, kept beside it in the
notebook.

Exported, copied and reopened notebooks show no widgets, or only with a network and trust. So a
widget of ours is shown with its face: text, tables and pictures that need no script and no style
sheet. Where the widget lives, its face is not seen. What a face says is written by `markup` and
`viewer`.
"""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import ipywidgets as widgets

from routerlib.notebook import markup

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Face:
    """The face of one widget.

    Args:
        widget: whose face it is. content: gives the face, as HTML, as the widget is at that moment.
    """

    def __init__(self, widget: widgets.DOMWidget, content: Callable[[], str]):
        self.name = f"rl-live-{widget.model_id}"
        self.widget = widget
        self.content = content
        self.handle: Any = None
        widget.add_class(self.name)

    def html(self) -> str:
        """The face, to be hidden by a page on which the widget lives."""
        return markup.face_html(self.name, self.content())

    def show(self) -> None:
        """Show the widget, and its face behind it: two outputs of the cell."""
        from IPython.display import display

        view = widgets.DOMWidget._repr_mimebundle_(self.widget)
        if view is not None:
            # Viewers that know no widgets take the HTML of an output, and here there is none to
            # see.
            text = f"{type(self.widget).__name__}: see below"
            display({**view, "text/plain": text, "text/html": "<span></span>"}, raw=True)
        self.handle = display(self.page(), raw=True, display_id=True)

    def refresh(self) -> None:
        """Draw the face anew, after the widget has changed, so that a notebook keeps what was seen
        last.
        """
        if self.handle is not None:
            self.handle.update(self.page(), raw=True)

    def page(self) -> dict[str, str]:
        """The face as it goes into a notebook: as HTML, and as text for viewers without."""
        content = self.content()
        return {
            "text/plain": words_of(content),
            "text/html": markup.face_html(self.name, content),
        }


class FacedBox(widgets.VBox):
    """A column of widgets that is shown with its face. Who derives from it says what the face holds
    (`snapshot`), and calls `wear_face` once its widgets are made.
    """

    face: Face

    def snapshot(self) -> str:
        """What is seen now, as HTML."""
        raise NotImplementedError

    def wear_face(self) -> None:
        self.face = Face(self, self.snapshot)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle |= self.face.page()
        return bundle

    def _ipython_display_(self) -> None:
        self.face.show()


class _Words(HTMLParser):
    """What a page of ours says, without its HTML: a line for each row and paragraph."""

    LINES = ("p", "div", "tr", "br", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "pre")
    UNREAD = ("style", "script")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.unread = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unread = tag in self.UNREAD
        if tag in self.LINES:
            self.parts.append("\n")
        if tag in ("td", "th"):
            self.parts.append("\t")
        if tag == "img":
            self.parts.append(f"[picture: {dict(attrs).get('alt') or ''}]")

    def handle_endtag(self, tag: str) -> None:
        self.unread = False
        if tag in self.LINES:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.parts.append(data)


def words_of(page: str) -> str:
    """A page of ours as text, for viewers that show no HTML: cells with two spaces between."""
    reader = _Words()
    reader.feed(page)
    reader.close()
    lines = []
    for line in "".join(reader.parts).splitlines():
        cells = (" ".join(cell.split()) for cell in line.split("\t"))
        lines.append("  ".join(cell for cell in cells if cell))
    return "\n".join(line for line in lines if line)
