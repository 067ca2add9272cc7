"""The HTTP front of the cloud manager: requests in, the manager's answers out.

A request is put under an id of its caller's, so the same call may be made as often as one likes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dr_sim.cloud.api import READ
from dr_sim.cloud.commands import AnswerCall
from dr_sim.cloud.config import CloudConfig, NetworkConfig
from dr_sim.cloud.events import (
    HandsDone,
    MirrorSwitched,
    ProvisionAsked,
    SiteStands,
)
from dr_sim.cloud.rows import NetworkRow, network_rows
from dr_sim.cloud.texts import OPERATORS, SEPARATORS, parts_names
from dr_sim.cloud.words import CallOutcome
from dr_sim.live.cloud.hands import CloudHands, StoppedError
from dr_sim.live.cloud.openapi import LONGEST_NAME, openapi
from dr_sim.live.cloud.tokens import TokenHolder, Tokens
from dr_sim.live.life import Heard, heard

STATUS = {
    CallOutcome.ACCEPTED: 202,
    CallOutcome.AGAIN: 200,
    CallOutcome.FOUND: 200,
    CallOutcome.CONFLICT: 409,
    CallOutcome.STALE: 412,
    CallOutcome.FORBIDDEN: 403,
    CallOutcome.UNKNOWN: 404,
}
MOST_BYTES = 64 * 1024
"""The largest body that is read: parameters go to a script in one variable of its environment, and
Linux takes 128 KiB in one (MAX_ARG_STRLEN).
"""
_TOO_LARGE = f"the body is larger than {MOST_BYTES} bytes"
_LONG_PARAMS = f"params: they are longer than {MOST_BYTES} bytes as ASCII"
BODY_S = 5
"""How long a body may take to come: shorter than what the server waits for calls at its end."""
_LONGEST_NUMBER = 18
"""Most digits of a number of changes: it fits 64 bits."""
_TEXTS = ("operation", "network", "thing")


class ApiApp:
    def __init__(
        self,
        hands: CloudHands,
        tokens: Tokens,
        config: CloudConfig,
    ) -> None:
        self._hands = hands
        self._tokens = tokens
        self._config = config
        self._networks = config.networks

    def app(self) -> Starlette:
        thing = "/v1/networks/{network}/things/{thing}/{operation}"
        routes = [
            Route("/v1/requests/{request}", self._ask, methods=["PUT"]),
            Route("/v1/requests/{request}", self._read, methods=["GET"]),
            Route(thing, self._put, methods=["PUT"]),
            Route(
                "/v1/networks/{network}/mirror",
                self._mirror,
                methods=["PUT"],
            ),
            Route("/v1/active", self._active, methods=["PUT"]),
            Route("/v1/second", self._second, methods=["PUT"]),
            Route("/v1/work/done", self._done, methods=["POST"]),
            Route("/v1/status", self._status, methods=["GET"]),
            Route("/v1/networks", self._rows, methods=["GET"]),
            Route("/v1/openapi.json", _description, methods=["GET"]),
        ]
        app = Starlette(
            routes=routes, exception_handlers={HTTPException: _refusal}
        )
        app.router.redirect_slashes = False
        return app

    # ---- requests
    async def _ask(self, request: Request) -> Response:
        caller = self._caller(request)
        asked = await _body(request, (*_TEXTS, "params"))
        operation, network, thing = (
            _text(asked.get(name), name) for name in _TEXTS
        )
        name = _in_path(request, "request")
        if parts_names(name):
            raise HTTPException(
                400, f"request: an id without {' '.join(SEPARATORS)}"
            )
        return await self._called(
            caller.name, name, operation, network, thing, asked
        )

    async def _put(self, request: Request) -> Response:
        caller = self._caller(request)
        asked = await _body(request, ("params",))
        network, thing, operation = (
            _in_path(request, name)
            for name in ("network", "thing", "operation")
        )
        seen = _seen(request.headers.get("if-match", ""))
        return await self._called(
            caller.name, "", operation, network, thing, asked, seen
        )

    async def _read(self, request: Request) -> Response:
        caller = self._caller(request)
        name = _in_path(request, "request")
        answer = self._hands.call(caller.name, name, READ, "", "", "{}", -1)
        return await _answer(answer)

    async def _called(
        self, caller: str, name: str, *asked: Any
    ) -> Response:
        operation, network, thing, body, *seen = asked
        if operation == READ:
            raise HTTPException(404, f"there is no operation {READ}")
        params = _params(body.get("params", {}), thing)
        put_on = seen[0] if seen else -1
        answer = self._hands.call(
            caller, name, operation, network, thing, params, put_on
        )
        return await _answer(answer)

    # ---- for operators
    async def _status(self, request: Request) -> Response:
        self._operator(request)
        return JSONResponse(await self._shown())

    async def _rows(self, request: Request) -> Response:
        """Show the rows of the configuration database, and the jobs that are not over."""
        self._operator(request)
        rows = await self._network_rows()
        return JSONResponse({"networks": [asdict(row) for row in rows]})

    async def _shown(self) -> dict[str, Any]:
        """Return what people should know, with the sites of each network."""
        sites = {
            row.name: {"active": row.active, "second": row.second}
            for row in await self._network_rows()
        }
        return {"sites": sites, **self._hands.board.shown()}

    async def _network_rows(self) -> tuple[NetworkRow, ...]:
        try:
            stored = await asyncio.wrap_future(self._hands.stored())
        except StoppedError:
            raise _has_ended() from None
        return network_rows(self._config, stored)

    async def _done(self, request: Request) -> Response:
        self._operator(request)
        asked = await _body(request, ("network", "work"))
        network, work = str(asked.get("network")), str(asked.get("work"))
        board = self._hands.board
        if board.work.pop((network, work), None) is None:
            raise HTTPException(404, "there is no such work")
        await self._told(heard(HandsDone, network, work))
        return JSONResponse(await self._shown())

    async def _mirror(self, request: Request) -> Response:
        self._operator(request)
        network = _in_path(request, "network")
        on = (await _body(request, ("on",))).get("on")
        if not isinstance(on, bool):
            raise HTTPException(400, "on: true or false is needed")
        if all(network != each.name for each in self._networks):
            raise HTTPException(404, "there is no such network")
        await self._told(heard(MirrorSwitched, network, on))
        return JSONResponse({"on": on})

    async def _active(self, request: Request) -> Response:
        """Take a failover's order: changes are made at that site from now on."""
        self._operator(request)
        asked = await _body(request, ("site", "old_answers"))
        site, answers = self._site(asked), asked.get("old_answers", False)
        if not isinstance(answers, bool):
            raise HTTPException(400, "old_answers: true or false is needed")
        board = self._hands.board
        if board.provisioned and board.provisioned.site != site:
            board.provisioned = None
        await self._told(heard(ProvisionAsked, site, answers))
        return JSONResponse({"site": site}, 202)

    async def _second(self, request: Request) -> Response:
        """Take note that a second site stands ready to be configured as the active one is."""
        self._operator(request)
        site = self._site(await _body(request, ("site",)))
        identifiers = {
            network.name: dict(_ids_at(network, site))
            for network in self._networks
        }
        await self._told(heard(SiteStands, site, identifiers))
        return JSONResponse({"site": site}, 202)

    def _site(self, asked: dict[str, Any]) -> str:
        site = _text(asked.get("site"), "site")
        sites = self._networks[0].sites
        if site not in sites:
            raise HTTPException(404, f"there are {' and '.join(sites)}")
        return site

    async def _told(self, event: Heard) -> None:
        """Tell the manager, and return when that is durable."""
        try:
            await asyncio.wrap_future(self._hands.tell(event))
        except StoppedError:
            raise _has_ended() from None

    def _operator(self, request: Request) -> None:
        if self._caller(request).name != OPERATORS:
            raise HTTPException(403, f"only {OPERATORS} may do this")

    def _caller(self, request: Request) -> TokenHolder:
        header = request.headers.get("authorization", "")
        holder = self._tokens.holder(header)
        if holder is None:
            raise HTTPException(
                401,
                "no such token: send the header Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )
        return holder


async def _answer(call: Future[AnswerCall]) -> Response:
    """Return the manager's answer; there is none when it has ended."""
    try:
        answer = await asyncio.wrap_future(call)
    except StoppedError:
        raise _has_ended() from None
    return JSONResponse(
        {
            "outcome": answer.outcome.value,
            "job": answer.job,
            "state": answer.state.value if answer.job else "",
        },
        STATUS[answer.outcome],
    )


def _has_ended() -> HTTPException:
    return HTTPException(503, "the manager has ended; ask again")


def _ids_at(network: NetworkConfig, site: str) -> Iterator[tuple[str, str]]:
    """Yield each thing of a network with its identifier at a site."""
    for entity in network.entities:
        for at, identifier in entity.ids:
            if at == site:
                yield entity.name, identifier


async def _description(request: Request) -> Response:
    return JSONResponse(openapi())


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = error.detail
    if told == HTTPStatus(error.status_code).phrase:  # it says no more
        told = (
            f"{told}: {request.method} {request.url.path[:LONGEST_NAME]}; "
            "GET /v1/openapi.json describes all calls"
        )
    return JSONResponse({"error": told}, error.status_code, error.headers)


async def _content(request: Request) -> bytes:
    """Return the bytes of a body; a client that is slow or leaves is no failure of the server."""
    content = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                content += part
                if len(content) > MOST_BYTES:
                    raise HTTPException(413, _TOO_LARGE)
    except TimeoutError:
        raise HTTPException(
            408, f"the body has not come within {BODY_S} s"
        ) from None
    except ClientDisconnect:
        raise HTTPException(400, "the body is cut off") from None
    return content


async def _body(request: Request, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON object that is sent: none, or some of those keys."""
    content = await _content(request)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, "the body is no JSON object")
    unknown = [key for key in found if key not in keys]
    if unknown:
        raise HTTPException(
            400, f"{unknown[0]}: there are {', '.join(keys)}"
        )
    return found


def _text(value: object, what: str) -> str:
    """Return a text that can be the name of something."""
    if not isinstance(value, str) or not value:
        raise HTTPException(400, f"{what}: a text is needed")
    if len(value) > LONGEST_NAME or not value.isprintable():
        raise HTTPException(
            400, f"{what}: {LONGEST_NAME} printable characters at most"
        )
    return value


def _in_path(request: Request, name: str) -> str:
    text = request.path_params[name]
    if "\ufffd" in text:  # stands for any bytes that are no text
        raise HTTPException(400, f"{name}: no valid UTF-8")
    return _text(text, name)


def _seen(header: str) -> int:
    """Return the number of changes that a caller has seen; -1: it does not say."""
    number = header.strip('"')
    fits = number.isascii() and len(number) <= _LONGEST_NUMBER
    if header and not (fits and number.isdigit()):
        raise HTTPException(400, 'If-Match: a number in quotes, as "3"')
    return int(number) if number else -1


def _params(value: object, thing: str) -> str:
    """Return the parameters as the manager takes them: '@' stands for an identifier, which differs
    from site to site.
    """
    if not isinstance(value, dict) or not all(
        map(_is_plain, (*value, *value.values()))
    ):
        raise HTTPException(400, "params: an object of texts is needed")
    own = {"id": f"@{thing}"}
    if value.get("id", own["id"]) != own["id"]:
        raise HTTPException(
            400, "params.id: leave it out, it is the thing's identifier"
        )
    params = json.dumps({**value, **own}, sort_keys=True)
    if len(params) > MOST_BYTES:
        raise HTTPException(413, _LONG_PARAMS)
    return params


def _is_plain(value: object) -> bool:
    """Tell whether a key or a value can be given to a script."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
