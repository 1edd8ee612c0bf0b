"""Who answers a request: names, the catalogue, and what of a conversation the router reads."""

import pytest

from routerlib.serving import switchboard
from routerlib.serving.switchboard import Backend, BackendError, RequestError
from routerlib.settings import SettingError

HERE = "http://127.0.0.1:1/v1"


@pytest.fixture(scope="module")
def board(router):
    return switchboard.switchboard(router, HERE, HERE, fallback=True)


def test_messages_of_parts_and_tool_calls_are_read():
    call = {"id": "t", "type": "function", "function": {"name": "look_up", "arguments": '{"x": 1}'}}
    messages = switchboard.conversation(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "What is"}, {"type": "image_url"}],
                },
                {"role": "assistant", "content": None, "tool_calls": [call]},
            ]
        }
    )
    assert [message.content for message in messages] == [
        "What is\n[image_url]",
        '[calls look_up({"x": 1})]',
    ]


def test_tool_calls_of_any_form_are_read():
    calls = [3, {"function": 3}, {"function": {}}, {}]
    [message] = switchboard.conversation(
        {"messages": [{"role": "assistant", "content": "", "tool_calls": calls}]}
    )
    assert message.content == "\n".join(["[calls None(None)]"] * 4)


@pytest.mark.parametrize(
    "messages",
    [None, [], ["hi"], [{"content": "hi"}], [{"role": "user", "content": 3}],
     [{"role": "assistant", "content": "", "tool_calls": 3}]],
)  # fmt: skip
def test_messages_of_another_form_are_refused_with_a_sentence(messages):
    with pytest.raises(RequestError, match="messages"):
        switchboard.conversation({"messages": messages})


def test_the_name_of_a_model_is_one_text():
    with pytest.raises(SettingError, match=r"The name of the model at .* is \['a', 'b'\]"):
        Backend(HERE, ["a", "b"])


def test_the_catalogue_names_what_can_be_asked_for(board, router):
    names = [model["id"] for model in board.catalogue()["data"]]
    assert names == ["router", "small", "large"]
    assert board.catalogue("large")["id"] == "large"
    with pytest.raises(RequestError, match="no model 'gpt-9' here") as caught:
        board.catalogue("gpt-9")
    assert caught.value.status == 404
    same = switchboard.switchboard(router, Backend(HERE, "a/b"), Backend(HERE, "a/b"))
    assert [model["id"] for model in same.catalogue()["data"]] == ["router", "a/b"]


def test_a_plan_asks_the_chosen_model_first_and_the_other_one_only_with_fallback(board, router):
    for p, first, second in ((0.2, "small", "large"), (0.9, "large", "small")):
        plan = board.plan(board.decide(p, {}))
        assert [target.model for target in plan.targets] == [first, second]
        alone = switchboard.switchboard(router, HERE, HERE)
        assert [target.model for target in alone.plan(board.decide(p, {})).targets] == [first]


def test_a_model_without_a_name_is_told():
    for name in (None, ""):
        with pytest.raises(BackendError, match="give its name as well"):
            Backend(HERE, name)


AZURE = "http://127.0.0.1:1/openai/deployments/m/?api-version=2024-10-21"


def test_a_query_in_an_address_stays_behind_the_path():
    azure = Backend(AZURE, "m", "k-1")
    assert azure.url("chat/completions") == (
        "http://127.0.0.1:1/openai/deployments/m/chat/completions?api-version=2024-10-21"
    )
    assert azure.headers() == {"authorization": "Bearer k-1", "api-key": "k-1"}
    plain = Backend(f"{HERE}/", "m", "k-1")
    assert plain.url("/models") == f"{HERE}/models" and plain.url() == HERE
    assert plain.headers() == {"authorization": "Bearer k-1"}
    assert Backend(HERE, "m").headers() == {}


@pytest.mark.parametrize("text", ["0", "1", "0.0", " 0.5 "])
def test_both_ends_are_thresholds_of_a_request(board, text):
    assert board.threshold_for({switchboard.THRESHOLD_HEADER: text}) == float(text)


@pytest.mark.parametrize("text", ["-0.01", "1.01", "nan", "", "much"])
def test_what_lies_beyond_them_is_none(board, text):
    with pytest.raises(RequestError, match="number from 0 to 1"):
        board.threshold_for({switchboard.THRESHOLD_HEADER: text})
