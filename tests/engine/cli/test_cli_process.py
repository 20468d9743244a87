"""`trade` as a process: what it imports, how it is interrupted, what it shows of a fault."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

TRADE = [sys.executable, "-c", "from engine.cli.main import main; main()"]
HEAVY = (
    "dagster",
    "duckdb",
    "matplotlib",
    "mcp",
    "numba",
    "pandas",
    "pandas_ta",
    "pandera",
    "plotly",
    "pybit",
    "uvicorn",
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRADE, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*TRADE, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("arguments", [["--help"], ["cards", "list"]])
def test_light_commands_import_nothing_heavy(arguments):
    script = (
        f"import sys; sys.argv = ['trade', *{arguments!r}]\n"
        "from engine.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_installed_command_is_the_same_program():
    installed = Path(sys.executable).with_name("trade")
    done = subprocess.run([installed, "cards", "list", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ok"] is True


def test_a_traceback_is_shown_only_to_those_who_look_for_a_fault():
    arguments = ("cards", "show", "no_such_card")
    plain, debug = run(*arguments), run(*arguments, TRADE_DEBUG="1")
    assert plain.returncode == debug.returncode == 1
    assert "Traceback" not in plain.stdout + plain.stderr
    assert "Traceback" in debug.stderr


def test_ctrl_c_ends_a_run_in_dagster_with_130(tmp_path):
    """Dagster takes the signal for a failed step and would try again; the user wants it to stop."""
    (tmp_path / "home").mkdir()
    places = {"TRADE_DATA": str(tmp_path / "data"), "DAGSTER_HOME": str(tmp_path / "home")}
    with started("demo", **places) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "data" / "sandbox" / "market.duckdb").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "promoted" not in output


def test_ctrl_c_ends_a_command_with_130(tmp_path):
    """The exchange accepts the connection and never answers; the user gives up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with started("sync", TRADE_SANDBOX_URL=url, TRADE_DATA=str(tmp_path)) as process:
            listener.settimeout(30)
            connection, _ = listener.accept()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=15)
            connection.close()
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_the_sandbox_serves_until_it_is_interrupted():
    with started("sandbox", "--port", "0", "--now", "2025-03-01", "--json") as process:
        said = read_json(process)
        assert said["market"] == {"kind": "generated", "identity": "sandbox:generated:seed=7"}
        assert "BTCUSDT" in said["symbols"]
        with urlopen(f"{said['url']}/v5/market/time", timeout=5) as answer:
            assert json.load(answer)["time"] == 1_740_787_200_000  # 2025-03-01
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_sandbox_fails_on_demand_at_a_clock_that_runs(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("scripted: [{fault: http_status, status: 503, path: time, numbers: [1]}]")
    arguments = ("--now", "2025-03-01", "--speed", "100000", "--faults", str(plan), "--enforce-limit")
    with started("sandbox", "--port", "0", *arguments, "--json") as process:
        said = read_json(process)
        assert said["stream_url"] == said["url"].replace("http", "ws") + "/v5/public/linear"
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{said['url']}/v5/market/time", timeout=5)
        with urlopen(f"{said['url']}/v5/market/time", timeout=5) as answer:
            assert json.load(answer)["time"] > 1_740_787_200_000 + 60_000
            # the one before counted, too
            assert answer.headers["X-Bapi-Limit-Status"] == "598"


def read_json(process: subprocess.Popen[str]) -> dict:
    """Read one JSON document from the process's output, which goes on."""
    text, deadline = "", time.monotonic() + 30
    while time.monotonic() < deadline:
        text += process.stdout.readline()
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise AssertionError(f"no JSON within 30 s: {text}")


def test_a_taken_port_is_refused_with_its_number():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = run("sandbox", "--port", port)
    assert done.returncode == 1
    assert port in done.stderr
    assert "Way out" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--replay", "/nowhere"], ["--now", "soon"], ["--faults", "/nowhere"], ["--speed", "-1"]]
)
def test_a_sandbox_that_cannot_start_says_why(arguments):
    done = run("sandbox", "--port", "0", *arguments)
    assert done.returncode == 1
    assert arguments[1] in done.stderr
    assert "Traceback" not in done.stderr
