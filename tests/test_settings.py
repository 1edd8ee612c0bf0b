"""Settings: paths start from the project's root, and what a setting may be comes back; else it is
one sentence."""

import importlib.util
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from tiny_encoder import tiny_encoder
from watching import Watch

from routerlib import settings


def test_a_relative_outputs_folder_is_the_same_from_everywhere(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path / "project")
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", "elsewhere")
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "notebooks")
    path = settings.outputs("graded", "a.jsonl")
    assert (
        path == tmp_path / "project" / "elsewhere" / "graded" / "a.jsonl" and path.parent.is_dir()
    )


def test_outputs_lie_in_the_project_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.delenv("ROUTERLIB_OUTPUTS", raising=False)
    assert settings.outputs("datasets") == tmp_path / "outputs" / "datasets"


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, float("nan"), [1]])
def test_what_is_no_whole_number_above_nought_is_named(value):
    with pytest.raises(settings.SettingError) as error:
        settings.whole("SAMPLES", value)
    assert str(error.value) == f"SAMPLES is {value!r}; it is a whole number above 0."


@pytest.mark.parametrize("value", [0, -1, 65536, True, 80.0, "80", None])
def test_what_is_no_port_is_named(value):
    with pytest.raises(settings.SettingError) as error:
        settings.port("PORT", value)
    assert str(error.value) == f"PORT is {value!r}; it is a number from 1 to 65535."


def test_a_port_may_be_any_that_is_free_where_that_is_said():
    assert settings.port("PORT", 0, least=0) == 0 and settings.port("PORT", 65535) == 65535


def test_whole_numbers_come_back_numpys_as_well():
    assert settings.whole("N", 10**30) == 10**30 and settings.whole("N", np.int64(3)) == 3
    assert settings.seed(0) == 0 and settings.seed(2**40) == 2**40


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", None, False, float("nan"), float("inf")])
def test_what_is_no_number_in_its_bounds_is_named(value):
    with pytest.raises(settings.SettingError) as error:
        settings.number("THRESHOLD", value, most=1)
    assert str(error.value) == f"THRESHOLD is {value!r}; it lies between 0 and 1."


def test_numbers_come_back():
    assert settings.number("PRICE", 3) == 3.0 and settings.number("PRICE", np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", ["", "  ", None, 5, ["m"]])
def test_what_is_no_text_is_named(value):
    with pytest.raises(settings.SettingError, match=r"MODEL is .*; it is a text, and not empty"):
        settings.text("MODEL", value)


def test_names_stand_in_a_list_or_between_commas():
    assert settings.names(" a, b,,c ") == settings.names(["a", " b", "c"]) == ["a", "b", "c"]
    assert settings.names("") == settings.names(None) == settings.names([]) == []


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "free", None, True])
def test_a_price_is_an_amount_per_million_tokens(value):
    assert settings.price("PRICE_IN", 0) == 0.0 and settings.price("PRICE_IN", 2.5) == 2.5
    with pytest.raises(
        settings.SettingError,
        match=r"PRICE_IN is .*; it is an amount per million tokens, 0 or more",
    ):
        settings.price("PRICE_IN", value)


# --- .env and the vaults ---


@pytest.fixture
def env_file(tmp_path, monkeypatch):
    """Where `.env` is read from; the names that tests set in it are unset elsewhere, before and
    after."""
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.setattr(settings, "_from_file", {})
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("A_KEY", "B_KEY"):
        os.environ.pop(name, None)
    return tmp_path / ".env"


@pytest.mark.parametrize(
    "content",
    [
        "A_KEY=köy\nB_KEY=b\n".encode(),
        "\ufeffA_KEY=köy\r\nB_KEY=b".encode(),
        "A_KEY=köy\r\nB_KEY=b\r\n".encode("utf-16"),
        "\ufeffA_KEY=köy\r\nB_KEY=b\r\n".encode("utf-16-be"),
        "A_KEY=köy\r\nB_KEY=b\r\n".encode("utf-16-le"),
        "A_KEY=köy\nB_KEY=b\n".encode("utf-16-be"),
        "export A_KEY='köy'  # mine\nB_KEY = \"b\"\n".encode(),
        "A_KEY='\"köy\"'\nB_KEY=“b”\n".encode(),
        "A_KEY=\nA_KEY=köy\nB_KEY\nB_KEY=b\n".encode(),
    ],
)
def test_env_is_read_as_people_write_it(env_file, content):
    env_file.write_bytes(content)
    assert (settings.key("A_KEY"), settings.key("B_KEY")) == ("köy", "b")


@pytest.mark.parametrize("value", ['"sk-1"', "'sk-1'", " sk-1 ", '" sk-1 "', "sk-1"])
def test_quotes_that_other_tools_have_left_in_the_environment_are_no_part_of_a_key(
    env_file, monkeypatch, value
):
    monkeypatch.setenv("A_KEY", value)
    assert settings.key("A_KEY") == "sk-1"


def test_an_apostrophe_within_a_value_stays(env_file, monkeypatch):
    monkeypatch.setenv("A_KEY", "it's")
    assert settings.variable("A_KEY") == "it's"


@pytest.mark.parametrize(
    "content,words",
    [
        (b"A_KEY=a\nB_KEY=\xff\xfe\xe4\n", r"\.env, line 2: this is no text in UTF-8"),
        (b"# mine\nsecret words here\nA_KEY=a\n", r"\.env, line 2: expected NAME=value"),
    ],
)
def test_an_env_that_cannot_be_read_is_named_with_its_line_and_without_its_words(
    env_file, content, words
):
    env_file.write_bytes(content)
    with pytest.raises(settings.SettingError, match=words) as error:
        settings.key("A_KEY")
    assert "secret" not in str(error.value)


def test_a_folder_named_env_is_no_env_file(env_file):
    env_file.mkdir()
    assert settings.key("A_KEY", required=False) is None


def test_a_named_pipe_is_read_once_as_password_managers_fill_it(env_file):
    os.mkfifo(env_file)
    fill = threading.Thread(target=env_file.write_text, args=("A_KEY=piped\n",))
    fill.start()
    assert settings.key("A_KEY") == "piped"
    fill.join()
    assert settings.key("A_KEY") == "piped" and settings.key("B_KEY", required=False) is None


def test_a_named_pipe_that_nobody_fills_is_told(env_file, monkeypatch):
    monkeypatch.setattr(settings, "PIPE_PATIENCE", 0.1)
    os.mkfifo(env_file)
    with pytest.raises(settings.SettingError, match=r"\.env cannot be read: it is a named pipe"):
        settings.key("A_KEY")


def test_the_environment_wins_and_an_edited_file_is_read_again(env_file, monkeypatch):
    monkeypatch.setenv("B_KEY", "shell")
    env_file.write_text("A_KEY=first\nB_KEY=file\n")
    assert (settings.key("A_KEY"), settings.key("B_KEY")) == ("first", "shell")
    env_file.write_text("A_KEY=second\n")
    assert settings.key("A_KEY") == "second"


def test_importing_settings_reads_and_changes_nothing(tmp_path):
    code = (
        "import os; before = dict(os.environ); from routerlib import settings; "
        "assert dict(os.environ) == before and not settings._from_file"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
@pytest.mark.parametrize(
    "ready",
    ["routerlib.settings as made; made.prepare()", "routerlib.training.encoders as e; e.quiet()"],
)
def test_idle_threads_sleep_unless_told_otherwise(ready, given, found):
    ours = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    told = "os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT')"
    code = f"import os, {ready}; print({told})"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    spins = None if given else settings.SPINS
    assert done.stdout.splitlines()[-1] == f"{found} {spins}"


class Vault(types.SimpleNamespace):
    """A module that stands for a platform's own."""


def failing(kind):
    def get(name):
        raise kind(f"Requesting secret {name} timed out.")

    return get


@pytest.mark.parametrize(
    "vault,value",
    [
        (Vault(userdata=Vault(get=lambda name: "colab-1")), "colab-1"),
        (Vault(userdata=Vault(get=lambda name: None)), None),
        (Vault(userdata=Vault(get=failing(TimeoutError))), None),
        (Vault(userdata=Vault(get=failing(type("TimeoutException", (Exception,), {})))), None),
        (Vault(), None),
    ],
)
def test_colabs_vault_gives_a_secret_or_it_is_not_set(env_file, monkeypatch, vault, value):
    monkeypatch.setitem(sys.modules, "google.colab", vault)
    assert settings.key("A_KEY", required=False) == value
    if value is None:
        with pytest.raises(settings.MissingKey, match=r"A_KEY is not set.*under Secrets"):
            settings.key("A_KEY")


def test_a_vault_that_is_slow_to_refuse_is_asked_again_only_for_what_is_required(
    env_file, monkeypatch
):
    asked = []

    def get(name):
        asked.append(name)
        raise TimeoutError

    monkeypatch.setattr(settings, "_refused", set())
    monkeypatch.setitem(sys.modules, "google.colab", Vault(userdata=Vault(get=get)))
    assert settings.key("A_KEY", required=False) is settings.key("A_KEY", required=False) is None
    assert len(asked) == 2, "who refuses at once may be asked at each time"
    monkeypatch.setattr(settings, "SLOW", -1.0)
    assert settings.key("A_KEY", required=False) is settings.key("A_KEY", required=False) is None
    assert len(asked) == 3
    with pytest.raises(settings.MissingKey):
        settings.key("A_KEY")
    assert asked == ["A_KEY"] * 4


@pytest.mark.parametrize(
    "value", ["sk-a1\n", "\ufeffsk-a1", "sk-a1\u200b", " 'sk-a1'\r\n", "\u00a0sk-a1"]
)
def test_what_copying_leaves_around_a_secret_is_no_part_of_it(env_file, monkeypatch, value):
    vault = types.SimpleNamespace(get=lambda name: value)
    colab = types.ModuleType("google.colab")
    colab.userdata = vault
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert settings.key("A_SECRET") == "sk-a1"
    monkeypatch.setenv("A_SECRET", value)
    assert settings.variable("A_SECRET") == "sk-a1"


def test_kaggles_vault_is_asked_on_kaggle(env_file, monkeypatch):
    monkeypatch.setitem(
        sys.modules,
        "kaggle_secrets",
        Vault(UserSecretsClient=lambda: Vault(get_secret=lambda name: f"kaggle-{name}")),
    )
    assert settings.key("A_KEY", required=False) is None
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert settings.key("A_KEY") == "kaggle-A_KEY"


# --- nothing reports, nothing outside need be writable ---


@pytest.mark.parametrize("home", ["fresh", "/proc"])
def test_scoring_with_an_encoder_looks_nothing_up_and_leaves_home_alone(tmp_path, home):
    folder = tiny_encoder(tmp_path / "encoder")
    code = (
        "import sys; from routerlib import settings; settings.prepare(); "
        "from routerlib.training.encoders import SentenceEncoder; "
        "print(SentenceEncoder(sys.argv[1]).embed(['a b']).shape, 'openvino' in sys.modules)"
    )
    place = tmp_path / "home" if home == "fresh" else Path(home)
    place.mkdir(exist_ok=True)
    watch = Watch(tmp_path / "watch")
    more = {"HOME": str(place), "ROUTERLIB_OUTPUTS": str(tmp_path / "outputs")}
    kept = {name: value for name, value in os.environ.items() if name not in settings.NO_REPORTS}
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        env=kept | watch.environment(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    if importlib.util.find_spec("openvino"):
        assert done.stdout.strip().endswith("True"), "the check is about OpenVINO: it must have run"
    assert watch.lookups() == set()
    asked = {str(place), *(path for path in watch.written() if "/routerlib-" in path)}
    assert watch.written(tmp_path / "outputs") - asked == set(), (
        "asking whether HOME can be written"
    )

    assert "openvino_telemetry" not in done.stderr


def test_the_command_that_serves_models_asks_for_no_newer_version(tmp_path):
    watch = Watch(tmp_path / "watch")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-m", "transformers.cli.transformers", "version"],
        env=kept | settings.NO_REPORTS | watch.environment(HF_HOME=str(tmp_path / "hub")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The hub is where its models come from; a model that is a folder is served with HF_HUB_OFFLINE.
    assert watch.lookups() <= {"huggingface.co"}


def test_whoever_has_set_a_switch_otherwise_is_obeyed(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["VLLM_NO_USAGE_STATS"] = "0"
    os.environ.pop("RAY_USAGE_STATS_ENABLED", None)
    settings.report_nothing()
    assert os.environ["VLLM_NO_USAGE_STATS"] == "0"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_caches_move_to_outputs_only_where_home_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path / "outputs"))
    for name in settings.CACHES:
        os.environ.pop(name, None)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings.prepare()
    assert not set(settings.CACHES) & set(os.environ)
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    settings.prepare()
    assert os.environ["HF_HOME"] == str(tmp_path / "outputs" / "cache" / "huggingface")
    assert os.environ["MPLCONFIGDIR"] == "mine"


def test_temporary_files_move_to_outputs_only_where_no_usual_folder_takes_any(outputs):
    code = (
        "import tempfile; from routerlib import settings; "
        "tempfile._candidate_tempdir_list = lambda: {names}; "
        "settings.prepare(); import os; print(os.environ.get('TMPDIR', 'as it was'))"
    )

    def found(names):
        done = subprocess.run(
            [sys.executable, "-c", code.format(names=names)],
            env={name: value for name, value in os.environ.items() if name != "TMPDIR"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert found(["/proc"]) == str(outputs / "cache" / "temporary")
    assert found([str(outputs.parent)]) == "as it was"


def test_without_shared_memory_joblib_is_told_not_to_try(monkeypatch, tmp_path):
    monkeypatch.delenv("JOBLIB_MULTIPROCESSING", raising=False)
    monkeypatch.setattr(settings, "SHARED_MEMORY", str(tmp_path))
    settings.keep_temporary_files()
    assert "JOBLIB_MULTIPROCESSING" not in os.environ
    monkeypatch.setenv("JOBLIB_MULTIPROCESSING", "")  # so that it is taken back
    monkeypatch.delenv("JOBLIB_MULTIPROCESSING")
    monkeypatch.setattr(settings, "SHARED_MEMORY", "/proc")
    settings.keep_temporary_files()
    assert os.environ.pop("JOBLIB_MULTIPROCESSING") == "0"


def test_a_pipe_and_a_device_can_be_no_input(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    for path in (tmp_path, tmp_path / "file", tmp_path / "none", tmp_path / "gone"):
        assert settings.refusal_of_pipe(path) == ""
    for path in (tmp_path / "pipe", Path("/dev/null")):
        assert "write its content to a file" in settings.refusal_of_pipe(path)


def test_streams_that_are_closed_are_opened_onto_nowhere_for_children_too(tmp_path):
    (tmp_path / "child.py").write_text(
        "import os, sys; print('seen', file=sys.stderr); print('unseen', flush=True)\n"
        "assert sys.stdin.read() == '' and os.path.samefile('/dev/null', '/proc/self/fd/1')\n"
    )
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys; from routerlib import settings; settings.prepare()\n"
        "print('unseen', flush=True); file = open(__file__); assert file.fileno() > 2\n"
        f"sys.exit(subprocess.call([sys.executable, {str(tmp_path / 'child.py')!r}]))\n"
    )
    shell = f"{sys.executable} {tmp_path / 'parent.py'} <&- >&-"
    done = subprocess.run(
        ["bash", "-c", shell],
        env=os.environ | {"PYTHONPATH": str(settings.PACKAGE.parent)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "seen\n")


def test_a_shells_low_number_of_open_files_is_raised():
    code = (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)); "
        "from routerlib import settings; settings.prepare(); "
        "print(settings.open_files_allowed() == min(hard, 4096))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


# --- packages of a notebook's platform ---


def test_missing_packages_are_told_with_the_line_that_installs_them(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text(
        "# a comment\nnumpy>=1  # is there\nno-such-thing[x]>=2,<3; python_version > '3'  # why\n"
        "other-thing; python_version < '3'\ntorch==1.2.*\n\n--option\n-c held.txt\n./a/path\n"
    )
    missing, other = settings.packages_that_differ()
    assert missing == ["no-such-thing[x]<3,>=2"]
    (torch,) = other
    assert torch.startswith("torch 2") and torch.endswith("(==1.2.*)")
    with pytest.raises(settings.MissingPackages, match=r'%pip install "no-such-thing\[x\]<3,>=2"$'):
        settings.prepare_notebook()


def test_other_versions_are_told_and_used(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("torch==1.2.*\n")
    settings.prepare_notebook()
    assert "Other versions than the tests pass with: torch 2" in capsys.readouterr().out
