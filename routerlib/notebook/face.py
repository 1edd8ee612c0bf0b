"""What is left of a widget where no kernel runs: a page of plain HTML, kept beside it in the
notebook.

Exported, copied and reopened notebooks show no widgets, or only with a network and trust. So a
widget of ours is shown with its face: text, tables and pictures that need no script and no style
sheet. Where the widget lives, its face is not seen. What a face says is written by `markup` and
`viewer`.
"""

from __future__ import annotations

from collections.abc import Callable
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
        self.handle = display(self._page(), raw=True, display_id=True)

    def refresh(self) -> None:
        """Draw the face anew, after the widget has changed, so that a notebook keeps what was seen
        last.
        """
        if self.handle is not None:
            self.handle.update(self._page(), raw=True)

    def _page(self) -> dict[str, str]:
        return {"text/plain": f"{type(self.widget).__name__} (as HTML)", "text/html": self.html()}


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
            bundle["text/html"] = self.face.html()
        return bundle

    def _ipython_display_(self) -> None:
        self.face.show()
