"""What is put before an LLM judge: the question, the key, and answers that can only be read.

An answer may hold what its author hopes the judge will obey. Three doors are closed here: the
fence around it can't be known to it, the control tokens of chat templates lose their form (some
engines read them inside a message as the end of it), and characters that no person sees, in which
instructions can be hidden, are left out.
"""

from __future__ import annotations

import hashlib
import re

from routewright.types import Prompt

MAX_CHARS = 24_000  # of an answer; its start and its end are shown
CUT = "\n[… {count} characters are left out here …]\n"

_CONTROL_TOKEN = re.compile(
    r"<(?=[|｜▁])|(?<=[|｜▁])>"  # <|im_end|> and its like
    r"|<(?=/?(?:s|bos|eos|start_of_turn|end_of_turn|think|tool_call)>)|(?<=<)<(?=/?SYS)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and newline
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # empty spaces, annotation marks
    "\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\U000e0000-\U000e0fff]"  # tags and variants, a whole alphabet that is not drawn
)
VERSION = "\x00".join((str(MAX_CHARS), CUT, _CONTROL_TOKEN.pattern, _UNSEEN.pattern))
"""What decides how an answer is shown; part of a judge's version."""


def material(text: str) -> str:
    """An answer's text as a judge is shown it."""
    text = text.strip()
    if len(text) > MAX_CHARS:
        half = MAX_CHARS // 2
        text = text[:half] + CUT.format(count=len(text) - 2 * half) + text[-half:]
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    return _CONTROL_TOKEN.sub(lambda match: f" {match[0]} ", _UNSEEN.sub("", text)).strip()


def fence(*parts: str) -> str:
    """A marker line that no text can hold: it names a digest of them all."""
    digest = hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
    return f"=====ANSWER-{digest}====="


def question(prompt: Prompt) -> str:
    """The conversation; a single user turn stands without its role."""
    turns = [(message.role, message.text) for message in prompt.messages if message.text]
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in turns)
