"""The causal LLM behind an OpenAI-compatible endpoint: its likely tokens, or its words.

Each model is one call. All calls of a question start with the same text, so that a server with
a prefix cache (vLLM, llama.cpp, the large providers) reads the question once.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import UpstreamError
from routewright.routers.causal.backends import Asked
from routewright.routers.causal.http import Endpoint
from routewright.routers.causal.scoring import scale_of
from routewright.routers.causal.settings import Calling
from routewright.routers.causal.template import Template
from routewright.types import json_object

Floats = NDArray[np.float64]

_BYTES_PER_TOKEN = 3  # of UTF-8: on the safe side, for the endpoint's tokenizer is unknown
_LEAST = 1e-9  # probability of what is all but impossible
_ROLE = "Reply with the mark alone: one digit, no other word."
_SPACES = " \t\n▁Ġ"  # the last two are how tokenizers write a space before a word


class EndpointModel(ABC):
    """What endpoints have in common; ``logprobs`` and ``text`` differ in what they read.

    Args:
        endpoint: where.
        template: the prompt.
        calling: how.
        max_tokens: of a prompt, by a rule of thumb.
        input_usd_per_mtok: price of a million tokens read.
        output_usd_per_mtok: price of a million tokens written.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        template: Template,
        calling: Calling,
        *,
        max_tokens: int,
        input_usd_per_mtok: float = 0.0,
        output_usd_per_mtok: float = 0.0,
    ) -> None:
        self.endpoint, self.template, self.calling = endpoint, template, calling
        self.scale = scale_of(template.scale)
        self._room = max_tokens - max(_tokens(line) for line in template.lines)
        self._usd = np.array([input_usd_per_mtok, output_usd_per_mtok]) / 1e6

    def ask(self, question: str) -> Asked:
        """The marks of every model for one question; see ``Backend``."""
        shared = self.template.fitted(question, self._room, _tokens)
        rows: list[Floats] = []
        usd = 0.0
        for line in self.template.lines:
            answer = self.endpoint.post(self._body(shared + line))
            rows.append(self._row(_choice(answer)))
            usd += float(_usage(answer) @ self._usd)
        return Asked(np.array(rows), usd)

    def ask_all(self, questions: list[str]) -> list[Asked]:
        """Several questions, ``calling.parallel`` at a time; those of one model take turns."""
        with ThreadPoolExecutor(self.calling.parallel) as pool:
            return list(pool.map(self.ask, questions))

    def _body(self, text: str) -> dict[str, Any]:
        told: dict[str, Any] = {"model": self.calling.model, "temperature": 0, "stream": False}
        if self.endpoint.chat:
            turns = [{"role": "system", "content": _ROLE}, {"role": "user", "content": text}]
            return told | {"messages": turns}
        return told | {"prompt": text}

    @abstractmethod
    def _row(self, choice: Mapping[str, Any]) -> Floats:
        """Probabilities of the labels in one answer; NaN where it holds none."""


class LogprobModel(EndpointModel):
    """Reads the labels among the likely first tokens of the answer.

    A label that is not among them gets the most it can have: what is left of the mass shared by
    the missing labels, but no more than the least likely token that was listed. An answer
    without any label is unusable.
    """

    def _body(self, text: str) -> dict[str, Any]:
        wanted = self.calling.top
        asked = {"logprobs": True, "top_logprobs": wanted}
        asked = asked if self.endpoint.chat else {"logprobs": wanted}
        return super()._body(text) | asked | {"max_tokens": 1}

    def _row(self, choice: Mapping[str, Any]) -> Floats:
        mass = np.zeros(len(self.scale.labels))
        likely = _likely(choice)
        for token, logprob in likely:
            if (plain := token.strip(_SPACES)) in self.scale.labels:
                mass[self.scale.labels.index(plain)] += np.exp(min(logprob, 0.0))
        if not mass.any():
            return np.full(len(mass), np.nan)
        listed = np.exp([min(logprob, 0.0) for _, logprob in likely])
        missing = mass == 0
        left = max(1 - float(listed.sum()), _LEAST) / max(int(missing.sum()), 1)
        return np.log(np.where(missing, min(left, float(listed.min())), mass).clip(_LEAST))


class TextModel(EndpointModel):
    """Reads the first digit of the answer; one that is no label, or none, is unusable."""

    def _body(self, text: str) -> dict[str, Any]:
        return super()._body(text) | {"max_tokens": self.calling.answer_tokens}

    def _row(self, choice: Mapping[str, Any]) -> Floats:
        message = json_object(choice.get("message"))
        told = choice.get("text") if message is None else message.get("content")
        digit = re.search(r"[0-9]", told) if isinstance(told, str) else None
        if digit is None or digit.group() not in self.scale.labels:
            return np.full(len(self.scale.labels), np.nan)
        sure = np.full(len(self.scale.labels), -np.inf)
        sure[self.scale.labels.index(digit.group())] = 0.0
        return sure


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices: Any = answer.get("choices")
    try:
        first = json_object(choices[0])
    except (TypeError, KeyError, IndexError):
        first = None
    if first is None:
        raise UpstreamError("the causal LLM's endpoint gave no choices; is it OpenAI-compatible?")
    return first


def _usage(answer: dict[str, Any]) -> Floats:
    """Tokens read and written, as the endpoint counted them (2,)."""
    usage = json_object(answer.get("usage")) or {}
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    return np.array([float(c) if isinstance(c, int) else 0.0 for c in counts])


def _likely(choice: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The first position's likely tokens, in the shape of chat or of older completions."""
    told: Any = choice.get("logprobs")
    try:
        if "content" in told:
            if not told["content"]:  # the answer ended at once
                return []
            return [(t["token"], float(t["logprob"])) for t in told["content"][0]["top_logprobs"]]
        return [(token, float(value)) for token, value in told["top_logprobs"][0].items()]
    except (TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
        raise UpstreamError(
            "the causal LLM's endpoint gave no token log-probabilities; use a server that does "
            "(vLLM, llama.cpp), or backend='text'"
        ) from error
