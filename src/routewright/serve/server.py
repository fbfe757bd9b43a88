"""Runs the gateway over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence

import uvicorn

from routewright.config import GatewaySettings
from routewright.errors import ConfigError, RoutewrightError
from routewright.serve.app import BODY_TIMEOUT_S, create_app
from routewright.serve.gateway import Gateway
from routewright.serve.http import GuardedProtocol
from routewright.serve.workers import BACKLOG

logger = logging.getLogger(__name__)

DRAIN_S = 30  # how long running requests may take to end after SIGTERM
SWITCH_S = 0.02  # how long a thread may hold up others in Python; it is 5 ms unasked
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def bind_all(host: str, port: int, count: int, *, wide: bool = False) -> list[socket.socket]:
    """Listening sockets on one address, over which the kernel spreads connections.

    Raises:
        ConfigError: as ``bind``; a port that another program shares counts as taken.
    """
    with bind(
        host, port, wide=wide
    ) as alone:  # a shared bind would succeed beside another gateway's
        port = alone.getsockname()[1]
    return [bind(host, port, shared=True, wide=wide) for _ in range(count)]


def bind(host: str, port: int, *, shared: bool = False, wide: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Args:
        host: a loopback address, unless ``wide`` allows others.
        port: which.
        shared: other sockets of ours listen on the same port.
        wide: somebody has looked who may ask (``Gateway.check_address``).

    Raises:
        ConfigError: the address is not loopback, or the port cannot be had.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ConfigError(f"host {host!r} is not an IP address; use 127.0.0.1") from error
    if not address.is_loopback and not wide:
        raise ConfigError(f"host {host} is reachable from other machines; use 127.0.0.1")
    if not 0 <= port <= 65535:
        raise ConfigError(f"port {port} does not exist; use 1 to 65535, or 0 for a free one")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((str(address), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is taken; stop the program that has it, or choose "
                "another with --port"
            ) from error
        raise ConfigError(f"port {port} on {host}: {error.strerror}; choose another") from error
    return listener


def listeners_of(settings: GatewaySettings, count: int = 1) -> list[list[socket.socket]]:
    """For each of so many workers a socket at the gateway's address, and one at the operator's
    where that has a port of its own.

    Raises:
        ConfigError: an address cannot be had.
    """
    places = [(settings.host, settings.port)]
    if settings.admin_port is not None:
        places.append((settings.admin_host, settings.admin_port))
    if count == 1:
        return [[bind(host, port, wide=True) for host, port in places]]
    sets = [bind_all(host, port, count, wide=True) for host, port in places]
    return [list(each) for each in zip(*sets, strict=True)]


async def serve(
    gateway: Gateway,
    *,
    listeners: Sequence[socket.socket] = (),
    on_ready: Callable[[str], None] = lambda _: None,
    stop: asyncio.Event | None = None,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> None:
    """Bind, load, announce and serve until SIGTERM or SIGINT; then drain and write everything.

    While models load, the port is open and ``/readyz`` answers 503.

    Args:
        gateway: what to serve; its settings name host and port.
        listeners: instead of those, the sockets of one worker from ``listeners_of``; they are
            closed at the end.
        on_ready: called with the base URL once every request can be answered.
        stop: ends the server as a signal would, for servers outside the main thread.
        body_timeout_s: how long a request body may take to arrive.

    Raises:
        ConfigError: the address cannot be had, or anybody there could ask.
        RoutewrightError: the gateway could not be started.
    """
    await asyncio.to_thread(gateway.check_address)
    with contextlib.ExitStack() as bound:
        listeners = listeners or listeners_of(gateway.settings.gateway)[0]
        for listener in listeners:
            bound.enter_context(listener)
        gateway.admin_at = listeners[1].getsockname()[1] if len(listeners) > 1 else None
        app = create_app(gateway, body_timeout_s=body_timeout_s)
        server = _Server(
            uvicorn.Config(
                app,
                http=GuardedProtocol,
                proxy_headers=False,  # nobody is believed who says whom he forwards for
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=list(listeners)))
        try:
            with _signals(server, gateway), _stopping(server, gateway, stop):
                starting = asyncio.create_task(gateway.start())
                await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    _have_it_our_way()
                    on_ready(url_of(listeners[0]))
                else:
                    starting.cancel()
                    await asyncio.gather(starting, return_exceptions=True)
                await serving
        finally:
            server.should_exit = True
            await serving
            app.at_once.end()
            await _end(server.server_state.tasks)
            await gateway.aclose()


def _have_it_our_way() -> None:
    """Have Python interrupt its work less often.

    What was loaded stays: the garbage collector need not look at it again and again. Requests leave
    no cycles, so that looking for some in what they made can be rare as well. And threads that
    write rows get to the end of a batch: the interpreter's lock changes hands less often then.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # the process is somebody else's
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(SWITCH_S)


async def _end(late: set[asyncio.Task[None]]) -> None:
    """End requests that outlived the drain, so that their rows are queued before the last write."""
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


class _Server(uvicorn.Server):
    """Without uvicorn's signal handling, which would end the process before the last rows."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.contextmanager
def _signals(server: uvicorn.Server, gateway: Gateway) -> Generator[None]:
    """The first signal drains, the second stops at once; SIGHUP reloads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _exit, server, gateway)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(gateway))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (*_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _reload(gateway: Gateway) -> None:
    """Reload and say in the log how it went; a refusal leaves everything as it was."""
    try:
        await gateway.reload()
    except RoutewrightError as error:
        logger.warning("reload refused, the old configuration stays in force: %s", error)
    except Exception:
        logger.exception("reload failed, the old configuration stays in force")
    else:
        logger.warning("reloaded: %s", gateway.decider.artefact or "no router")


def _exit(server: uvicorn.Server, gateway: Gateway) -> None:
    gateway.state = "draining"
    server.force_exit = server.should_exit
    server.should_exit = True


@contextlib.contextmanager
def _stopping(
    server: uvicorn.Server, gateway: Gateway, stop: asyncio.Event | None
) -> Generator[None]:
    if stop is None:
        yield
        return

    async def watch() -> None:
        await stop.wait()
        gateway.state = "draining"
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


def url_of(listener: socket.socket) -> str:
    """The base URL that a listening socket is reached under."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
