import json
import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from routerlib.endpoints import addresses


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.8.8.8", "[::1]",
     "127.1", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "user:word@127.0.0.1",
     socket.gethostname()],
)  # fmt: skip
def test_these_are_here(host):
    assert addresses.is_here(f"http://{host}:8000/v1")


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v1", "http://10.0.0.1/v1", "http://localhost.example.com/v1",
     "http://127.0.0.1.example.com", "http://[::2]/v1", "http://10.1/v1", "http://1.2.3.4.5", "",
     "http://[::1/v1", "localhost:8000"],
)  # fmt: skip
def test_these_are_not(url):
    assert not addresses.is_here(url)


def test_host_and_port_are_as_given():
    assert addresses.host_and_port("http://localhost:8000/v1") == ("localhost", 8000)
    assert addresses.host_and_port("http://[::1]:81") == ("::1", 81)
    assert addresses.host_and_port("https://example.com/v1") == ("example.com", 443)
    assert addresses.root("::1", 81) == "http://[::1]:81"


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/v1", "http://[::1/v1", 5])
def test_what_is_no_address_is_a_value_error(url):
    with pytest.raises(ValueError, match=r"."):
        addresses.host_and_port(url)


@pytest.fixture
def server():
    class Echo(BaseHTTPRequestHandler):
        def do_GET(self):
            is_redirect = self.path == "/moved"
            self.send_response(302 if is_redirect else 200)
            if is_redirect:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(f"{self.command} {self.path}".encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(418)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((addresses.HOST, 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield addresses.root(addresses.HOST, server.server_port)
    server.shutdown()
    server.server_close()


def test_a_request_goes_past_a_proxy_of_the_environment(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert addresses.fetch(f"{server}/health") == (200, "GET /health")


def test_a_redirect_is_an_answer(server):
    assert addresses.fetch(f"{server}/moved")[0] == 302


def test_a_body_is_posted_and_an_error_has_its_text(server):
    status, text = addresses.fetch(server, {"a": 1})
    assert (status, json.loads(text)) == (418, {"a": 1})


def test_no_answer_is_zero_and_why():
    status, why = addresses.fetch(addresses.root(addresses.HOST, addresses.free_port()))
    assert status == 0 and "refused" in why


@pytest.fixture
def rude():
    """Starts listeners that answer a connection with some bytes, or with a reset; gives their
    port.
    """
    started = []

    def start(word):
        listener = socket.create_server((addresses.HOST, 0))
        started.append(listener)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if word:
                        connection.sendall(word)
                    else:
                        no_goodbye = struct.pack("ii", 1, 0)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_goodbye)

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in started:
        listener.close()


@pytest.mark.parametrize("word", [b"", b"SSH-2.0-OpenSSH_9.6\r\n"])
def test_who_hangs_up_or_speaks_another_language_listens_all_the_same(rude, word):
    port = rude(word)
    assert all(addresses.is_listening(addresses.HOST, port) for _ in range(20))
    status, why = addresses.fetch(f"{addresses.root(addresses.HOST, port)}/v1", {"a": 1})
    assert status == 0 and why and "\n" not in why and "urlopen" not in why


# --- proxies ---


@pytest.fixture
def no_proxies(monkeypatch):
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    monkeypatch.setattr(os, "environ", kept)


@pytest.mark.parametrize(
    "url,environment,told",
    [
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": "http://p:1"}, ""),
        ("https://models.test/v1", {"HTTP_PROXY": "http://p:1"}, ""),
        (
            "https://models.test/v1",
            {"HTTPS_PROXY": "http://me:secret@p:1"},
            "the proxy http://p:1, which HTTPS_PROXY names",
        ),
        (
            "http://models.test/v1",
            {"all_proxy": "socks5://p:1"},
            "the proxy socks5://p:1, which all_proxy names",
        ),
        ("https://models.test/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, ""),
        ("https://models.test/v1", {"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
        ("https://models.test/v1", {"HTTPS_PROXY": "http://[p"}, "the proxy there, which"),
    ],
)
def test_a_proxy_on_the_way_is_named_with_its_variable_and_without_its_password(
    no_proxies, url, environment, told
):
    os.environ.update(environment)
    named = addresses.proxy_of(url)
    assert named.startswith(told) if told else named == ""


def test_a_proxy_that_cannot_be_used_is_a_sentence(no_proxies):
    os.environ["ALL_PROXY"] = "socks5://p:1"
    url = "https://models.test/v1"
    said = addresses.proxy_refused(url, ImportError("no socksio"))
    assert said.startswith(f"Requests to {url} would go through the proxy socks5://p:1, which ALL")
    assert "pip install socksio" in said
    assert "Mend the variable" in addresses.proxy_refused(url, ValueError("Unknown scheme"))


def test_certificates_of_another_environment_are_named_with_their_variable(monkeypatch, tmp_path):
    url = "https://models.test/v1"
    monkeypatch.setenv("SSL_CERT_FILE", "/opt/other/cacert.pem")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # this one is there
    said = addresses.environment_refused(url, FileNotFoundError(2, "No such file or directory"))
    assert "those of SSL_CERT_FILE=/opt/other/cacert.pem cannot be read (No such file" in said
    assert "proxy" in addresses.environment_refused(url, ValueError("Unknown scheme"))
