"""The frozen values that every stage speaks in: prompts, models, answers, grades, decisions.

Units stand in the names: ``cost_usd``, ``latency_s``, ``input_tokens``. Models are columns and
prompts are rows, always. Identity belongs to storage; these compare by content.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a conversation in the OpenAI shape; ``content`` may be a list of parts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The words of this turn; parts that are not text are left out."""
        if isinstance(self.content, str):
            return self.content
        parts = (part.get("text") for part in self.content or ())
        return "\n".join(part for part in parts if isinstance(part, str))


class Prompt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user asks, with what is known about it.

    ``grader`` names how an answer to it is verified, ``reference`` is that grader's key, and
    ``group`` marks rows that are the same question (never split between training and test).
    ``time`` says when it was asked, in ISO 8601.
    """

    id: str
    messages: tuple[Message, ...]
    task: str = ""
    grader: str = ""
    reference: str = ""
    group: str = ""
    difficulty: str = ""
    max_tokens: int | None = None
    time: str = ""

    @classmethod
    def from_text(cls, id: str, text: str, **known: Any) -> Prompt:
        """A prompt of one user turn."""
        return cls(id=id, messages=(Message("user", text),), **known)

    @property
    def text(self) -> str:
        """The text that says how hard the prompt is: system prompt and last user turn."""
        system = [m.text for m in self.messages if m.role in ("system", "developer")]
        users = [m.text for m in self.messages if m.role == "user"]
        return "\n".join([*system, *users[-1:]])


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model costs from a date on: by tokens, or by CPU hour for a model run here.

    Input tokens read from the provider's cache, or written to it, cost ``input_usd_per_mtok``
    where no price of their own is given. Reasoning tokens cost what output costs.
    """

    valid_from: str
    input_usd_per_mtok: float = 0.0
    output_usd_per_mtok: float = 0.0
    cached_input_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | None = None
    usd_per_cpu_hour: float = 0.0
    source: str = ""


class Weights(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a local model's weight file comes from, and the one digest it must have."""

    file: str
    sha256: str
    size_bytes: int
    hub_repo: str = ""
    hub_revision: str = ""
    package_files: tuple[str, ...] = ()  # files of installed packages; joined they are the file
    requirements: tuple[str, ...] = ()  # the registry packages that bring them


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A candidate LLM: name, provider, prices with dates, context window, capabilities."""

    name: str
    provider: str
    prices: tuple[Price, ...] = ()
    context_window: int | None = None
    capabilities: tuple[str, ...] = ()
    upstream_name: str = ""  # the provider's own name, where it differs
    licence: str = ""
    weights: Weights | None = None

    @property
    def price(self) -> Price:
        """The price in force: the newest; a model without prices costs nothing."""
        if len(self.prices) == 1:
            return self.prices[0]
        return max(self.prices, key=lambda p: p.valid_from, default=Price(valid_from=""))


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one call as the provider counted them; ``cpu_s`` where the model ran here.

    ``input_tokens`` are all that were read: ``cached_tokens``, read from the provider's cache, and
    ``cache_write_tokens``, written to it, are among them. ``reasoning_tokens`` are among
    ``output_tokens``. ``estimated`` marks tokens that were counted here from the text, because
    the provider told none.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cpu_s: float | None = None
    cache_write_tokens: int = 0
    estimated: bool = False


class AnswerState(StrEnum):
    """How a call ended. Only ``complete`` and ``truncated`` carry text worth grading.

    ``refused`` is an answer that the model or its provider's filter declined to give; ``failed``
    is no answer at all.
    """

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EMPTY = "empty"
    FAILED = "failed"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model returned to a prompt.

    ``latency_s`` is the time to the last byte, ``first_token_s`` to the first words where the
    answer was streamed. ``sample`` counts repeated answers of one cell from 0. ``note`` says what
    is odd, such as usage that cannot be. ``unsure_calls`` were sent for this cell and never
    answered, so that at most ``unsure_usd`` may have been charged beside ``cost_usd``.
    """

    prompt_id: str
    model: str
    text: str
    state: AnswerState
    usage: Usage
    cost_usd: float
    latency_s: float
    error: str = ""
    first_token_s: float | None = None
    finish_reason: str = ""
    sample: int = 0
    note: str = ""
    unsure_calls: int = 0
    unsure_usd: float = 0.0


class Grade(msgspec.Struct, frozen=True, omit_defaults=True):
    """A judge's mark from 0 to 5, kept as it was given; ``score`` is the mark divided by 5."""

    mark: float
    reason: str = ""
    judge: str = ""

    @property
    def score(self) -> float:
        """The mark on the scale of scores, in [0, 1]."""
        return self.mark / 5.0


class Analysis(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a prompt is: its task, domain and language, what it needs, how hard and how long.

    ``routewright.analysis`` lists the words for each. ``difficulty`` goes from 0 (every model
    answers well) to 1 (none does) and is None where nothing was learned that tells, like
    ``expected_tokens``, the length of a typical answer. ``source`` says who analysed, ``note``
    why it was not who should have.
    """

    task: str
    domain: str
    language: str
    needs: tuple[str, ...] = ()
    difficulty: float | None = None
    expected_tokens: float | None = None
    source: str = "built-in"
    note: str = ""


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How predicted scores and costs become a choice; what is None is left to the layer below.

    One rule trades score against cost: ``worth_usd`` (dollars for one whole unit of score, best
    utility), ``quality`` (at least this share of the best model's expected score, at least cost),
    ``threshold`` (the cheapest whose expected score reaches it, one for all or one a model) or
    ``win_rate`` (of two models the strong one where its chance to win reaches this). ``max_usd``
    and ``models`` limit who may answer at all: by expected cost in US dollars, and by name.
    """

    worth_usd: float | None = None
    quality: float | None = None
    threshold: float | dict[str, float] | None = None
    win_rate: float | None = None
    max_usd: float | None = None
    models: tuple[str, ...] | None = None

    @property
    def rule(self) -> str:
        """The name of the rule that is set, "" without one."""
        return next((name for name in POLICY_RULES if getattr(self, name) is not None), "")

    def over(self, below: PolicySettings) -> PolicySettings:
        """These settings laid over others: a rule replaces theirs, a limit only ever tightens."""
        if self == _UNSET:
            return below
        if below == _UNSET:
            return self
        rule = self if self.rule else below
        ceilings = [c for c in (self.max_usd, below.max_usd) if c is not None]
        models = self.models
        if models is None or below.models is None:
            models = below.models if models is None else models
        else:
            models = tuple(name for name in models if name in below.models)
        return PolicySettings(
            **{name: getattr(rule, name) for name in POLICY_RULES},
            max_usd=min(ceilings, default=None),
            models=models,
        )

    def trouble(self) -> tuple[str, str]:
        """What cannot be: the field, and a sentence that begins after it; two "" if nothing."""
        given = [name for name in POLICY_RULES if getattr(self, name) is not None]
        if len(given) > 1:
            return given[1], f"cannot stand beside {given[0]}: each is a rule of its own; give one"
        for name in ("worth_usd", "max_usd"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                return name, f"must be 0 or more, not {value:g}"
        for name in ("quality", "win_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                return name, f"must be from 0 to 1, not {value:g}"
        each = self.threshold if isinstance(self.threshold, dict) else {"": self.threshold}
        for value in each.values():
            if value is not None and not 0 <= value <= 1:
                return "threshold", f"must be from 0 to 1, not {value:g}"
        return "", ""

    def __str__(self) -> str:
        """The rule and the ceiling in the words of a model name: ``quality=0.95,max_usd=0.01``."""
        told: list[str] = []
        for name in (self.rule, "max_usd"):
            value = getattr(self, name) if name else None
            if value is not None:
                told.append(f"{name}={'each' if isinstance(value, dict) else format(value, 'g')}")
        return ",".join(told)


POLICY_RULES = ("worth_usd", "quality", "threshold", "win_rate")
_UNSET = PolicySettings()


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model as a decision saw it; ``excluded`` says which constraint removed it.

    ``warm_tokens`` of the prompt are in its provider's cache; ``cost_usd`` reckons with that.
    """

    model: str
    score: float
    cost_usd: float
    excluded: str = ""
    warm_tokens: int = 0


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which model was chosen for a request, why, and what the others would have cost.

    ``policy`` says in a few words what decided and ``settings`` are all of its settings in force;
    ``worth_usd`` is 0 where another rule than utility decided.
    ``probability`` is that of this choice: 1 unless chance took part.
    """

    id: str
    model: str
    reason: str
    worth_usd: float
    probability: float
    candidates: tuple[Candidate, ...]
    fallbacks: tuple[str, ...] = ()  # the other admissible models, best first
    artefact: str = ""
    degraded: str = ""
    analysis: Analysis | None = None
    policy: str = ""
    settings: PolicySettings | None = None


JsonObject = Mapping[str, Any]


def json_object(value: object) -> dict[str, Any] | None:
    """The value if it is a JSON object (its keys are strings then), else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def json_objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects of a list, others left out; none where the value is no list."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
