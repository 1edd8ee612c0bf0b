"""A conversation as a prompt: what of it is asked, under which id, and the answer that a log has to
exactly that.

Used where prompts are cleaned (02) and asked (03), so that an answer that was paid for is not paid
for again. How a conversation comes out of a log is told in `logs`.
"""

from __future__ import annotations

from collections import Counter

from routerlib.rows.logs.logged_calls import UNKNOWN
from routerlib.rows.schemas import (
    Conversation,
    LoggedAnswer,
    OpenPrompt,
    Prompt,
    RowError,
    conversation_text,
)

NAMELESS = (UNKNOWN, "none", "")


def own_id(name: str, ids: Counter[str]) -> str:
    """The id, with a number behind it where another prompt has it too, as in a log of retries."""
    ids[name] += 1
    while ids[name] > 1:
        numbered = f"{name}-{ids[name]}"
        if not ids[numbered]:
            ids[numbered] += 1
            return numbered
        ids[name] += 1
    return name


def answer_to(prompt: Prompt, conversation: Conversation) -> LoggedAnswer | None:
    """The answer that the log has to exactly this prompt; None where the model had seen more, or
    less.

    It is the answer to the whole conversation; or the turn that follows the prompt, in data sets
    that name one model for all turns (a log names that of its last answer alone).
    """
    turns = conversation.conversation
    asked = 1 if isinstance(prompt, str) else len(prompt)
    if isinstance(prompt, str) and (turns[0].role != "user" or turns[0].content.strip() != prompt):
        return None  # something stood before it, such as a system message
    if len(turns) == asked:
        return conversation.logged
    following = turns[asked]
    is_answer = following.role == "assistant" and following.content.strip()
    is_named = conversation.logged is None and conversation.model not in NAMELESS
    if not (is_answer and is_named):
        return None
    return LoggedAnswer(full_response=following.content, model=conversation.model)


def as_open_prompt(conversation: Conversation) -> OpenPrompt:
    """A conversation up to its last user turn as 03 asks it, with the answer that a log has to it.

    Raises:
        RowError: no user says anything.
    """
    turns = conversation.conversation
    users = [place for place, turn in enumerate(turns) if turn.role == "user" and turn.content]
    if not users:
        raise RowError("no user says anything in it", "conversation")
    asked = turns[: users[-1] + 1]
    single = asked[0].content.strip() if len(asked) == 1 else None
    return OpenPrompt(
        unique_id=conversation.conversation_id,
        question=single or conversation_text(asked),
        category=conversation.category or "uncategorised",
        prompt=None if single else asked,
        answer=answer_to(single or asked, conversation),
    )
