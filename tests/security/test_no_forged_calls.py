"""S-06: whom the gateway calls is in its configuration, whatever a body or an upstream says.

No request can name a host, so that there is no list of private ranges that one could slip through:
an operator's own models stand in private ranges, and nobody else's word leads there.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator

import msgspec
import pytest

from routewright.config import ProviderSettings
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Refuse

PATHS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
    "/v1/responses": {"input": "hello"},
    "/v1/messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]},
    "/v1/embeddings": {"input": "hello"},
}


class Trap:
    """A port at which nobody has any business."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self.calls = 0

    def urls(self) -> list[str]:
        """The trap by every name that a filter of names might let pass."""
        hosts = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "0")
        ours = [f"{scheme}://{host}:{self.port}/x" for host in hosts for scheme in ("http", "ftp")]
        return [*ours, "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"]


@pytest.fixture
def trap() -> Generator[Trap]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Trap(listener)

        def count() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()
                    found.calls += 1

        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_upstream_sends_the_gateway_nowhere_else(
    upstream, tmp_path, trap, kind, status, monkeypatch
):
    """S-06: a redirect is a bad answer, whole or streamed; the key would go along with it."""
    monkeypatch.setattr("routewright.serve.health.FAILURES", 10**9)
    settings = scripted_settings(upstream.url, tmp_path)
    providers = {
        name: ProviderSettings(kind=kind, base_url=given.base_url)
        for name, given in settings.providers.items()
    }
    settings = msgspec.structs.replace(settings, providers=providers)
    elsewhere = (("location", f"http://127.0.0.1:{trap.port}/v1"),)
    upstream.says = _Always(Refuse(status, "go there", elsewhere))
    with served(Gateway(settings, router=ByWord())) as running:
        for path, body in PATHS.items():
            for stream in (False, True):
                if path == "/v1/embeddings" and (stream or kind != "openai"):
                    continue
                asked = {"model": "cheap", **body} | ({"stream": True} if stream else {})
                reply = running.request("POST", path, asked)
                assert reply.status == 502, (path, stream, reply.body)
                assert str(trap.port).encode() not in reply.body
                assert "location" not in reply.headers
    assert trap.calls == 0


class _Always(dict):
    """What the upstream says of any model."""

    def __init__(self, step):
        super().__init__()
        self._step = step

    def get(self, *_):
        return lambda _: self._step


def test_what_a_body_points_to_is_never_fetched(upstream, tmp_path, trap):
    """S-06: images, files and servers of tools are for the upstream to fetch, or for nobody."""
    settings = scripted_settings(upstream.url, tmp_path)
    with served(Gateway(settings, router=ByWord())) as running:
        for url in trap.urls():
            image = {"type": "image_url", "image_url": {"url": url}}
            block = {"type": "image", "source": {"type": "url", "url": url}}
            item = {"type": "input_image", "image_url": url}
            tools = [{"type": "mcp", "server_url": url, "server_label": "x"}]
            for path, body in (
                ("/v1/chat/completions", {"messages": [{"role": "user", "content": [image]}]}),
                ("/v1/chat/completions", {**PATHS["/v1/chat/completions"], "tools": tools}),
                ("/v1/messages", {"max_tokens": 5, "messages": [_user(block)]}),
                ("/v1/messages/count_tokens", {"messages": [_user(block)]}),
                ("/v1/responses", {"input": [_user(item)]}),
                ("/v1/embeddings", {"input": url}),
                ("/v1/chat/completions", {**PATHS["/v1/chat/completions"], "model": url}),
            ):
                reply = running.request("POST", path, {"model": "cheap", **body})
                assert reply.status in (200, 400, 404), (path, reply.body)
            running.request("GET", f"/v1/models/{url}")
        running.request("POST", "/v1/route", {"prompt": trap.urls()[0]})
    assert trap.calls == 0
    sent = [request for request in upstream.requests if "messages" in request]
    assert any(trap.urls()[0] in str(request) for request in sent)  # it is relayed as it is


def _user(part):
    return {"role": "user", "content": [part]}
