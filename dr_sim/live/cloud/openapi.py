"""The description of the API, as OpenAPI 3.1, which `GET /v1/openapi.json` gives."""

from __future__ import annotations

from typing import Any

from dr_sim.cloud.words import CallOutcome, JobState
from dr_sim.version import VERSION

LONGEST_NAME = 200
_TOLD: dict[int, str] = {
    200: "Known: asked for before, or found.",
    202: "Accepted: what was asked for is durable.",
    400: "The body or the name is not as described.",
    401: "There is no such token.",
    403: "The caller may not do that there.",
    404: "There is no such operation, network, thing or request.",
    408: "The body did not come in time.",
    409: "The id is known with other parameters; nothing is changed.",
    412: "The thing was changed meanwhile; nothing is changed.",
    413: "The body or its parameters are too large.",
}
_ASKED = (200, 202, 400, 401, 403, 404, 408, 409, 413)
_PUT = (*_ASKED, 412)
_READ = (200, 400, 401, 404)
_OPERATORS = (200, 401, 403)


def _name(what: str) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_NAME,
        "description": what,
    }


_PARAMS = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "Texts for the script; @NAME stands for the identifier of a thing at the site.",
}
_OUTCOMES = [each.value for each in CallOutcome]
_STATES = [each.value for each in JobState]
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}


def _row(**columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(columns),
        "additionalProperties": False,
        "properties": columns,
    }


_THING_ROW = _row(
    name=_TEXT,
    kind=_TEXT,
    tenants={"type": "array", "items": _TEXT},
    version={
        **_NUMBER,
        "description": "Number of changes at the active site.",
    },
    identifiers={
        "type": "object",
        "additionalProperties": _TEXT,
        "description": "By site, as the mapping table has them now.",
    },
)
_JOB_ROW = _row(
    job=_TEXT,
    site=_TEXT,
    thing=_TEXT,
    script=_TEXT,
    attempt=_NUMBER,
)
_NETWORK_ROW = _row(
    name=_TEXT,
    active=_TEXT,
    second=_TEXT,
    mirror_on={"type": "boolean"},
    things={"type": "array", "items": _THING_ROW},
    jobs={
        "type": "array",
        "items": _JOB_ROW,
        "description": "Jobs that are not over, the oldest first.",
    },
)
SCHEMAS: dict[str, Any] = {
    "Answer": {
        "type": "object",
        "required": ["outcome", "job", "state"],
        "additionalProperties": False,
        "properties": {
            "outcome": {"enum": _OUTCOMES},
            "job": {"type": "string"},
            "state": {"enum": ["", *_STATES]},
        },
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    },
    "Change": {
        "type": "object",
        "required": ["operation", "network", "thing"],
        "additionalProperties": False,
        "properties": {
            "operation": _name("Name of a script."),
            "network": _name("Network of the scenario."),
            "thing": _name("Database or farm of that network."),
            "params": _PARAMS,
        },
    },
    "State": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"params": _PARAMS},
    },
    "Status": {
        "type": "object",
        "required": ["sites", "drift", "work", "notices", "provisioned"],
        "properties": {
            "sites": {
                "type": "object",
                "description": "By network: `active`, where changes are made, and `second`, where "
                "they are mirrored to ('' if there is none).",
            },
            "drift": {
                "type": "object",
                "description": "By network: since when changes wait for the other site. A network "
                "is absent until the manager has found such a change since its start.",
            },
            "work": {"type": "array", "items": {"type": "object"}},
            "provisioned": {"type": ["object", "null"]},
            "notices": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Networks": {
        "type": "object",
        "required": ["networks"],
        "additionalProperties": False,
        "properties": {
            "networks": {"type": "array", "items": _NETWORK_ROW},
        },
    },
    "Done": {
        "type": "object",
        "required": ["network", "work"],
        "additionalProperties": False,
        "properties": {
            "network": _name("Network of the work."),
            "work": {"type": "string", "description": "Name of the work."},
        },
    },
    "Active": {
        "type": "object",
        "required": ["site"],
        "additionalProperties": False,
        "properties": {
            "site": _name("Site where changes are made from now on."),
            "old_answers": {
                "type": "boolean",
                "description": "The site before can still be reached.",
            },
        },
    },
    "Site": {
        "type": "object",
        "required": ["site"],
        "additionalProperties": False,
        "properties": {"site": _name("Name of a site: A or B.")},
    },
    "Mirror": {
        "type": "object",
        "required": ["on"],
        "additionalProperties": False,
        "properties": {"on": {"type": "boolean"}},
    },
}


def _body(schema: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"required": True, "content": {"application/json": content}}


def _responses(statuses: tuple[int, ...], schema: str) -> dict[str, Any]:
    found = {}
    for status in sorted(statuses):
        # a call that the manager has heard is answered by it, whatever the answer
        heard = schema == "Answer" and status not in (400, 401, 408, 413)
        error = status >= 400 and not heard
        name = "Error" if error else schema
        content = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        found[str(status)] = {
            "description": _TOLD[status],
            "content": {"application/json": content},
        }
    return found


def _in_path(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for name in names
    ]


_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "Number of changes of the state that the caller has seen; 0: none.",
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}


def openapi() -> dict[str, Any]:
    """Return the document."""
    request = {
        "put": {
            "operationId": "ask",
            "summary": "Ask for a change, once, however often the call is made.",
            "requestBody": _body("Change"),
            "responses": _responses(_ASKED, "Answer"),
        },
        "get": {
            "operationId": "read",
            "summary": "Ask how a request of the caller's stands.",
            "responses": _responses(_READ, "Answer"),
        },
        "parameters": _in_path("request"),
    }
    state = {
        "put": {
            "operationId": "put",
            "summary": "Put one aspect of a thing into a state: the same put twice is one.",
            "requestBody": _body("State"),
            "responses": _responses(_PUT, "Answer"),
            "parameters": [_IF_MATCH],
        },
        "parameters": _in_path("network", "thing", "operation"),
    }
    status = {
        "get": {
            "operationId": "status",
            "summary": "Read drift, open work by hand, and the newest notices (operators only).",
            "responses": _responses(_OPERATORS, "Status"),
        }
    }
    networks = {
        "get": {
            "operationId": "networks",
            "summary": "Read the rows of networks, databases and farms, and the jobs that are not "
            "over (operators only).",
            "responses": _responses(_OPERATORS, "Networks"),
        }
    }
    done = {
        "post": {
            "operationId": "done",
            "summary": "Say that people have done a piece of work (operators only).",
            "requestBody": _body("Done"),
            "responses": _responses(
                (*_OPERATORS, 400, 404, 408, 413), "Status"
            ),
        }
    }
    mirror = {
        "put": {
            "operationId": "mirror",
            "summary": "Switch the mirror of a network on or off (operators only).",
            "requestBody": _body("Mirror"),
            "responses": _responses(
                (*_OPERATORS, 400, 404, 408, 413), "Mirror"
            ),
        },
        "parameters": _in_path("network"),
    }
    active = {
        "put": {
            "operationId": "active",
            "summary": "Order a failover to a site; `provisioned` in the status says when it is "
            "configured (operators only).",
            "requestBody": _body("Active"),
            "responses": _responses(
                (202, 400, 401, 403, 404, 408, 413), "Site"
            ),
        }
    }
    second = {
        "put": {
            "operationId": "second",
            "summary": "Say that a second site is in place; it is made what the active one is "
            "(operators only).",
            "requestBody": _body("Site"),
            "responses": _responses(
                (202, 400, 401, 403, 404, 408, 413), "Site"
            ),
        }
    }
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cloud manager of dr_sim", "version": VERSION},
        "security": [{"token": []}],
        "paths": {
            "/v1/requests/{request}": request,
            "/v1/networks/{network}/things/{thing}/{operation}": state,
            "/v1/networks/{network}/mirror": mirror,
            "/v1/active": active,
            "/v1/second": second,
            "/v1/work/done": done,
            "/v1/status": status,
            "/v1/networks": networks,
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": bearer},
        },
    }
