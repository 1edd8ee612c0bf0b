"""A conversation as a prompt: what of it is asked, under which id, and the answer that a log has to
exactly that.

Used where prompts are cleaned (02) and asked (03), so that an answer that was paid for is not paid
for again. How a conversation comes out of a log is told in `logs`.
"""

from __future__ import annotations

import hashlib

import numpy as np

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


class OwnIds:
    """Gives each prompt an id of its own: that of its row, with a number behind it where an earlier
    prompt has it too, as in a log of retries.

    Of an id that was given out, a 64-bit hash is kept, in a table with open addressing: 12 to 24
    bytes each, less than a set of texts takes. Of ten million ids, two share a hash once in 400,000
    times; the later one would get a number that it does not need.
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(1024, dtype=np.uint64)  # its size a power of 2; 0: nothing there
        self._count = 0
        self._numbers: dict[str, int] = {}  # behind names that have come more than once

    def own_id(self, name: str) -> str:
        """The id of the next prompt, whose row has this one."""
        if self._give_out(name):
            return name
        number = self._numbers.get(name, 1) + 1
        while not self._give_out(f"{name}-{number}"):
            number += 1
        self._numbers[name] = number
        return f"{name}-{number}"

    def _give_out(self, name: str) -> bool:
        """Note an id as given out; False where it was before."""
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
        mark = int.from_bytes(digest, "little") or 1
        last = len(self._hashes) - 1
        place = mark & last
        while there := int(self._hashes[place]):
            if there == mark:
                return False
            place = (place + 1) & last
        self._hashes[place] = mark
        self._count += 1
        if 3 * self._count > 2 * len(self._hashes):
            self._double()
        return True

    def _double(self) -> None:
        left = self._hashes[np.flatnonzero(self._hashes)]
        table = np.zeros(2 * len(self._hashes), dtype=np.uint64)
        last = np.uint64(len(table) - 1)
        places = left & last
        while len(left):
            free = np.flatnonzero(table[places] == 0)
            table[places[free]] = left[free]
            again = np.flatnonzero(table[places] != left)  # another one has taken the place
            left, places = left[again], (places[again] + np.uint64(1)) & last
        self._hashes = table


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
