"""Where version 0.1 told programs to import `RoutedClient` from; it is `from routerlib import
RoutedClient` now.

Kept so that such programs go on working. Nothing of the library imports from here.
"""

from routerlib.serving.routed_clients import AsyncRoutedClient, Backend, RoutedClient

__all__ = ["AsyncRoutedClient", "Backend", "RoutedClient"]
