"""The HTTP API: every answer is as its description says, and wrong calls are one clear line."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dr_sim.live.cloud.openapi import openapi
from dr_sim.live.cloud.web import BODY_S, MOST_BYTES, STATUS, ApiApp
from tests.cloud.bench import config
from tests.live.cloud.serving import SCENARIO, Served, script, within

ASKED: dict[str, Any] = {"operation": "rotate_secret", "network": "prod", "thing": "crm"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    script(folder, "rotate_secret")
    script(folder, "set_version")
    tokens = folder / "cloud.db.tokens"
    tokens.write_text(
        "operators token-of-operators\nportal token-of-portal--\n"
        "crew token-of-the-crew networks=prod operations=set_version\n"
    )
    tokens.chmod(0o600)
    with Served(folder) as found:
        assert found.start()
        yield found


def as_described(method: str, path: str, status: int, answer: Any) -> None:
    """Fail unless the description has such an answer of that path."""
    document = openapi()
    for template, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            content = item[method.lower()]["responses"][str(status)]["content"]
            schema = {**content["application/json"]["schema"], "components": document["components"]}
            jsonschema.validate(answer, schema)
            return
    raise AssertionError(f"{path} is not described")


def ask(
    served: Served,
    path: str,
    body: Any = None,
    method: str = "PUT",
    caller: str = "operators",
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    token = served.token(caller) if caller else ""
    status, answer = served.http(method, path, content, token, headers)
    as_described(method, path, status, answer)
    return status, answer


# (what is asked for, who asks, the answer)
CALLS = [
    ("r1", ASKED, "operators", (202, "accepted")),
    ("r1", ASKED, "operators", (200, "again")),
    ("r1", {**ASKED, "params": {"id": "@crm"}}, "operators", (200, "again")),
    ("r1", {**ASKED, "params": {"size": "2"}}, "operators", (409, "conflict")),
    ("r1", {**ASKED, "operation": "set_version"}, "operators", (409, "conflict")),
    ("r2", {**ASKED, "network": "gov", "thing": "shop"}, "portal", (403, "forbidden")),
    ("r3", {**ASKED, "network": "none"}, "operators", (403, "forbidden")),
    ("r4", {**ASKED, "thing": "shop"}, "operators", (404, "unknown")),
    ("r5", {**ASKED, "operation": "drop"}, "operators", (404, "unknown")),
    ("r6", {**ASKED, "params": {"from": "@shop"}}, "operators", (404, "unknown")),
    ("r7", ASKED, "crew", (403, "forbidden")),
    ("r8", {**ASKED, "operation": "set_version"}, "crew", (202, "accepted")),
]


def test_calls(served: Served) -> None:
    """In this order: what is known answers otherwise when it is asked again."""
    for request_id, asked, caller, wanted in CALLS:
        status, answer = ask(served, f"/v1/requests/{request_id}", asked, caller=caller)
        assert (status, answer["outcome"]) == wanted, (request_id, asked)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "the body is no JSON object"),
        (b"[" * 50_000, 400, "the body is no JSON object"),
        ([], 400, "the body is no JSON object"),
        ({**ASKED, "thing": 3}, 400, "thing: a text is needed"),
        ({**ASKED, "thing": "a\nb"}, 400, "thing: 200 printable characters at most"),
        ({**ASKED, "things": "crm"}, 400, "things: there are operation, network, thing, params"),
        ({**ASKED, "params": {"a": 1}}, 400, "params: an object of texts is needed"),
        ({**ASKED, "params": {"a": "\0"}}, 400, "params: an object of texts is needed"),
        ({**ASKED, "params": {"a": "\ud800"}}, 400, "params: an object of texts is needed"),
        ({**ASKED, "params": {"id": "mine"}}, 400, "params.id: leave it out"),
        ({**ASKED, "params": {"\ud800": "a"}}, 400, "params: an object of texts is needed"),
        ({**ASKED, "params": {"a": "x" * MOST_BYTES}}, 413, "the body is larger"),
        # two bytes each here, six in the environment of the script
        (
            json.dumps({**ASKED, "params": {"a": "é" * 30_000}}, ensure_ascii=False).encode(),
            413,
            "params: they are longer",
        ),
    ],
)
def test_a_wrong_body_is_one_clear_line(served: Served, body: Any, status: int, words: str) -> None:
    found, answer = ask(served, "/v1/requests/wrong", body)
    assert (found, answer["error"][: len(words)]) == (status, words)
    assert ask(served, "/v1/requests/wrong", b"", "GET")[1]["outcome"] == "unknown"


@pytest.mark.parametrize("request_id", ["r1>site_b.0", "r1@site_b"])
def test_an_id_that_could_name_another_ones_job_is_refused(served: Served, request_id: str) -> None:
    status, answer = ask(served, f"/v1/requests/{request_id}", ASKED)
    assert (status, answer["error"]) == (400, "request: an id without / > @")


def test_without_a_token_nothing_is_told(served: Served) -> None:
    for path, method in (
        ("/v1/requests/r1", "GET"),
        ("/v1/requests/r1", "PUT"),
        ("/v1/status", "GET"),
    ):
        assert ask(served, path, ASKED, method, caller="")[0] == 401
    assert served.http("GET", "/v1/requests/r1", None, "token-of-nobody")[0] == 401


def test_a_caller_sees_its_own_requests_alone(served: Served) -> None:
    assert ask(served, "/v1/requests/own", ASKED, caller="portal")[0] == 202
    assert ask(served, "/v1/requests/own", b"", "GET", caller="portal")[0] == 200
    assert ask(served, "/v1/requests/own", b"", "GET")[0] == 404


def test_a_put_twice_is_one_and_a_put_on_an_older_state_is_refused(served: Served) -> None:
    path = "/v1/networks/prod/things/crm/set_version"
    outcomes = [
        ask(served, path, {"params": {"to": to}}, headers={"If-Match": seen})[1]["outcome"]
        for to, seen in (("1", '"0"'), ("1", '"0"'), ("2", '"0"'), ("2", '"1"'))
    ]
    assert outcomes == ["accepted", "again", "stale", "accepted"]
    assert ask(served, path, {}, headers={"If-Match": "x"})[0] == 400


def test_operators_see_drift_and_switch_the_mirror(served: Served) -> None:
    assert ask(served, "/v1/networks/prod/mirror", {"on": False})[1] == {"on": False}
    ask(served, "/v1/requests/late", ASKED)

    def drift() -> Any:
        return ask(served, "/v1/status", b"", "GET")[1]["drift"].get("prod", {})

    # what earlier tests asked for may still be on its way to the second site
    within(20, lambda: drift().get("changes"))
    assert re.fullmatch(r"20\S+Z", drift()["since"])
    ask(served, "/v1/networks/prod/mirror", {"on": True})
    within(20, lambda: drift()["changes"] == 0)
    for path, method in (("/v1/status", "GET"), ("/v1/networks/prod/mirror", "PUT")):
        assert ask(served, path, {"on": False}, method, caller="portal")[0] == 403
    assert ask(served, "/v1/networks/none/mirror", {"on": True})[0] == 404
    assert ask(served, "/v1/work/done", {"network": "prod", "work": "none"}, "POST")[0] == 404


def test_every_path_is_described_and_every_outcome_has_its_status(served: Served) -> None:
    status, document = served.http("GET", "/v1/openapi.json")
    assert (status, document) == (200, openapi())
    described = {
        (path, method.upper())
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    routes = ApiApp(None, None, config()).app().routes  # type: ignore[arg-type]
    there = {
        (route.path, method)  # type: ignore[attr-defined]
        for route in routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert there - described == {("/v1/openapi.json", "GET")} and described <= there
    told = {
        s
        for item in document["paths"].values()
        for s in item.get("put", item.get("get", {})).get("responses", ())
    }
    assert {str(status) for status in STATUS.values()} <= told


def test_what_is_nowhere_is_said_so(served: Served) -> None:
    all_calls = "; GET /v1/openapi.json describes all calls"
    for method, path, status, told in (
        ("GET", "/v1/nothing", 404, "Not Found"),
        ("GET", "/v1/status/", 404, "Not Found"),
        ("DELETE", "/v1/requests/r1", 405, "Method Not Allowed"),
    ):
        told = f"{told}: {method} {path}{all_calls}"
        assert served.http(method, path) == (status, {"error": told})


def test_an_id_that_is_no_text_is_not_taken_for_another_one(served: Served) -> None:
    for request_id in ("%ff", "%fe"):
        status, answer = ask(served, f"/v1/requests/{request_id}", ASKED)
        assert (status, answer["error"]) == (400, "request: no valid UTF-8")


@pytest.mark.parametrize("number", ['"' + "9" * 5000 + '"', '"-1"', "*", '"\xb2"'])
def test_a_number_of_changes_that_is_none(served: Served, number: str) -> None:
    path = "/v1/networks/prod/things/crm/set_version"
    status, answer = ask(served, path, {}, headers={"If-Match": number})
    assert (status, answer["error"]) == (400, 'If-Match: a number in quotes, as "3"')


def unfinished(served: Served) -> socket.socket:
    """A client that has sent the first bytes of a body."""
    client = socket.create_connection(("127.0.0.1", served.port), timeout=3 * BODY_S)
    head = "PUT /v1/requests/slow HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n"
    token = f"Authorization: Bearer {served.token('operators')}\r\n\r\n"
    client.sendall(f'{head}{token}{{"oper'.encode())
    return client


def test_clients_that_leave_or_are_slow_have_one_answer_and_no_traceback(tmp_path: Path) -> None:
    """The slow one is answered at the end of the server as well."""
    script(tmp_path, "rotate_secret")
    with Served(tmp_path) as served:
        served.start()
        for _ in range(3):
            unfinished(served).close()
        slow = unfinished(served)
        assert served.put("beside")[0] == 202
        assert b" 408 " in slow.recv(100)
        slow.close()
        slow = unfinished(served)
        assert served.put("later")[0] == 202  # by now the slow one is heard
        assert served.stop() == (0, "")
        assert b" 408 " in slow.recv(100)
        slow.close()


def test_the_agents_of_a_newer_script_get_it_at_the_next_start(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    with Served(tmp_path) as served:
        served.start()
        served.put("r1")
        within(20, lambda: len(served.effects()) == 4)
        served.stop()
        script(tmp_path, "rotate_secret", "say newer")
        served.start()
        served.put("r2")
        within(20, lambda: len(served.effects()) == 10)
        assert [line.split()[4] for line in served.effects()[4:]] == ["begun", "newer", "done"] * 2


def sites(served: Served) -> Any:
    return ask(served, "/v1/status", b"", "GET")[1]["sites"]


def test_operators_read_the_rows_of_networks_things_and_open_jobs(tmp_path: Path) -> None:
    """The script waits until its rows have been read."""
    script(tmp_path, "rotate_secret", "while [ ! -e go ]; do sleep 0.02; done")
    with Served(tmp_path) as served:
        served.start()
        status, told = ask(served, "/v1/networks", b"", "GET")
        jsonschema.validate(told, openapi()["components"]["schemas"]["Networks"])
        assert status == 200 and [row["name"] for row in told["networks"]] == ["prod", "gov"]
        prod = told["networks"][0]
        crm, *farms = prod.pop("things")
        ids = crm.pop("identifiers")
        assert set(ids) == {"A", "B"} and len(set(ids.values())) == 2
        assert crm == {"name": "crm", "kind": "database", "tenants": ["other"], "version": 0}
        assert {row["kind"] for row in farms} == {"farm"}
        assert prod == {
            "name": "prod",
            "active": "A",
            "second": "B",
            "mirror_on": True,
            "jobs": [],
        }
        served.put("r1")
        within(20, lambda: served.state("r1") == "running")
        (job,) = ask(served, "/v1/networks", b"", "GET")[1]["networks"][0]["jobs"]
        assert (job["job"], job["site"], job["thing"]) == ("operators/r1", "A", "crm")
        assert job["attempt"] >= 1
        (tmp_path / "go").touch()

        def first() -> Any:
            return ask(served, "/v1/networks", b"", "GET")[1]["networks"][0]

        within(20, lambda: first()["things"][0]["version"] == 1 and not first()["jobs"])
        assert ask(served, "/v1/networks", b"", "GET", caller="portal")[0] == 403
        assert ask(served, "/v1/networks", b"", "GET", caller="")[0] == 401


def test_a_client_that_is_added_later_gets_a_token(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    with Served(tmp_path) as served:
        served.start()
        served.stop()
        before = (tmp_path / "cloud.db.tokens").read_text()
        later = SCENARIO.replace("clients: {", "clients: {late one: {calls: 1 per min}, ")
        (tmp_path / "served.yaml").write_text(later)
        served.start()
        served.stop()
        added = (tmp_path / "cloud.db.tokens").read_text().removeprefix(before)
        assert re.fullmatch(r"'late one' \S{43}\n", added)
        served.start()
        assert (tmp_path / "cloud.db.tokens").read_text() == before + added
        token = added.split()[-1]
        status, answer = served.http(
            "PUT", "/v1/requests/r1", json.dumps({**ASKED, "thing": "crm"}).encode(), token
        )
        assert (status, answer["outcome"]) == (202, "accepted")


def test_a_failover_and_a_second_site_that_is_made_anew(tmp_path: Path) -> None:
    """Changes go on at B. When A is there again it is made what B is, and follows."""
    for name in ("rotate_secret", "rebuild"):
        script(tmp_path, name)
    with Served(tmp_path) as served:
        served.start()
        served.put("r1")
        within(20, lambda: len(served.effects()) == 4)
        assert ask(served, "/v1/active", {"site": "C"})[0] == 404
        assert ask(served, "/v1/active", {"site": "B", "old_answers": 1})[0] == 400
        assert ask(served, "/v1/active", {"site": "B"}, caller="portal")[0] == 403
        for _ in range(2):
            assert ask(served, "/v1/active", {"site": "B"}) == (202, {"site": "B"})

        def provisioned() -> Any:
            return ask(served, "/v1/status", b"", "GET")[1]["provisioned"]

        assert sites(served)["prod"]["active"] == "B"
        within(20, provisioned)
        assert provisioned()["site"] == "B"
        served.put("r2")
        within(20, lambda: served.state("r2") == "done")
        served.kill()
        served.start()
        assert within(20, provisioned)["site"] == "B"  # as nobody may have heard it
        assert [line.split()[0] for line in served.effects()[4:]] == ["B", "B"]
        assert sites(served)["prod"] == {"active": "B", "second": ""}
        assert ask(served, "/v1/second", {"site": "A"}) == (202, {"site": "A"})
        assert sites(served)["prod"] == {"active": "B", "second": "A"}
        within(20, lambda: len(served.effects()) == 8)
        assert served.effects()[6].startswith("A crm set/prod/crm>A")
        served.put("r3")
        within(20, lambda: len(served.effects()) == 12)
        assert [line.split()[0] for line in served.effects()[8:]] == ["B", "B", "A", "A"]
