"""Dagster's UI answers its own address only, as `make ui` starts it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import pytest
import websockets

from engine.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", home)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        found = probe.getsockname()[1]
    log = home / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "trade_assets.web_server", str(found), "workspace.yaml"],
            env=os.environ | {"DAGSTER_HOME": str(home), "TRADE_DATA": str(home / "data")},
            cwd=PROJECT_ROOT,
            stderr=errors,
        )
    deadline = time.monotonic() + 120
    while asked(found, "/server_info") == 0:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield found
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []


def asked(port: int, path: str, body: bytes | None = None, **headers: str) -> int:
    """The status of an answer; 0 if there is none yet."""
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", body, headers), timeout=30) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
    except URLError:
        return 0


def test_its_own_pages_are_served(port):
    assert asked(port, "/") == 200
    assert asked(port, "/server_info", Host=f"localhost:{port}") == 200
    question = json.dumps({"query": "{ version }"}).encode()
    own = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
    assert asked(port, "/graphql", question, **own) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:3000"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_pages_of_others_are_refused(port, headers):
    assert asked(port, "/server_info", **headers) == 421
    question = json.dumps({"query": "mutation { reloadWorkspace { __typename } }"}).encode()
    assert asked(port, "/graphql", question, **{"Content-Type": "application/json", **headers}) == 421


def test_a_stream_of_another_page_is_refused(port):
    async def connect(origin: str) -> bool:
        try:
            async with websockets.connect(
                f"ws://127.0.0.1:{port}/graphql", origin=origin, subprotocols=["graphql-ws"], proxy=None
            ):
                return True
        except websockets.InvalidStatus:
            return False

    assert asyncio.run(connect(f"http://127.0.0.1:{port}"))
    assert not asyncio.run(connect("http://evil.example"))


def test_nothing_but_loopback_is_listened_on(port):
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5).close()
