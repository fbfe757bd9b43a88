"""Every route of the gateway in one table: what is served, by whom, and who may ask.

The application and the OpenAPI document are made from it; nothing is served beside it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Access = Literal["open", "user", "watch", "admin"]


class RouteSpec(msgspec.Struct, frozen=True):
    """One path with one method.

    ``handler`` names a method of the surface in ``app``, or of ``admin`` for the operator's.
    ``access`` says whose key is asked for where keys are in force: nobody's, a user's, or the
    operator's. ``watch`` is for the operator as well, and open on loopback where there is neither
    an operator's key nor a user's. ``takes`` and ``gives`` name schemas of the OpenAPI document,
    ``query`` the fields of the query; ``streams`` tells that server-sent events may answer, and
    ``dialect`` whose shape errors have.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    handler: str
    access: Access
    summary: str
    takes: str = ""
    gives: str = ""
    query: tuple[str, ...] = ()
    streams: bool = False
    dialect: Literal["chat", "messages"] = "chat"


TABLE = (
    RouteSpec(
        "POST",
        "/v1/chat/completions",
        "chat",
        "user",
        "Answer a conversation with the model that is worth it",
        takes="ChatRequest",
        gives="ChatCompletion",
        streams=True,
    ),
    RouteSpec(
        "POST",
        "/v1/responses",
        "responses",
        "user",
        "The same in the words of OpenAI's Responses, without memory",
        takes="ResponsesRequest",
        gives="Response",
        streams=True,
    ),
    RouteSpec(
        "POST",
        "/v1/messages",
        "messages",
        "user",
        "The same in the words of Anthropic's Messages",
        takes="MessagesRequest",
        gives="Message",
        streams=True,
        dialect="messages",
    ),
    RouteSpec(
        "POST",
        "/v1/messages/count_tokens",
        "count_tokens",
        "user",
        "Count the tokens of such a request, or estimate them; nothing is answered",
        takes="CountRequest",
        gives="TokenCount",
        dialect="messages",
    ),
    RouteSpec(
        "POST",
        "/v1/embeddings",
        "embeddings",
        "user",
        "Turn texts into vectors with the model that is named",
        takes="EmbeddingsRequest",
        gives="EmbeddingList",
    ),
    RouteSpec(
        "POST",
        "/v1/route",
        "route",
        "user",
        "Decide which model would answer; nothing is called",
        takes="RouteRequest",
        gives="Decision",
    ),
    RouteSpec(
        "POST",
        "/v1/feedback",
        "feedback",
        "user",
        "Say how good an answer was",
        takes="FeedbackRequest",
        gives="Feedback",
    ),
    RouteSpec(
        "GET",
        "/v1/models",
        "models",
        "user",
        "List every name that a request may give as its model",
        gives="ModelList",
    ),
    RouteSpec(
        "GET",
        "/v1/models/{name:path}",
        "model",
        "user",
        "Look up one of these names",
        gives="Model",
    ),
    RouteSpec(
        "GET",
        "/healthz",
        "healthz",
        "open",
        "Tell that the process is alive",
        gives="Health",
    ),
    RouteSpec(
        "GET",
        "/readyz",
        "readyz",
        "open",
        "Tell whether requests can be routed",
        gives="Readiness",
    ),
    # The operator's: it tells versions, spending and the names of all models.
    RouteSpec("GET", "/metrics", "metrics", "watch", "Tell what Prometheus reads, as text"),
    RouteSpec("GET", "/admin/keys", "keys", "admin", "List every key", gives="KeyList"),
    RouteSpec(
        "POST",
        "/admin/keys",
        "create_key",
        "admin",
        "Make a key; its secret is told this once",
        takes="NewKey",
        gives="Key",
    ),
    RouteSpec("GET", "/admin/keys/{key}", "key", "admin", "Show a key", gives="Key"),
    RouteSpec(
        "PATCH",
        "/admin/keys/{key}",
        "change_key",
        "admin",
        "Change what a key allows; null takes a limit away",
        takes="KeyChanges",
        gives="Key",
    ),
    RouteSpec(
        "DELETE", "/admin/keys/{key}", "revoke_key", "admin", "End a key for good", gives="Key"
    ),
    RouteSpec(
        "POST",
        "/admin/keys/{key}/rotate",
        "rotate_key",
        "admin",
        "Make another secret for a key",
        gives="Key",
    ),
    RouteSpec(
        "POST",
        "/admin/reload",
        "reload",
        "admin",
        "Read configuration and artefact again, in all workers or in none",
        gives="Rollout",
    ),
    RouteSpec(
        "GET",
        "/admin/artefacts",
        "artefacts",
        "admin",
        "Tell which artefact is in force and what was before it",
        gives="Artefacts",
    ),
    RouteSpec(
        "POST",
        "/admin/artefacts/promote",
        "promote",
        "admin",
        "Put another artefact in force, in all workers or in none",
        takes="Promotion",
        gives="Rollout",
    ),
    RouteSpec(
        "POST",
        "/admin/artefacts/rollback",
        "rollback",
        "admin",
        "Put the former artefact in force again, likewise",
        gives="Rollout",
    ),
    RouteSpec(
        "GET",
        "/admin/stats",
        "stats",
        "admin",
        "Count requests, dollars and tokens by model and by key",
        gives="Stats",
        query=("since", "until"),
    ),
    RouteSpec(
        "GET",
        "/admin/decisions",
        "decisions",
        "admin",
        "List decisions, latest first",
        gives="DecisionList",
        query=("since", "until", "model", "state", "key_id", "artefact", "before", "limit"),
    ),
    RouteSpec(
        "GET",
        "/admin/decisions/{id}",
        "decision",
        "admin",
        "Show a decision with its candidates, attempts, outcome and feedback",
        gives="DecisionRecord",
        query=("content",),
    ),
    RouteSpec(
        "GET",
        "/openapi.json",
        "openapi",
        "open",
        "This document",
        gives="OpenApi",
    ),
)
