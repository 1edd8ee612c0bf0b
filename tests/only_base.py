"""Import this first, and Python finds nothing of what `pip install routerlib` leaves out.

For tests, in a process of its own: what an extra brings is installed here, and hidden.
"""

import sys

from routerlib import settings


class Hiding:
    """A finder of modules that does not see some of another's."""

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in settings.EXTRAS:
            return None
        return self.finder.find_spec(name, path, target)


sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
