"""The process of the cloud manager: an HTTP server in one thread, the manager in another.

Theory of operation. The manager's thread owns both stores and ends when it is told to, or when a
save fails: then the process ends too, and is to be started again. Scripts are no children that die
with it: whichever way the process ends, the next one finds them.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette

from dr_sim.cloud import CallerConfig, CloudConfig, CloudManager
from dr_sim.cloud.out import LOG
from dr_sim.errors import DrSimError, input_error
from dr_sim.live.cloud.agents import AgentTools, Identifiers
from dr_sim.live.cloud.hands import CloudHands, StoppedError
from dr_sim.live.cloud.memory import AgentMemory
from dr_sim.live.cloud.processes import ScriptRuns
from dr_sim.live.cloud.scripts import ScriptFolders
from dr_sim.live.cloud.tokens import (
    Tokens,
    add_tokens,
    make_tokens,
    read_tokens,
)
from dr_sim.live.cloud.web import ApiApp
from dr_sim.live.life import LIFE, OWN, Live
from dr_sim.stores import (
    POSTGRES_SCHEMES,
    SqlStore,
    Store,
    StoreError,
)

if TYPE_CHECKING:  # the extra is needed where the store is a database
    from dr_sim.stores.postgres import PostgresStore

_STOP_S = 10
_LOG = "dr_sim.live.cloud"
_AGENTS = f"{OWN}agents"  # in both stores: a name of the agents' memory
_MOST_CALLS = 256  # at one time; more are refused with 503


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """store: the manager's file, or the URL of its PostgreSQL database. Where no others are named,
    the agents' folder and the file of tokens lie beside the file, and tokens in the agents' folder
    where it is a database. port 0: a free one.
    """

    store: str
    scripts: Path
    agents_folder: Path | None = None
    tokens: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def in_postgres(self) -> bool:
        return self.store.startswith(POSTGRES_SCHEMES)

    @property
    def agents(self) -> Path:
        return self.agents_folder or Path(self.store + ".agents")

    @property
    def tokens_file(self) -> Path:
        if self.tokens is not None:
            return self.tokens
        if self.in_postgres:
            return self.agents / "tokens"
        return Path(self.store + ".tokens")

    @property
    def shown_store(self) -> str:
        """Return what names the store in messages: a URL may hold a password."""
        return "--store" if self.in_postgres else self.store

    def open_store(self) -> SqlStore | PostgresStore:
        """Open the manager's store. Raises StoreError."""
        if not self.in_postgres:
            return SqlStore(Path(self.store), unread=LOG)
        from dr_sim.stores.postgres import PostgresStore

        return PostgresStore(self.store, unread=LOG)


class ManagerThread(Thread):
    """The thread in which the manager lives. hands: there once `ready` is set and nothing failed.
    on_end: is called when it has ended.
    """

    def __init__(self, config: CloudConfig, options: ServeOptions) -> None:
        super().__init__(name="cloud manager", daemon=True)
        self.ready = Flag()
        self.hands: CloudHands | None = None
        self.life = 0
        self.error: BaseException | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._config = config
        self._options = options

    def run(self) -> None:
        try:
            self._live()
        except StoppedError:
            pass
        except BaseException as error:
            self.error = error
        finally:
            if self.hands is not None:
                self.hands.give_up()
            self.ready.set()
            self.on_end()

    def _live(self) -> None:
        options, config = self._options, self._config
        agents = options.agents.resolve()  # scripts run in other folders
        with (
            options.open_store() as store,
            SqlStore(agents / "memory.db") as memory,
        ):
            tools = AgentTools(
                AgentMemory(memory),
                ScriptRuns(agents / "runs"),
                ScriptFolders(options.scripts, agents / "scripts"),
                Identifiers(config.networks),
                config.jobs.time_limit_us / 1e6,
            )
            _same_agents(store, memory, agents)
            version = tools.memory.version_of(tools.scripts.digest())
            config = replace(config, version=version)
            _never_older(store, tools.memory.newest)
            hands = CloudHands(tools, store)
            live = Live(partial(CloudManager, config), hands, store)
            self.life = live.incarnation
            self.hands = hands
            self.ready.set()
            live.run()


def _same_agents(store: Store, memory: Store, agents: Path) -> None:
    """Raise StoreError where the agents are not those that the store has had before: nobody would
    know which scripts they have started.
    """
    wanted, found = store.get(_AGENTS), memory.get(_AGENTS)
    if not found:
        found = uuid4().hex
        if not wanted:
            memory.save(_AGENTS, found)
    if not wanted:
        store.save(_AGENTS, found)
    elif wanted != found:
        raise StoreError(
            f"{agents} is not the agents' folder that this store had before; name that one "
            f"(--agents), or delete the row {_AGENTS!r} of the store to go on without it: "
            "scripts may then run twice"
        )


def _never_older(store: Store, newest: int) -> None:
    """Have the next life be newer than any that agents have heard, also where the store has been
    put back to an old copy.
    """
    if newest > int(store.get(LIFE) or "0"):
        store.save(LIFE, str(newest))


def serve(
    config: CloudConfig, options: ServeOptions, say: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT. say: is told once where. Raises DrSimError where it cannot."""
    if not hasattr(signal, "SIGKILL"):
        raise input_error(
            "cloud serve", "needs Linux or macOS: scripts are sessions"
        )
    _log_to_standard_error()
    operations = ScriptFolders(options.scripts, options.agents).operations
    tokens = _tokens(config, options)
    config = replace(
        config,
        operations=operations,
        callers=_callers(config, tokens),
    )
    listening = _listening(options)
    manager = ManagerThread(config, options)
    manager.start()
    try:
        manager.ready.wait()
        if manager.hands is not None:
            app = ApiApp(manager.hands, tokens, config).app()
            _serve(manager, app, listening, say)
    finally:
        listening.close()
        if manager.hands is not None:
            manager.hands.stop()
        manager.join(_STOP_S)
    if isinstance(manager.error, (StoreError, OSError)):
        raise input_error(options.shown_store, str(manager.error))
    if manager.error is not None:
        raise manager.error


def _serve(
    manager: ManagerThread,
    app: Starlette,
    listening: socket.socket,
    say: Callable[[str], None],
) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            limit_concurrency=_MOST_CALLS,
            timeout_graceful_shutdown=_STOP_S,
        )
    )

    def end(*_: object) -> None:
        server.should_exit = True

    manager.on_end = end
    if not manager.is_alive():
        return
    # the server raises a signal again when it has stopped: it has been answered by then
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    host, port = listening.getsockname()[:2]
    say(f"http://{host}:{port} serves life {manager.life}")
    server.run(sockets=[listening])


def _log_to_standard_error() -> None:
    """Write what people should know to standard error, with the time in UTC."""
    handler = logging.StreamHandler()
    form = logging.Formatter(
        "%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    form.converter = time.gmtime
    handler.setFormatter(form)
    log = logging.getLogger(_LOG)
    log.handlers = [handler]
    log.propagate = False


def _listening(options: ServeOptions) -> socket.socket:
    try:
        return socket.create_server((options.host, options.port))
    except (OSError, OverflowError) as error:
        raise input_error(
            f"{options.host}:{options.port}",
            f"cannot be listened at ({getattr(error, 'strerror', error)})",
        ) from None


def _tokens(config: CloudConfig, options: ServeOptions) -> Tokens:
    path = options.tokens_file
    if options.tokens is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make_tokens(path, (caller.name for caller in config.callers))
    tokens = read_tokens(path)
    if options.tokens is not None:
        return tokens  # what people keep by themselves
    known = {holder.name for holder in tokens.holders}
    later = [
        caller.name for caller in config.callers if caller.name not in known
    ]
    if later:
        add_tokens(path, later)
        tokens = read_tokens(path)
    return tokens


def _callers(
    config: CloudConfig, tokens: Tokens
) -> tuple[CallerConfig, ...]:
    """Return the callers that have a token."""
    known = {caller.name: caller.networks for caller in config.callers}
    networks = {network.name for network in config.networks}
    found = []
    for holder in tokens.holders:
        may = holder.networks or known.get(holder.name)
        if may is None:
            raise NoNetworksError(holder.name)
        unknown = [name for name in may if name not in networks]
        if unknown:
            raise input_error(
                holder.name, f"there is no network {unknown[0]!r}"
            )
        found.append(CallerConfig(holder.name, may, holder.operations))
    return tuple(found)


class NoNetworksError(DrSimError):
    """A caller has a token, and nothing says which networks it may use."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is no client of the scenario: write networks=A,B after its token"
        )
