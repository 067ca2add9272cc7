"""The face of `dr-sim cloud`: the cloud manager in a real service."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dr_sim.cli.options import add_seed, add_set, count
from dr_sim.cli.printing import show
from dr_sim.errors import input_error

_NEEDS = ("starlette", "uvicorn")


def add_cloud(commands: Any) -> None:
    """Add `dr-sim cloud` and its parts."""
    cloud = commands.add_parser(
        "cloud", help="run the cloud manager in a real service"
    )
    parts = cloud.add_subparsers(metavar="PART", required=True)
    serve = parts.add_parser(
        "serve", help="answer requests over HTTP and run scripts"
    )
    serve.add_argument(
        "scenario",
        type=Path,
        help="networks, clients, jobs and mirror (YAML)",
    )
    serve.add_argument(
        "--store",
        required=True,
        metavar="FILE",
        help="SQLite file for requests and jobs, created if it does not "
        "exist; or the URL of a PostgreSQL database (postgresql://...), "
        "with --agents",
    )
    serve.add_argument(
        "--scripts",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder of programs; each has the name of its operation",
    )
    serve.add_argument(
        "--agents",
        type=Path,
        metavar="FOLDER",
        help="memory of the agents, their copies of scripts, and output "
        "(default: FILE.agents beside the store)",
    )
    serve.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="callers and their tokens (default: FILE.tokens beside the "
        "store; with a URL, FOLDER/tokens)",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address (default: loopback only)",
    )
    serve.add_argument(
        "--port", type=int, default=0, help="port (default: a free one)"
    )
    add_set(serve)
    serve.set_defaults(command=_serve)
    _add_chaos(parts)


def _add_chaos(parts: Any) -> None:
    chaos = parts.add_parser(
        "chaos",
        help="play a scenario's clients and faults against a real API",
    )
    chaos.add_argument("scenario", type=Path, help="scenario file (YAML)")
    against = chaos.add_mutually_exclusive_group(required=True)
    against.add_argument(
        "--real",
        action="store_true",
        help="use `dr-sim cloud serve` over loopback, and compare it "
        "with the model",
    )
    against.add_argument(
        "--api",
        metavar="MODULE:FACTORY",
        help="use your own API",
    )
    chaos.add_argument(
        "--kills",
        type=count,
        default=0,
        metavar="N",
        help="with --real: also kill the server in the middle of N calls",
    )
    chaos.add_argument(
        "--store",
        default="",
        metavar="URL",
        help="with --real: an empty PostgreSQL database for the server's "
        "state (default: an SQLite file)",
    )
    add_seed(chaos)
    add_set(chaos)
    chaos.set_defaults(command=_chaos)


def _check_extra(*more: str) -> None:
    needs = (*_NEEDS, *more)
    missing = [name for name in needs if find_spec(name) is None]
    if missing:
        raise input_error(
            "dr-sim cloud",
            f"needs {' and '.join(missing)}: pip install 'dr-sim[cloud]'",
        )


def _chaos(a: argparse.Namespace) -> int:
    from dr_sim.chaos.own_server import ServedScenario
    from dr_sim.chaos.run import against_own_api, against_own_server
    from dr_sim.loading import load_scenario

    scenario = load_scenario(a.scenario, a.set, a.seed)
    if a.real:
        _check_extra(*_check_url(a.store))
        served = ServedScenario(a.scenario, tuple(a.set), a.store)
        found = against_own_server(scenario, served, a.kills)
    else:
        for name, value in (("--kills", a.kills), ("--store", a.store)):
            if value:
                raise input_error(name, "goes with --real only")
        found = against_own_api(scenario, a.scenario.name, a.api)
    show(found.screen(a.scenario.name))
    return found.exit_code


def _check_url(store: str) -> tuple[str, ...]:
    """Return the further modules that a store needs. Raises InputError where it is no URL."""
    from dr_sim.stores import POSTGRES_SCHEMES

    if not store:
        return ()
    if not store.startswith(POSTGRES_SCHEMES):
        raise input_error("--store", "write postgresql://HOST/DATABASE")
    return ("psycopg",)


def _serve(a: argparse.Namespace) -> int:
    _check_extra()
    from dr_sim.live.cloud.serve import ServeOptions, serve
    from dr_sim.loading import load_scenario
    from dr_sim.scenario.keys.cloud_keys import scripts_are_real
    from dr_sim.world.cloud.manager_config import cloud_config

    real = scripts_are_real.set(True)
    try:
        scenario = load_scenario(a.scenario, a.set)
    finally:
        scripts_are_real.reset(real)
    if scenario.cloud is None:
        raise input_error(
            str(a.scenario), "has no cloud manager: write `networks`"
        )
    if scenario.cloud.machines is not None:
        raise input_error(
            str(a.scenario),
            "has machines, which a real service cannot deploy yet: leave out `images`",
        )
    config = cloud_config(scenario.cloud, scenario)
    options = ServeOptions(
        a.store, a.scripts, a.agents, a.tokens, a.host, a.port
    )
    if options.in_postgres:
        _check_extra("psycopg")
        if a.agents is None:
            raise input_error(
                "--store", "with a URL, name the agents' folder (--agents)"
            )
    elif "://" in a.store:
        raise input_error(
            "--store", "write a file's name, or postgresql://HOST/DATABASE"
        )
    serve(config, options, lambda line: print(line, flush=True))
    return 0
