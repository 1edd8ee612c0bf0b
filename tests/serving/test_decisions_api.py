"""The decision alone, asked for by the openai SDK and by raw requests."""

import json

import httpx2
import openai
import pytest
from small_router import HARD

CHOICE = {"type": "choice", "name": "route", "instructions": "Which model?"}
CHOICE |= {"choices": [{"value": "inferior"}, {"value": "superior"}]}


def test_decides_for_the_openai_sdk(client):
    questions = [
        CHOICE,
        {
            "type": "predicate",
            "name": "superior",
            "instructions": "Only the superior model will do.",
        },
    ]
    decision = client.decisions.create(model="router", input=HARD, questions=questions)
    choice, predicate = decision.answers
    assert (choice.choice, choice.name) == ("superior", "route")
    assert [share.value for share in choice.probabilities] == ["inferior", "superior"]
    assert sum(share.probability for share in choice.probabilities) == pytest.approx(1)
    assert predicate.probability == choice.probabilities[1].probability
    assert choice.confidence == pytest.approx(2 * predicate.probability - 1)
    assert decision.model == "small-tfidf"


def test_decides_by_label_by_name_and_for_conversations(client):
    by_label = {
        **CHOICE,
        "choices": [{"value": "ROUTE_TO_SUPERIOR"}, {"value": "ROUTE_TO_INFERIOR"}],
    }
    by_name = {**CHOICE, "choices": [{"value": "small"}, {"value": "large"}]}
    turns = [
        {"role": "user", "content": HARD},
        {"role": "assistant", "content": [{"type": "output_text", "text": "First …"}]},
        {"type": "function_call", "call_id": "1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "the theorem"},
        {"role": "user", "content": "Do it again, but shorter."},
    ]
    decision = client.decisions.create(model="router", input=turns, questions=[by_label, by_name])
    assert [answer.choice for answer in decision.answers] == ["ROUTE_TO_SUPERIOR", "large"]
    alone = client.decisions.create(model="router", input=turns[-1]["content"], questions=[CHOICE])
    assert alone.answers[0].choice == "inferior"


def test_refuses_questions_that_a_router_cannot_answer(client):
    angry = {"type": "predicate", "name": "angry", "instructions": "Is the writer angry?"}
    other = {**CHOICE, "choices": [{"value": "billing"}, {"value": "support"}]}
    scale = {
        "type": "score",
        "instructions": "How hard?",
        "levels": [{"label": "low"}, {"label": "high"}],
    }
    decision = client.decisions.create(
        model="router", input=HARD, questions=[angry, other, scale, CHOICE]
    )
    assert [answer.type for answer in decision.answers] == [
        "refusal",
        "refusal",
        "refusal",
        "choice",
    ]
    assert "one question" in decision.answers[0].reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"questions": []}, "1 to 400"),
        ({"questions": [{"type": "box"}]}, "questions\\[0\\].type"),
        ({"questions": [{"type": "choice"}]}, "questions\\[0\\].choices"),
        ({"input": ""}, "`input`"),
        ({"model": "jev"}, "no decision model 'jev'"),
    ],
)
def test_decision_requests_that_do_not_fit_are_refused(client, change, said):
    with pytest.raises(openai.APIStatusError, match=said):
        client.decisions.create(
            **({"model": "router", "input": HARD, "questions": [CHOICE]} | change)
        )


@pytest.mark.parametrize(
    "input",
    ["a \ud800 b", "\0", "<script>alert(1)</script>", "\u202eשלום", "x" * 1_000_000],
    ids=ascii,
)
def test_any_text_is_decided(server, input):
    predicate = {"type": "predicate", "name": "\ud800"}
    asked = {"model": "router", "input": input, "questions": [CHOICE, predicate]}
    headers = {"content-type": "application/json"}
    response = httpx2.post(f"{server.url}/decisions", content=json.dumps(asked), headers=headers)
    assert response.status_code == 200
    assert response.json()["answers"][0]["choice"] in ("inferior", "superior")


@pytest.mark.parametrize(
    "input", [3, [3], [{"type": "function_call_output", "output": 3}], [{"role": "user"}, []]]
)
def test_an_input_of_another_form_is_refused(server, input):
    response = httpx2.post(
        f"{server.url}/decisions", json={"model": "router", "input": input, "questions": [CHOICE]}
    )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
