"""The operator's own rules: what no score may overrule. Pure functions.

    [[gateway.rules]]
    when = { domain = "law" }
    never = ["model-x"]

Rules come after hard constraints and before scores. Each takes models away (``never``, ``only``)
or names the one to ask first (``use``; the first such rule wins). A rule looks at the last turn
and at the whole conversation, and holds where either meets it: what must not leave the house
does not leave with the next question either.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from routewright.analysis import DOMAINS, NEEDS, TASKS, analyse
from routewright.analysis.language import LANGUAGES
from routewright.config import Rule, When, Words
from routewright.errors import ConfigError
from routewright.types import Analysis, Prompt

_WORDS = {"task": TASKS, "domain": DOMAINS, "language": LANGUAGES, "needs": NEEDS}
_LISTS = (*_WORDS, "contains")


@dataclass(frozen=True)
class Ruling:
    """What the rules say of one prompt.

    Attributes:
        barred: the rule that removed each model, for those that one did.
        use: the model to ask first, "" without one.
        why: the rule that says so.
    """

    barred: dict[str, str] = field(default_factory=dict[str, str])
    use: str = ""
    why: str = ""


def check_rules(rules: Sequence[Rule], models: Collection[str], *, difficulty: bool) -> None:
    """Refuse rules that can't mean what they say.

    Args:
        rules: as configured.
        models: names in the pool.
        difficulty: whether anybody can tell how hard a prompt is.

    Raises:
        ConfigError: the rule by its number, what is wrong with it and what there is instead.
    """
    for number, rule in enumerate(rules, 1):
        problem = _problem(rule, models, difficulty)
        if problem:
            raise ConfigError(f"gateway.rules, rule {number}: {problem}")


def judge(
    rules: Sequence[Rule], prompt: Prompt, models: Collection[str], analysis: Analysis
) -> Ruling:
    """Apply all rules to a prompt.

    Args:
        rules: checked ones.
        prompt: the conversation.
        models: names in the pool.
        analysis: of the prompt's ``text``.
    """
    whole = "\n".join(message.text for message in prompt.messages)
    analyses = (analysis,)
    if len(prompt.messages) > 1 and rules:
        analyses = (analysis, analyse(whole))
    barred: dict[str, str] = {}
    use, why = "", ""
    for number, rule in enumerate(rules, 1):
        if not _holds(rule.when, whole, analyses):
            continue
        name = f"rule {number} ({_said(rule.when)})"
        never, only = _several(rule.never), _several(rule.only)
        for model in models:
            if model in never:
                barred.setdefault(model, f"{name}: never")
            elif only and model not in only:
                barred.setdefault(model, f"{name}: only {', '.join(only)}")
        if rule.use and not use:
            use, why = rule.use, name
    return Ruling(barred, use, why)


def _holds(when: When, whole: str, analyses: Sequence[Analysis]) -> bool:
    folded = whole.casefold()
    contains = _several(when.contains)
    if contains and not any(each.casefold() in folded for each in contains):
        return False
    if not _between(when.min_chars, len(whole), when.max_chars):
        return False
    return any(_describes(when, analysis) for analysis in analyses)


def _describes(when: When, analysis: Analysis) -> bool:
    told = {
        "task": (analysis.task,),
        "domain": (analysis.domain,),
        "language": (analysis.language,),
        "needs": analysis.needs,
    }
    for name, found in told.items():
        wanted = _several(getattr(when, name))
        if wanted and not set(wanted) & set(found):
            return False
    if when.min_difficulty is None and when.max_difficulty is None:
        return True
    hard = analysis.difficulty
    return hard is not None and _between(when.min_difficulty, hard, when.max_difficulty)


def _between(low: float | None, value: float, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _problem(rule: Rule, models: Collection[str], difficulty: bool) -> str:
    if rule.when == When():
        return f"when is empty; give one of {', '.join(When.__struct_fields__)}"
    if sum(map(bool, (rule.never, rule.only, rule.use))) != 1:
        return "give exactly one of never, only, use"
    for model in (*_several(rule.never), *_several(rule.only), *_several(rule.use)):
        if model not in models:
            return f"no model {model!r} in the pool; it has {', '.join(models)}"
    return _wrong_condition(rule.when, difficulty)


def _wrong_condition(when: When, difficulty: bool) -> str:
    for name, known in _WORDS.items():
        for word in _several(getattr(when, name)):
            if word not in known:
                return f"no {name} {word!r}; there are {', '.join(known)}"
    if "" in _several(when.contains):
        return "contains is empty, which every prompt does"
    bounds = [b for b in (when.min_difficulty, when.max_difficulty) if b is not None]
    if any(not 0 <= bound <= 1 for bound in bounds):
        return "difficulty goes from 0 to 1"
    if bounds and not difficulty:
        return "nobody tells the difficulty of a prompt; train the router 'hybrid'"
    return ""


def _several(words: Words) -> tuple[str, ...]:
    if isinstance(words, str):
        return (words,) if words else ()
    return words


def _said(when: When) -> str:
    """The conditions in a few words: ``domain law, min_chars 200``."""
    told = {name: getattr(when, name) for name in When.__struct_fields__}
    return ", ".join(
        f"{name} {' or '.join(_several(value)) if name in _LISTS else value}"
        for name, value in told.items()
        if value not in ((), "", None)
    )
