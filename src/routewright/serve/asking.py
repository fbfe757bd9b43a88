"""One call of one model: in the request's own dialect where it can be, else in chat words."""

from __future__ import annotations

from routewright.protocols import NativeAnswer, NativeProvider, Opened, Provider
from routewright.providers.stream import opened
from routewright.serve.call import Call
from routewright.serve.needs import read_needs
from routewright.serve.prefix import prefix_of
from routewright.serve.wire import Native
from routewright.types import Model


async def ask_whole(call: Call, provider: Provider, model: Model) -> NativeAnswer:
    """The answer in one piece; ``call.native`` tells in which words."""
    native = _native(call, model)
    if native is not None and isinstance(provider, NativeProvider):
        headers = dict(native.headers)
        return await provider.complete_native(native.dialect, model, native.body, headers)
    return await provider.complete(model, call.request.body, cache_prefix=prefix(call, model))


async def ask_stream(call: Call, provider: Provider, model: Model) -> Opened:
    """A stream with its first event: until that has come, another model can take over."""
    native = _native(call, model)
    if native is not None and isinstance(provider, NativeProvider):
        headers = dict(native.headers)
        stream = await provider.stream_native(native.dialect, model, native.body, headers)
    else:
        stream = await provider.stream(model, call.request.body, cache_prefix=prefix(call, model))
    return await opened(stream, model)


def prefix(call: Call, model: Model) -> int:
    """How many messages the model's provider is asked to keep in its cache; noted in the call."""
    call.prefix = 0
    if model.name in call.generation.decider.marks:
        request = call.request
        call.prefix = prefix_of(request, read_needs(request.messages, request.body)).messages
    return call.prefix


def _native(call: Call, model: Model) -> Native | None:
    """The request as it came, where this model's provider takes it; noted in the call."""
    native = call.request.native
    speaks = native is not None and call.generation.decider.speaks(model.name, native.dialect)
    call.native = speaks
    return native if speaks else None
