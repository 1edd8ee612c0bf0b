import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from routerlib.endpoints import servers
from routerlib.settings import SettingError


@pytest.fixture
def listener():
    """A port that something else listens on."""
    with socket.create_server((servers.HOST, 0)) as server:
        yield server.getsockname()[1]


def remember(port, process, model="m"):
    born = servers._born(psutil.Process(process.pid))
    server = servers.Server(model, port, "transformers", process.pid, born, "/dev/null")
    servers._memory(port).write_text(servers.json.dumps(servers.asdict(server)))
    return server


def sleeper():
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )


@pytest.fixture
def broken():
    """A port whose server says that the part of it that computes has died."""

    class Broken(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(503)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((servers.HOST, 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_server_of_ours_that_died_is_told_with_its_log(outputs):
    process, port = sleeper(), servers.free_port()
    base = f"http://localhost:{port}/v1"
    log = remember(port, process).log
    assert servers.what_died(base) is None
    process.kill()
    process.wait()
    assert re.search(
        rf"server of m on port {port} died. Its log, {log}, ends:", servers.what_died(base)
    )
    assert servers.what_died(base.replace("localhost", "example.com")) is None
    servers.stop(port)
    assert servers.what_died(base) is None, "it was stopped on purpose"


def test_another_server_in_the_place_of_a_dead_one_may_come_back(outputs, listener):
    process = sleeper()
    remember(listener, process)
    process.kill()
    process.wait()
    assert servers.what_died(f"http://localhost:{listener}/v1") is None


def test_a_server_that_lives_but_cannot_compute_is_as_good_as_dead(outputs, broken):
    process = sleeper()
    remember(broken, process)
    assert "died" in servers.what_died(f"http://localhost:{broken}/v1")
    with pytest.raises(
        servers.ServerError, match="is taken by another program"
    ):  # here the test's own
        servers.serve("m", port=broken)
    assert process.wait(timeout=15), "it was stopped, to be started again"


def test_a_listener_that_never_answers_is_said(outputs, listener, monkeypatch):
    monkeypatch.setattr(servers, "_post", lambda *_: (0, "timed out"))
    with pytest.raises(servers.ServerError, match=r"a first request failed \(timed out\)"):
        servers.ensure("standin-superior", f"http://localhost:{listener}/v1")


def test_vllm_command_is_local_and_knows_its_families():
    command = servers._command("mistralai/Mistral-7B-Instruct-v0.3", 8123, "vllm", 4096, 0.9)
    assert command[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    text = " ".join(command)
    for part in (
        "--host 127.0.0.1",
        "--port 8123",
        "--enforce-eager",
        "--max-model-len 4096",
        "--tokenizer-mode mistral",
    ):
        assert part in text
    assert "--gpu-memory-utilization 0.9" in text and "trust" not in text


def test_an_unknown_engine_is_a_sentence():
    with pytest.raises(servers.ServerError, match="choose one of vllm, transformers"):
        servers._command("m", 8000, "ollama", None, 0.9)


def test_a_taken_port_is_a_sentence(outputs, listener):
    with pytest.raises(servers.ServerError, match=f"Port {listener} is taken by another program"):
        servers.serve("m", port=listener)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_a_sentence(outputs, port):
    with pytest.raises(
        servers.ServerError, match=f"port is {port}; it is a number from 1 to 65535"
    ):
        servers.serve("m", port=port)


def test_a_folder_that_is_not_there_starts_no_server(outputs):
    with pytest.raises(servers.ServerError, match="no folder /no-such-folder/model"):
        servers.serve("/no-such-folder/model", port=servers.free_port())


@pytest.mark.parametrize("model", ["standin-superiro", "my model/x y", "modèle", "", "../up"])
def test_a_name_that_no_model_can_have_starts_no_server(outputs, model):
    with pytest.raises(servers.ServerError, match=r"no hub id either.*standin-superior"):
        servers.serve(model, port=servers.free_port())


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 5}, {"temperature": float("nan")}, {"timeout": float("nan")}, {"timeout": -1}, {"gpu_util": 7},
     {"max_model_len": 0}],
)  # fmt: skip
def test_a_setting_out_of_range_starts_no_server(outputs, wrong):
    (name,) = wrong
    with pytest.raises(SettingError, match=f"{name.upper()} is {wrong[name]}"):
        servers.serve("m", port=servers.free_port(), **wrong)


def test_a_server_that_another_process_is_starting_is_waited_for(outputs):
    """Between the process's start and its first answer, nothing listens on its port; it is no less ours."""
    process, port, asked = sleeper(), servers.free_port(), []

    class Late(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def do_POST(self):
            asked.append(self.path)
            self.do_GET()

        def log_message(self, *_):
            pass

    remember(port, process)
    listening = []
    later = threading.Timer(
        0.5, lambda: listening.append(ThreadingHTTPServer((servers.HOST, port), Late))
    )
    later.start()
    answering = threading.Thread(
        target=lambda: (later.join(), listening[0].serve_forever()), daemon=True
    )
    answering.start()
    try:
        server = servers.serve("m", port=port, timeout=60)
        assert server.pid == process.pid and listening and asked == ["/v1/completions"]
        assert servers.serve("m", port=port).pid == process.pid and len(asked) == 1, (
            "it is ready: no more warm-up"
        )
    finally:
        later.join()
        listening[0].shutdown()
        listening[0].server_close()
        process.kill()
        process.wait()


def test_a_server_that_dies_is_told_with_its_log(outputs, tmp_path):
    (tmp_path / "no-model-in-it").mkdir()
    with pytest.raises(servers.ServerError, match=r"stopped while starting(.|\n)*no-model-in-it"):
        servers.serve(
            str(tmp_path / "no-model-in-it"), port=servers.free_port(), engine="transformers"
        )


def test_stop_ends_our_server_and_forgets_it(outputs):
    process = sleeper()
    port = servers.free_port()
    server = remember(port, process)
    assert servers.find(port) == server
    assert servers.stop(port)
    process.wait(timeout=15)
    assert servers.find(port) is None and not servers.stop(port)


def test_a_recycled_process_id_is_not_our_server(outputs):
    process, port = sleeper(), servers.free_port()
    try:
        server = remember(port, process)
        stranger = servers.Server(
            "m", port, "transformers", process.pid, server.born - 100, "/dev/null"
        )
        servers._memory(port).write_text(servers.json.dumps(servers.asdict(stranger)))
        assert servers.find(port) is None
        assert not servers.stop(port)
        assert process.poll() is None, "a process that is not ours was stopped"
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(
    not psutil.LINUX, reason="elsewhere the creation time stays as it is when the clock is set"
)
def test_a_clock_that_is_set_does_not_make_our_server_a_stranger(outputs, monkeypatch):
    process, port = sleeper(), servers.free_port()
    try:
        server = remember(port, process)
        boot_time, create_time = psutil.boot_time(), psutil.Process.create_time
        monkeypatch.setattr(psutil, "boot_time", lambda: boot_time - 3600)
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) - 3600)
        assert servers.find(port) == server
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", "\0", '{"model": 1}', *(
        f'{{"model": "m", "port": 1, "engine": "vllm", "pid": {pid}, "born": 1.0, "log": "x"}}'
        for pid in ('"x"', "-5", "1.5", "null", "[1]")
    )],
)  # fmt: skip
def test_a_memory_that_is_no_servers_is_no_server(outputs, text):
    port = servers.free_port()
    servers._memory(port).write_text(text)
    assert servers.find(port) is None and not servers.stop(port)


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999/v1", "http://[::1/v1", 5])
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(
        servers.ServerError, match=re.escape(f"{address!r} is no address of a server")
    ):
        servers.ensure("m", address)


def test_ensure_says_how_to_start_a_server(outputs):
    port = servers.free_port()
    with pytest.raises(
        servers.ServerError, match=f"routerlib serve --model org/model --port {port}"
    ):
        servers.ensure("org/model", f"http://localhost:{port}/v1")


def test_ensure_leaves_remote_endpoints_alone():
    assert servers.ensure("gpt", "https://api.example.com/v1") is None


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_real_server_starts_answers_refuses_others_and_stops(outputs):
    port = servers.free_port()
    base = f"http://localhost:{port}/v1"
    server = servers.ensure("standin-superior", base)
    try:
        assert servers.ensure("standin-superior", base) is None, (
            "a running server is used, not started again"
        )
        listening = {
            c.laddr.ip for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"
        }
        assert listening == {"127.0.0.1"}
        with pytest.raises(servers.ServerError, match="does not serve standin-inferior"):
            servers.ensure("standin-inferior", base)
        status, text = servers._post(
            f"{base}/completions",
            {"model": server.model, "prompt": "2 + 2 =", "max_tokens": 3},
            timeout=60,
        )
        assert status == 200 and servers.json.loads(text)["choices"][0]["text"]
    finally:
        servers.release(server)
    deadline = time.monotonic() + 20
    while servers.is_alive(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not servers.is_alive(server)
    assert not os.path.exists(servers._memory(port))
