"""The HTTP front of the cloud manager: requests in, the manager's answers out.

A request is put under an id of its caller's, so the same call may be made as often as one likes.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dr_sim.cloud.api import READ
from dr_sim.cloud.commands import AnswerCall
from dr_sim.cloud.words import CallOutcome
from dr_sim.live.cloud.hands import CloudHands
from dr_sim.live.cloud.tokens import TokenHolder, Tokens

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
LONGEST_NAME = 200
_TEXTS = ("operation", "network", "thing")


class ApiApp:
    def __init__(self, hands: CloudHands, tokens: Tokens) -> None:
        self._hands = hands
        self._tokens = tokens

    def app(self) -> Starlette:
        routes = [
            Route("/v1/requests/{request}", self._put, methods=["PUT"]),
            Route("/v1/requests/{request}", self._get, methods=["GET"]),
        ]
        return Starlette(
            routes=routes, exception_handlers={HTTPException: _refusal}
        )

    async def _put(self, request: Request) -> Response:
        caller = self._caller(request)
        asked = await _body(request)
        operation, network, thing = (
            _text(asked.get(name), name) for name in _TEXTS
        )
        params = _params(asked.get("params", {}), thing)
        if operation == READ:
            raise HTTPException(404, f"there is no operation {READ}")
        name = _name(request)
        return await self._answer(
            (caller.name, name, operation, network, thing, params, -1)
        )

    async def _get(self, request: Request) -> Response:
        caller = self._caller(request)
        name = _name(request)
        return await self._answer(
            (caller.name, name, READ, "", "", "{}", -1)
        )

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

    async def _answer(self, fields: tuple[str | int, ...]) -> Response:
        answer: AnswerCall = await asyncio.wrap_future(
            self._hands.call(*fields)
        )
        return JSONResponse(
            {
                "outcome": answer.outcome.value,
                "job": answer.job,
                "state": answer.state.value if answer.job else "",
            },
            STATUS[answer.outcome],
        )


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": error.detail}, error.status_code, error.headers
    )


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object that is sent."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(
                413, f"the body is larger than {MOST_BYTES} bytes"
            )
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, "the body is no JSON object")
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


def _name(request: Request) -> str:
    return _text(request.path_params["request"], "request")


def _params(value: object, thing: str) -> str:
    """Return the parameters as the manager takes them: '@' stands for an identifier, which differs
    from site to site.
    """
    if not isinstance(value, dict) or not all(
        map(_is_plain, value.values())
    ):
        raise HTTPException(400, "params: an object of texts is needed")
    own = {"id": f"@{thing}"}
    if value.get("id", own["id"]) != own["id"]:
        raise HTTPException(
            400, "params.id: leave it out, it is the thing's identifier"
        )
    return json.dumps({**value, **own}, sort_keys=True)


def _is_plain(value: object) -> bool:
    """Tell whether a value can be given to a script."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
