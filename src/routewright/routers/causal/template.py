"""The prompt that asks for marks: what all models share first, the model last.

    shared    instruction, marks, question, "Mark for the answer by"
    line      " gpt-4-1106-preview: "                                   one for each model

Everything that costs tokens is shared, so that it is read once for all models: by one forward
pass here, by the prefix cache of an inference server there. A line stands for itself, so that a
model's prediction does not depend on which other models are candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from routewright.errors import ConfigError

_MARKS = {
    "0-5": "5 excellent and right, 4 good, 3 partly right, 2 weak, 1 poor, 0 wrong or no answer",
    "1-5": "5 excellent and right, 4 good, 3 partly right, 2 weak, 1 wrong or no answer",
}
_GAP = "\n[...]\n"
_PRE_CUT = 16  # characters a token: more can't fit, and need not be counted


@dataclass(frozen=True)
class Template:
    """The prompt for one set of models.

    Attributes:
        scale: the name of the scale.
        lines: one line a model, ending where its mark is expected.
    """

    scale: str
    lines: tuple[str, ...]

    @classmethod
    def of(
        cls, models: Sequence[str], scale: str, descriptions: Mapping[str, str] | None = None
    ) -> Template:
        """The template for these models, with what is known of them in words.

        Raises:
            ConfigError: a description of a model that is no candidate.
        """
        known = descriptions or {}
        for odd in sorted(known.keys() - set(models)):
            raise ConfigError(f"descriptions: {odd!r} is none of the models {', '.join(models)}")
        return cls(scale, tuple(_line(name, known.get(name, "")) for name in models))

    def shared(self, question: str) -> str:
        """What stands before every line; the question's outer white space is left out."""
        return (
            "Predict the mark that an expert will give to an assistant's answer, from the question "
            f"alone.\nMarks: {_MARKS[self.scale]}.\nQuestion: {question.strip()}\n\n"
            "Mark for the answer by"
        )

    def fitted(self, question: str, tokens: int, count: Callable[[str], int]) -> str:
        """``shared`` in at most ``tokens`` tokens: the middle of a long question is left out.

        Args:
            question: the whole question; broken characters are replaced.
            tokens: the most that may be used.
            count: tokens of a text.

        Raises:
            ConfigError: the template alone is longer.
        """
        question = question.encode("utf-8", "replace").decode()
        question = without_middle(question.strip(), tokens * _PRE_CUT)
        text = self.shared(question)
        while (used := count(text)) > tokens:
            if not question:
                raise ConfigError(
                    f"max_tokens leaves {tokens} tokens for the question, but the template needs "
                    f"{used} already; raise it"
                )
            question = without_middle(
                question, min(int(len(question) * tokens / used * 0.95), len(question) - 1)
            )
            text = self.shared(question)
        return text


def without_middle(text: str, most: int) -> str:
    """At most ``most`` characters of a text: its beginning and its end."""
    if len(text) <= most:
        return text
    kept = most - len(_GAP)
    if kept < 2:
        return ""
    return text[: kept - kept // 2] + _GAP + text[len(text) - kept // 2 :]


def _line(model: str, description: str) -> str:
    name = " ".join(model.split())
    told = f" ({' '.join(description.split())})" if description else ""
    return f" {name}{told}: "
