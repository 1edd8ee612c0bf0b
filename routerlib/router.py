"""Where version 0.1 told programs to import `Router` from; it is `from routerlib import Router`
now.

Kept so that such programs go on working. Nothing of the library imports from here.
"""

from routerlib.training.router import Decision, Router, RouterError, newest

__all__ = ["Decision", "Router", "RouterError", "newest"]
