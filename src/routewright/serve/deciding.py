"""A request's words and its key's terms → what is to be decided → the decision, in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from routewright.errors import AccessError, RequestError
from routewright.serve.decider import Decider
from routewright.serve.generation import Generation
from routewright.serve.naming import Asked, Names
from routewright.serve.needs import Needs, read_needs, with_dialect
from routewright.serve.prefix import prefix_of
from routewright.serve.sticky import NOTHING, Past, Trail
from routewright.serve.wire import ChatRequest
from routewright.state.api_key import ApiKey, Terms
from routewright.types import Decision, PolicySettings, Prompt

logger = logging.getLogger(__name__)

DECIDE_TIMEOUT_S = 2.0  # a router that is later than this counts as failed


class Question(NamedTuple):
    """What is to be decided; ``named`` is the model that is asked for by its own name, or ""."""

    prompt: Prompt
    policy: PolicySettings
    needs: Needs
    named: str


def question(generation: Generation, request: ChatRequest, key: ApiKey | None) -> Question:
    """Read off a request what is to be decided.

    Raises:
        AccessError: the key is not for the model that it names.
        UnknownModelError: nobody answers to the model's name.
        RequestError: it allows unknown models, or needs what the model that it names has not.
    """
    decider = generation.decider
    asked = decider.names.read(request.model)
    options = decider.names.resolved(request.options)
    each = options.threshold if isinstance(options.threshold, dict) else {}
    for field, named in (("models", options.models or ()), ("threshold", each)):
        for name in named:
            if name not in decider.pool:
                raise RequestError(
                    f"routewright.{field}: {name!r} is not in the pool ({', '.join(decider.pool)})",
                    param=f"routewright.{field}",
                )
    policy = options.over(asked.policy)
    if key is not None:
        policy = _within(key.terms, asked, policy, decider.names)
    return Question(request.prompt, policy, _needs(decider, request, asked), asked.model)


def is_quick(generation: Generation, asked: Question) -> bool:
    """Whether the decision hangs on nobody who may be slow."""
    if asked.named:
        return True
    return generation.analyser is None and generation.decides_inline(asked.needs.tokens)


def decide_together(
    generation: Generation, asked: Sequence[tuple[Question, Trail]]
) -> list[Decision | None]:
    """The decisions of requests that came together, if ``is_quick``; the router looks at all at
    once. None of one that is refused or fails: ``decide`` tells why.
    """
    decider = generation.decider
    open_ = [question.prompt for question, _ in asked if not question.named]
    predicted = iter(decider.predict(open_) if open_ else ())
    told: list[Decision | None] = []
    for (prompt, policy, needs, named), trail in asked:
        try:
            if named:
                decision = decider.named(named, prompt, policy=policy, needs=needs)
            else:
                past = _past(generation, trail)
                decision = decider.decide(
                    prompt, policy=policy, needs=needs, past=past, predicted=next(predicted)
                )
        except Exception:  # of any kind: it must not be that of those beside it
            decision = None
        told.append(decision)
    return told


async def decide(
    generation: Generation, request: ChatRequest, trail: Trail, key: ApiKey | None
) -> Decision:
    """Decide, in the thread of the event loop or in another, within ``DECIDE_TIMEOUT_S``.

    Raises:
        RoutewrightError: as ``question``; or no model can take the request.
    """
    asked = question(generation, request, key)
    decider, (prompt, policy, needs, named) = generation.decider, asked
    if named:
        return decider.named(named, prompt, policy=policy, needs=needs)
    past, analyser = _past(generation, trail), generation.analyser
    analysis = await analyser.analyse(prompt) if analyser else None
    if generation.decides_inline(needs.tokens):
        return decider.decide(prompt, policy=policy, needs=needs, past=past, analysis=analysis)
    try:
        async with asyncio.timeout(DECIDE_TIMEOUT_S):
            return await asyncio.to_thread(
                decider.decide, prompt, policy=policy, needs=needs, past=past, analysis=analysis
            )
    except TimeoutError:
        why = f"the router took over {DECIDE_TIMEOUT_S:g} s"
        logger.warning("%s; the default model answers", why)
        return decider.default(
            prompt, why, policy=policy, needs=needs, past=past, analysis=analysis, degraded=why
        )


def _past(generation: Generation, trail: Trail) -> Past:
    return generation.memory.recall(trail) if generation.memory is not None else NOTHING


def _within(terms: Terms, asked: Asked, policy: PolicySettings, names: Names) -> PolicySettings:
    """The policy of a request over its key's, among the models that the key allows.

    Raises:
        AccessError: the model that is named is not among them.
    """
    allowed = names.resolved(PolicySettings(models=terms.models))
    if asked.model and allowed.models is not None and asked.model not in allowed.models:
        raise AccessError(f"this key may not ask for the model {asked.model!r}")
    return policy.over(names.resolved(terms.policy)).over(allowed)


def _needs(decider: Decider, request: ChatRequest, asked: Asked) -> Needs:
    """What the request needs of a model, its dialect and its cache included.

    Raises:
        RequestError: the model that it names is not asked in the dialect that it needs.
    """
    needs, native = read_needs(request.messages, request.body), request.native
    if decider.marks:
        needs = msgspec.structs.replace(needs, prefix_tokens=prefix_of(request, needs).tokens)
    if native is None or not native.only:
        return needs
    if asked.model and not decider.speaks(asked.model, native.dialect):
        raise RequestError(
            f"{native.only}: {asked.model} is not asked in the {native.dialect} dialect, and "
            "there is no other word for it; leave it out or name another model",
            param=native.only,
        )
    return with_dialect(needs, native.dialect, native.only)
