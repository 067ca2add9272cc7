"""The face of `dr-sim cloud`: the cloud manager in a real service."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
        type=Path,
        required=True,
        metavar="FILE",
        help="SQLite file that keeps requests and jobs; made if it is not there",
    )
    serve.add_argument(
        "--scripts",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="programs, each named as the operation that it does",
    )
    serve.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="callers and their tokens (default: FILE.tokens beside the store)",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address (default: loopback only)",
    )
    serve.add_argument(
        "--port", type=int, default=0, help="port (default: a free one)"
    )
    serve.set_defaults(command=_serve)


def _serve(a: argparse.Namespace) -> int:
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise input_error(
            "cloud serve",
            f"needs {' and '.join(missing)}: pip install 'dr-sim[cloud]'",
        )
    from dr_sim.live.cloud.serve import ServeOptions, serve
    from dr_sim.loading import load_scenario
    from dr_sim.world.cloud.manager_config import cloud_config

    scenario = load_scenario(a.scenario)
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
    options = ServeOptions(a.store, a.scripts, a.tokens, a.host, a.port)
    serve(config, options, lambda line: print(line, flush=True))
    return 0
