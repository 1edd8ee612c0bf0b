"""Which addresses are on this machine, how one is asked directly, and which proxy stands before the
others: one place for all three.

A local address is never asked through a proxy of the environment, nor is a redirect followed: what
answers there is judged by its own words. What an answer means, and who serves a model, is the
business of `clients` and `servers`; nothing here knows of models.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit, urlunsplit

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # where a client looks for those it trusts
UNREADABLE = (FileNotFoundError, IsADirectoryError, PermissionError, ssl.SSLError)  # what it raises
HOST = "127.0.0.1"  # where our own servers listen


def is_here(url: str) -> bool:
    """Whether a URL's host is this machine: a loopback address in any spelling, or its own name."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        short = _written_short(host)
        return short.startswith("127.") or host == socket.gethostname().lower() != ""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _written_short(host: str) -> str:
    """The four numbers of an address with fewer (127.1 is 127.0.0.1); empty for a name."""
    is_number = bool(host) and not host.strip("0123456789.")
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if is_number else ""
    except OSError:
        return ""


def host_and_port(url: str) -> tuple[str, int]:
    """The host of a URL as it was given, and its port, that of the scheme where none is named.

    Raises:
        ValueError: it is no address of a server; the text says what is wrong with it.
    """
    try:
        parts = urlsplit(url or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
    return parts.hostname or "", port


def root(host: str, port: int) -> str:
    """The start of a server's URLs: http://127.0.0.1:8000, or http://[::1]:8000."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_listening(host: str, port: int) -> bool:
    """Whether something accepts connections there; `localhost` is every address it stands for."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except ConnectionResetError:  # somebody took the connection, and hung up
        return True
    except OSError:
        return False


def free_port(host: str = HOST) -> int:
    """A port that nothing uses now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


# --- proxies ---


def proxy_of(url: str) -> str:
    """The proxy through which the environment has requests to a URL go, with the variable that
    names it: "the proxy http://proxy:3128, which HTTPS_PROXY names". Empty where there is none.
    """
    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname or ""
    if is_here(url) or urllib.request.proxy_bypass(host):
        return ""
    named = urllib.request.getproxies()
    for kind in (scheme, "all"):
        if named.get(kind):
            variable = next((n for n in os.environ if n.lower() == f"{kind}_proxy"), "the system")
            return f"the proxy {_without_password(named[kind])}, which {variable} names"
    return ""


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:  # no address at all
        return "there"


def proxy_refused(url: str, error: Exception) -> str:
    """A sentence on a proxy that no client of ours can use: SOCKS, or no address at all.

    Args:
        url: what was to be asked. error: what the HTTP client says about it.
    """
    what = proxy_of(url) or "a proxy that the environment names"
    is_socks = "socks" in what or "SOCKS" in str(error)
    if is_socks and isinstance(error, ImportError):
        advice = (
            "A SOCKS proxy needs one more package: python -m pip install socksio. Or name an HTTP "
            "proxy, or take the address out with NO_PROXY."
        )
    else:
        advice = "Mend the variable, or take the address out with NO_PROXY."
    return f"Requests to {url} would go through {what}, which cannot be used ({error}). {advice}"


def environment_refused(url: str, error: Exception) -> str:
    """A sentence on what the environment says of connections to the outside and no client can use:
    a proxy, or certificates that are not there (as variables of another environment name them).
    """
    if not isinstance(error, UNREADABLE):
        return proxy_refused(url, error)
    given = {name: os.environ[name] for name in CERTIFICATES if os.environ.get(name)}
    wrong = {name: path for name, path in given.items() if not os.path.exists(path)} or given
    named = " and ".join(f"{name}={path}" for name, path in wrong.items())
    return (
        f"Requests to {url} need certificates, and those of {named or 'the system'} cannot be read "
        f"({error.strerror or error}). Mend the variable, or unset it."
    )


# --- asked directly ---


def fetch(url: str, body: dict[str, Any] | None = None, timeout: float = 2.0) -> tuple[int, str]:
    """Status and text of the answer to one direct request, a POST where there is a body.

    (0, why) where there is no answer.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _rest(error)
    except (OSError, HTTPException, ValueError) as error:
        cause = getattr(error, "reason", error)  # urllib wraps what the system said
        return 0, " ".join(str(cause).split()) or type(error).__name__


def _rest(answer: urllib.error.HTTPError) -> str:
    try:
        return answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return str(error)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect, to a login page for example, is an answer like any other."""

    def redirect_request(self, *_: Any) -> None:
        return None
