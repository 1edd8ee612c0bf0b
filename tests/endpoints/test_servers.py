import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from routerlib import progress
from routerlib.endpoints import addresses, engines, servers, standins
from routerlib.settings import SettingError


@pytest.fixture
def listener():
    """A port that something else listens on."""
    with socket.create_server((servers.HOST, 0)) as server:
        yield server.getsockname()[1]


def remember(port, process, model="m", **more):
    born = servers._born(psutil.Process(process.pid))
    server = servers.Server(
        model,
        port,
        "transformers",
        process.pid,
        born,
        "/dev/null",
        memory=str(servers._memory(port)),
        **more,
    )
    return servers._write(server)


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
    process, port = sleeper(), addresses.free_port()
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


def test_a_taken_port_is_a_sentence(outputs, listener):
    with pytest.raises(servers.ServerError, match=f"Port {listener} is taken by another program"):
        servers.serve("m", port=listener)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_a_sentence(outputs, port):
    with pytest.raises(SettingError, match=f"PORT is {port}; it is a number from 1 to 65535"):
        servers.serve("m", port=port)


def test_a_folder_that_is_not_there_starts_no_server(outputs):
    with pytest.raises(servers.ServerError, match="no folder /no-such-folder/model"):
        servers.serve("/no-such-folder/model", port=addresses.free_port())


def test_a_folder_without_a_model_starts_no_server(outputs, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(servers.ServerError, match=r"holds no model: there is no config.json"):
        servers.serve(str(tmp_path), port=addresses.free_port())


@pytest.mark.parametrize("model", ["standin-superiro", "my model/x y", "modèle", "", "../up"])
def test_a_name_that_no_model_can_have_starts_no_server(outputs, model):
    with pytest.raises(servers.ServerError, match=r"no hub id either.*standin-superior"):
        servers.serve(model, port=addresses.free_port())


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 5}, {"temperature": float("nan")}, {"timeout": float("nan")}, {"timeout": -1},
     {"timeout": 0.0},
     {"gpu_util": 7}, {"gpu_util": 0}, {"gpu_util": -0.5}, {"gpu_util": float("nan")},
     {"max_model_len": 0}],
)  # fmt: skip
def test_a_setting_out_of_range_starts_no_server(outputs, wrong):
    (name,) = wrong
    with pytest.raises(SettingError, match=f"{name.upper()} is {wrong[name]}"):
        servers.serve("m", port=addresses.free_port(), **wrong)


def test_a_server_that_another_process_is_starting_is_waited_for(outputs):
    """Between its start and its first answer nothing listens on its port; it is no less ours."""
    process, port, asked = sleeper(), addresses.free_port(), []

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
    (tmp_path / "no-model-in-it" / "config.json").write_text("{}")
    with pytest.raises(servers.ServerError, match=r"stopped while starting(.|\n)*no-model-in-it"):
        servers.serve(
            str(tmp_path / "no-model-in-it"), port=addresses.free_port(), engine="transformers"
        )


def test_stop_ends_our_server_and_forgets_it(outputs):
    process = sleeper()
    port = addresses.free_port()
    server = remember(port, process)
    assert servers.find(port) == server
    assert servers.stop(port)
    process.wait(timeout=15)
    assert servers.find(port) is None and not servers.stop(port)


def test_a_recycled_process_id_is_not_our_server(outputs):
    process, port = sleeper(), addresses.free_port()
    try:
        server = remember(port, process)
        stranger = servers.Server(
            "m", port, "transformers", process.pid, server.born - 100, "/dev/null"
        )
        servers._memory(port).write_text(json.dumps(servers.asdict(stranger)))
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
    process, port = sleeper(), addresses.free_port()
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
    port = addresses.free_port()
    servers._memory(port).write_text(text)
    assert servers.find(port) is None and not servers.stop(port)


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999/v1", "http://[::1/v1", 5])
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(
        servers.ServerError, match=re.escape(f"{address!r} is no address of a server")
    ):
        servers.ensure("m", address)


def test_ensure_says_how_to_start_a_server(outputs):
    port = addresses.free_port()
    with pytest.raises(
        servers.ServerError, match=f"routerlib serve --model org/model --port {port}"
    ):
        servers.ensure("org/model", f"http://localhost:{port}/v1")


def test_ensure_leaves_remote_endpoints_alone():
    place = servers.ensure("gpt", "https://api.example.com/v1")
    assert (place.base_url, place.server) == ("https://api.example.com/v1", None)


# --- who uses a server ---


class Model(BaseHTTPRequestHandler):
    """Answers for one model, as a local server does."""

    name = "standin-superior"

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"model": self.name, "choices": [{"text": "x"}]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def listening():
    """Starts servers of a handler; stops them in the end."""
    started = []

    def start(handler, host=servers.HOST, port=0):
        kind = type("Server", (ThreadingHTTPServer,), {})
        if ":" in host:
            kind.address_family = socket.AF_INET6
        server = kind((host, port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server.server_port

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fake_engine(outputs, monkeypatch, tmp_path):
    """Servers that start at once: a script that answers for the model it is given."""
    script = tmp_path / "engine.py"
    script.write_text(FAKE_ENGINE)

    def command(engine, model, host, port, max_model_len, gpu_util):
        return [sys.executable, str(script), model, host, str(port)]

    monkeypatch.setattr(engines, "command", command)
    monkeypatch.setattr(standins, "path", lambda name: tmp_path / name)
    monkeypatch.delenv(engines.CHOICE, raising=False)
    yield script
    for server in servers._all():
        if server.memory.startswith(str(tmp_path)):
            servers._stop_and_forget(server)
    servers._held.clear()


FAKE_ENGINE = """
import json, socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
model, host, port = sys.argv[1:]

class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"model": model, "choices": [{"text": "x"}]}).encode())

    def log_message(self, *_):
        pass

ThreadingHTTPServer.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
ThreadingHTTPServer((host, int(port)), Model).serve_forever()
"""

USER = """
import sys, time
from pathlib import Path
from routerlib.endpoints import engines, servers, standins
script, base, seconds = sys.argv[1:]
def command(engine, model, host, port, *_):
    return [sys.executable, script, model, host, str(port)]
engines.command = command
standins.path = lambda name: Path(script).parent / name
place = servers.ensure("standin-superior", base)
print(place.server.pid, flush=True)
time.sleep(float(seconds))
servers.release(place)
"""


def another_user(script, base, seconds, folder):
    """Another run, with an outputs folder of its own, that uses the stand-in for so long."""
    environment = os.environ | {"ROUTERLIB_OUTPUTS": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(script), base, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    for line in process.stdout:
        if line.strip().isdigit():
            return process, int(line)
    raise AssertionError("the other run found no server")


def gone(server, seconds=20):
    deadline = time.monotonic() + seconds
    while servers.is_alive(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not servers.is_alive(server)


def test_a_server_that_another_run_uses_is_not_stopped_under_it(fake_engine, tmp_path):
    base = f"http://localhost:{addresses.free_port()}/v1"
    place = servers.ensure("standin-superior", base)
    server = place.server
    other, pid = another_user(fake_engine, base, 3600, tmp_path / "theirs")
    assert pid == server.pid, "the other run shares the server"
    servers.release(place)
    assert servers.is_alive(server), "it was stopped under the other run"
    with pytest.raises(servers.ServerError, match=f"is used by process {other.pid} .*--force"):
        servers.stop(server.port)
    other.kill()
    other.wait()
    assert servers.stop(server.port) and gone(server), "its last user is gone"


def test_the_last_user_stops_it(fake_engine, tmp_path):
    base = f"http://localhost:{addresses.free_port()}/v1"
    first, second = (servers.ensure("standin-superior", base) for _ in range(2))
    server = first.server
    assert second.server.pid == server.pid
    servers.release(first)
    assert servers.is_alive(server), "held twice, let go once"
    servers.release(second)
    assert gone(server) and not servers._memory(server.port).exists()


def test_servers_that_begin_together_are_waited_for_one_by_one(fake_engine):
    names = ("standin-superior", "standin-inferior")
    bases = {name: f"http://localhost:{addresses.free_port()}/v1" for name in names}
    begun = []
    for name, base in bases.items():
        servers.begin(begun, name, base)
    assert all(servers.is_alive(place.server) for place in begun)
    places = [servers.ensure(name, base) for name, base in bases.items()]
    assert [place.server.pid for place in places] == [place.server.pid for place in begun]
    servers.release(*places)
    assert all(servers.is_alive(place.server) for place in begun), "who began them holds them yet"
    started = [place.server for place in begun]
    servers.release(*begun)
    assert all(gone(server) for server in started)


def test_nothing_begins_where_something_listens_or_will(fake_engine, listening):
    port = listening(Model)
    begun = []
    servers.begin(begun, "standin-superior", f"http://127.0.0.1:{port}/v1")
    servers.begin(begun, "standin-superior", "https://api.example.com/v1")
    assert [place.server for place in begun] == [None, None]
    base = f"http://127.0.0.1:{addresses.free_port()}/v1"
    servers.begin(begun, "standin-superior", base)
    servers.begin(begun, "standin-inferior", base)
    *_, first, second = begun
    assert first.server and second.server is None, "it is taken, if silent yet"
    servers.release(*begun)


@pytest.mark.usefixtures("heard_signals")
def test_a_signal_while_a_server_begins_leaves_none_that_nobody_knows(fake_engine, monkeypatch):
    begun, started = [], []
    launch = servers._launch

    def launch_and_be_told_to_end(*given):
        started.append(launch(*given))
        os.kill(os.getpid(), signal.SIGHUP)
        return started[0]

    monkeypatch.setattr(servers, "_launch", launch_and_be_told_to_end)
    base = f"http://127.0.0.1:{addresses.free_port()}/v1"
    with pytest.raises(progress.Terminated), progress.ended_by_signals():
        servers.begin(begun, "standin-superior", base)
    assert [place.server.pid for place in begun] == [server.pid for server in started]
    servers.release(*begun)
    assert gone(started[0])


def test_a_server_started_by_hand_stays(fake_engine):
    port = addresses.free_port()
    server = servers.serve("standin-superior", port=port)
    place = servers.ensure("standin-superior", f"http://localhost:{port}/v1")
    servers.release(place)
    assert servers.is_alive(server)
    assert servers.stop(port) and gone(server)


def test_an_engine_that_fails_at_its_first_request_is_told_with_its_log(fake_engine):
    fake_engine.write_text(
        FAKE_ENGINE.replace(
            "    def do_POST(self):",
            "    def do_POST(self):\n"
            "        print('a.b.CompileError: no compiler found', flush=True)\n"
            "        return self.send_error(500, 'see above')",
        )
    )
    with pytest.raises(servers.ServerError) as caught:
        servers.serve("standin-superior", port=addresses.free_port(), engine="transformers")
    told = str(caught.value)
    assert "refused a first request (500)" in told
    assert "The first error of its log" in told and told.endswith("no compiler found")


def test_a_server_whose_users_are_gone_is_used_and_then_stopped(fake_engine, tmp_path, capsys):
    base = f"http://localhost:{addresses.free_port()}/v1"
    other, pid = another_user(fake_engine, base, 3600, tmp_path / "theirs")
    other.kill()
    other.wait()
    place = servers.ensure("standin-superior", base)
    assert place.server.pid == pid and "earlier run has left" in capsys.readouterr().out
    server = place.server
    servers.release(place)
    assert gone(server)


def test_a_server_left_on_another_port_is_told_and_stopped(fake_engine, tmp_path, capsys):
    base = f"http://localhost:{addresses.free_port()}/v1"
    other, pid = another_user(fake_engine, base, 3600, tmp_path / "theirs")
    other.kill()
    other.wait()
    place = servers.ensure("standin-superior", f"http://localhost:{addresses.free_port()}/v1")
    assert place.server.pid != pid
    assert f"(process {pid}), which an earlier run has left" in capsys.readouterr().out
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    servers.release(place)


def test_who_loses_a_server_starts_it_again(fake_engine, capsys):
    base = f"http://localhost:{addresses.free_port()}/v1"
    place = servers.ensure("standin-superior", base)
    lost = place.server
    assert servers.revive(base) is None and place.server == lost, "nothing is lost yet"
    os.killpg(lost.pid, 9)
    assert gone(lost)
    assert servers.revive(base) is None
    assert "is gone; starting it again" in capsys.readouterr().out
    assert place.server.pid != lost.pid and servers.is_alive(place.server)
    server = place.server
    servers.release(place)
    assert gone(server)


def test_the_users_of_a_lost_server_use_the_new_one(fake_engine, tmp_path):
    base = f"http://localhost:{addresses.free_port()}/v1"
    place = servers.ensure("standin-superior", base)
    other, _ = another_user(fake_engine, base, 3600, tmp_path / "theirs")
    os.killpg(place.server.pid, 9)
    assert gone(place.server)
    assert servers.revive(base) is None
    server = place.server
    servers.release(place)
    assert servers.is_alive(server), "the other run uses it still"
    other.kill()
    other.wait()
    servers.stop(server.port)


def test_a_server_that_is_lost_again_and_again_is_told(fake_engine, monkeypatch):
    monkeypatch.setattr(servers, "RESTARTS", 1)
    base = f"http://localhost:{addresses.free_port()}/v1"
    place = servers.ensure("standin-superior", base)
    for _ in range(2):
        os.killpg(place.server.pid, 9)
        assert gone(place.server)
        told = servers.revive(base)
    assert "died" in told
    servers.release(place)


def test_only_what_we_may_start_is_started_again(outputs):
    process, port = sleeper(), addresses.free_port()
    remember(port, process)
    process.kill()
    process.wait()
    assert "died" in servers.revive(f"http://localhost:{port}/v1")


def test_a_server_is_not_stopped_while_another_program_uses_what_it_did_not_start(fake_engine):
    base = f"http://localhost:{addresses.free_port()}/v1"
    place = servers.ensure("standin-superior", base)
    server = place.server
    with servers.held(base):
        servers.release(place)
        assert servers.is_alive(server)
    assert gone(server)
    with servers.held(base), servers.held("https://api.example.com/v1"):
        pass  # nothing of ours is there


def test_two_starts_at_once_give_one_server(fake_engine):
    port, found = addresses.free_port(), []
    threads = [
        threading.Thread(target=lambda: found.append(servers.serve("standin-superior", port=port)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len({server.pid for server in found}) == 1
    servers.stop(port)


def test_a_start_that_another_process_gives_up_is_made_here(fake_engine, capsys):
    """Ctrl-C in the run that starts a server must not end the run that waits for it."""
    process, port = sleeper(), addresses.free_port()
    remember(port, process, model="standin-superior")

    def give_up():
        process.kill()
        process.wait()

    later = threading.Timer(0.5, give_up)
    later.start()
    server = servers.serve("standin-superior", port=port)
    later.join()
    assert server.pid != process.pid and servers.is_alive(server)
    assert "has stopped it; starting it here" in capsys.readouterr().out
    servers.stop(port)


def test_what_must_answer_later_is_asked_for_before_the_long_work(fake_engine, listening):
    port = addresses.free_port()
    nobody = f"http://127.0.0.1:{port}/v1"
    with pytest.raises(servers.ServerError, match="Nothing answers"):
        servers.expect("my-model", nobody)
    with pytest.raises(servers.ServerError, match="Something else"):
        page = OTHERS["a login page"]
        servers.expect("my-model", f"http://127.0.0.1:{listening(page)}/v1")
    servers.expect("standin-superior", nobody)  # it will be started
    servers.expect("gpt-4o", "https://api.example.com/v1")
    servers.expect("my-model", "")
    assert servers.find(port) is None, "nothing was started"


def test_a_process_that_ends_lets_go(fake_engine, tmp_path):
    base = f"http://localhost:{addresses.free_port()}/v1"
    code = USER.replace("servers.release(place)", "").replace("time.sleep", "float")
    done = subprocess.run(
        [sys.executable, "-c", code, str(fake_engine), base, "0"],
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(done.stdout.split()[-1])
    assert not psutil.pid_exists(pid)


# --- what listens there ---


def answering(status, body="", **headers):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    return Other


OTHERS = {
    "a hub that denies": answering(403),
    "a hub that sends to its login": answering(302, Location="/hub/login"),
    "a login page": answering(200, "<html>Please log in</html>"),
    "something that takes no POST": answering(405),
    "something broken": answering(500),
    "a server of JSON": answering(200, '{"status": "ok"}'),
    "another model": type("Another", (Model,), {"name": "llama-7b"}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_stand_in_takes_a_free_port_where_something_else_listens(
    fake_engine, listening, capsys, what
):
    port = listening(OTHERS[what])
    place = servers.ensure("standin-superior", f"http://127.0.0.1:{port}/v1")
    try:
        assert place.server.port != port and place.base_url == place.server.base_url
        said = capsys.readouterr().out
        assert f"Something else listens at http://127.0.0.1:{port}/v1" in said
        assert f"standin-superior answers at {place.base_url} instead" in said
        again = servers.ensure("standin-superior", f"http://127.0.0.1:{port}/v1")
        assert again.server.pid == place.server.pid, "one server is enough"
        servers.release(again)
    finally:
        servers.release(place)


def test_a_model_that_answers_there_is_used(fake_engine, listening):
    base = f"http://127.0.0.1:{listening(Model)}/v1"
    place = servers.ensure("standin-superior", base)
    assert (place.base_url, place.server) == (base, None)


def test_a_listener_that_never_answers_is_something_else(
    fake_engine, listener, monkeypatch, capsys
):
    monkeypatch.setattr(servers, "PATIENCE", 0.3)
    start = time.monotonic()
    place = servers.ensure("standin-superior", f"http://localhost:{listener}/v1")
    assert place.server.port != listener
    assert "a first request failed (timed out)" in capsys.readouterr().out
    assert time.monotonic() - start < 60, "a completion is not asked for"
    servers.release(place)


@pytest.mark.parametrize("what", ["a login page", "a hub that sends to its login"])
def test_a_page_is_no_model_of_the_users_either(outputs, listening, what):
    port = listening(OTHERS[what])
    with pytest.raises(servers.ServerError, match="Something else than a model's server listens"):
        servers.ensure("org/model", f"http://127.0.0.1:{port}/v1")


def test_whoever_has_another_tmpdir_waits_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(servers.tempfile, "tempdir", str(tmp_path))
    other = f"import fcntl, os; fcntl.flock(os.open({servers.EVERYBODYS!r}, os.O_RDONLY), 6)"
    with servers._alone():
        tried = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True)
    assert "BlockingIOError" in tried.stderr


def test_without_everybodys_folder_the_lock_is_on_that_of_temporary_files(monkeypatch):
    monkeypatch.setattr(servers, "EVERYBODYS", "/no/such/folder")
    with servers._alone():
        pass


def test_a_server_that_knows_chats_alone_is_a_models_server(fake_engine, listening):
    class ChatOnly(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"object": "list", "data": [{"id": "mine"}]}')

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b"404: Not Found")

        def log_message(self, *_):
            pass

    base = f"http://127.0.0.1:{listening(ChatOnly)}/v1"
    servers.expect("mine", base)
    assert servers.ensure("mine", base).base_url == base


def test_another_temperature_is_another_server(fake_engine, monkeypatch):
    """Of `transformers serve`, which keeps the sampling settings of its first request."""
    monkeypatch.setenv(engines.CHOICE, engines.TRANSFORMERS)
    base = f"http://127.0.0.1:{addresses.free_port()}/v1"
    cold, warm = servers.ensure("standin-superior", base, 0.2), None
    try:
        warm = servers.ensure("standin-superior", base, 0.9)
        assert warm.server.port != cold.server.port and warm.server.temperature == 0.9
    finally:
        servers.release(cold, warm)


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_the_sixth_version_of_here_is_asked_as_given(fake_engine, listening):
    port = listening(Model, host="::1")
    place = servers.ensure("standin-superior", f"http://[::1]:{port}/v1")
    assert place.server is None
    free = addresses.free_port("::1")
    place = servers.ensure("standin-superior", f"http://[::1]:{free}/v1")
    assert place.server.host == "::1" and addresses.is_listening("::1", free)
    servers.release(place)


def test_a_wrong_engine_is_told_before_a_stand_in_is_made(outputs, monkeypatch):
    """To make one takes a minute, the first time."""

    def made(_):
        raise AssertionError("a model was made")

    monkeypatch.setattr(servers.standins, "path", made)
    monkeypatch.setenv(engines.CHOICE, "nonsense")
    base = f"http://127.0.0.1:{addresses.free_port()}/v1"
    with pytest.raises(engines.EngineError, match="no engine 'nonsense'"):
        servers.begin([], "standin-inferior", base)
