"""Starting and stopping the sandbox: in a thread, as a program, and where the port is taken."""

import signal
import socket
import subprocess
import sys

import pytest
import requests

from engine.errors import ConfigurationError
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer, serve

PROGRAM = """
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, serve
clock = FrozenClock(1_700_000_000_000)
serve(GeneratedMarket(3), port=0, now_ms=clock, on_start=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def identity(url):
    return requests.get(f"{url}/sandbox/identity", timeout=10).json()["identity"]


def test_a_server_lives_as_long_as_its_block():
    with SandboxServer(GeneratedMarket(1)) as first, SandboxServer(GeneratedMarket(2)) as second:
        assert (identity(first.url), identity(second.url)) == (
            "sandbox:generated:seed=1",
            "sandbox:generated:seed=2",
        )
        url = first.url
    with pytest.raises(requests.ConnectionError):
        identity(url)


def test_a_server_can_start_again_on_its_port_at_once():
    server = SandboxServer(GeneratedMarket(1)).start()
    port = int(server.url.rpartition(":")[2])
    identity(server.url)
    server.stop()
    server.stop()
    with SandboxServer(GeneratedMarket(2), port) as again:
        assert identity(again.url) == "sandbox:generated:seed=2"


def test_a_server_listens_on_loopback_only():
    with SandboxServer(GeneratedMarket(1)) as server:
        port = int(server.url.rpartition(":")[2])
        # 127.0.0.2 is this machine too: a socket bound to every address would answer there
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_port_that_is_taken_is_named_with_a_way_out():
    with SandboxServer(GeneratedMarket(1)) as server:
        port = int(server.url.rpartition(":")[2])
        for start in (
            lambda: SandboxServer(GeneratedMarket(1), port).start(),
            lambda: serve(GeneratedMarket(1), port=port),
        ):
            with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}") as refused:
                start()
            assert "another port" in refused.value.way_out


def test_a_port_that_cannot_be_is_refused():
    with pytest.raises(ConfigurationError, match="70000"):
        SandboxServer(GeneratedMarket(1), 70_000).start()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_program_serves_until_it_is_interrupted(stop):
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        url = program.stdout.readline().strip()
        for _ in range(100):
            try:
                assert identity(url) == "sandbox:generated:seed=3"
                break
            except requests.ConnectionError:
                continue
        program.send_signal(stop)
        rest, _ = program.communicate(timeout=20)
    finally:
        program.kill()
        program.wait()
    if stop is signal.SIGINT:
        assert (rest.strip(), program.returncode) == ("ended", 0)
    else:
        assert program.returncode == -signal.SIGTERM
