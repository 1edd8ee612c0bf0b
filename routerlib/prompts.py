"""The texts we send: a question as a prompt, a conversation as one text.

Pure functions. What a model writes back is read by `extraction`.
"""

from __future__ import annotations

from routerlib.schemas import Message, Prompt


def as_messages(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt in the chat form of the OpenAI API: one user message, or the conversation as it is."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": message.role, "content": message.content} for message in map(_message, prompt)]


def as_text(prompt: Prompt) -> str:
    """A prompt as one text for an encoder: a single prompt as it is, a conversation with its roles marked.

    A conversation of one user turn equals the single prompt, so both score the same.
    """
    if isinstance(prompt, str):
        return prompt
    messages = [_message(message) for message in prompt]
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)


def _message(message: Message | dict) -> Message:
    return message if isinstance(message, Message) else Message.model_validate(message)
