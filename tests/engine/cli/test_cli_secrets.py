"""No secret leaves a trace: a whole session with planted ones, then a look through everything it wrote."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer, wall_clock_ms
from engine.timeframes import DAY_MS, format_utc

PROJECT = Path(__file__).resolve().parents[3]
TRADE = [sys.executable, "-c", "from engine.cli.main import main; main()"]
# each is unlike anything a program writes by itself
PLANTED = {
    "TRADE_SANDBOX_API_KEY": "PlantedSandboxKeyQ7",
    "TRADE_SANDBOX_API_SECRET": "PlantedSandboxSecretX4",
    "TRADE_DEMO_API_KEY": "PlantedDemoKeyR8",
    "TRADE_DEMO_API_SECRET": "PlantedDemoSecretV2",
    "TRADE_LIVE_API_KEY": "PlantedLiveKeyK5",
    "TRADE_LIVE_API_SECRET": "PlantedLiveSecretJ9",
    # nobody listens there
    "TRADE_DISCORD_WEBHOOK_URL": "https://127.0.0.1:9/api/webhooks/99887766/PlantedDiscordHook",
    "TRADE_WEBHOOK_URL": "https://127.0.0.1:9/PlantedWebhookPath",
}
TELEGRAM = "7461992035:AAPlantedTelegramTokenWithEnoughChars"
PASSWORD = "PlantedPasswordInAnAddress"
SECRETS = (*PLANTED.values(), "PlantedDiscordHook", "PlantedWebhookPath", TELEGRAM, PASSWORD)


@dataclass
class Session:
    """Commands in one environment; remembers what they said."""

    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    def trade(self, *words: str, **environment: str) -> str:
        """Run a command with every log there is, and return what it said on standard output."""
        done = subprocess.run(
            [*TRADE, *words],
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=240,
        )
        self.said += [done.stdout, done.stderr]
        return done.stdout

    def call(self, tool: str, **arguments: object) -> dict:
        """Call a tool and return its answer."""
        return json.loads(
            self.trade("tools", "call", tool, "--json-args", json.dumps(arguments), "--yes", "--json")
        )


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with SandboxServer(GeneratedMarket()) as server:
        account = {key: PLANTED[f"TRADE_SANDBOX_API_{key.upper()}"] for key in ("key", "secret")}
        body = json.dumps(account).encode()
        asked = Request(f"{server.url}/sandbox/accounts", body, {"Content-Type": "application/json"})
        urlopen(asked, timeout=10).close()
        yield server.url


@pytest.fixture(scope="module")
def session(tmp_path_factory, sandbox_url) -> Session:
    home = tmp_path_factory.mktemp("session")
    (home / "dagster").mkdir()
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", home / "dagster")
    (home / "cards").mkdir()
    text = (PROJECT / "idea_cards" / "channel_breakout.yaml").read_text()
    (home / "cards" / "channel_breakout.yaml").write_text(
        text.replace("[BTCUSDT, ETHUSDT, SOLUSDT]", "[BTCUSDT]")
    )
    return Session(
        {
            **PLANTED,
            "TRADE_DATA": str(home / "data"),
            "TRADE_CARDS": str(home / "cards"),
            "DAGSTER_HOME": str(home / "dagster"),
            "TRADE_SANDBOX_URL": sandbox_url,
            "TRADE_HISTORY_START": format_utc(wall_clock_ms() - 60 * DAY_MS)[:10],
            "TRADE_DEBUG": "1",
            "HOME": str(home),
        }
    )


def research(session: Session) -> None:
    """Raw candles to a decision, and a report."""
    run = json.loads(session.trade("run", "channel_breakout", "--json"))
    assert run["ok"], run["error"]
    session.trade("report")


def trading(session: Session) -> None:
    """The account, an order, and what can go wrong with a key."""
    assert session.call("account.show")["ok"]
    session.call("orders.place", symbol="BTCUSDT", side="Buy", size="0.001", kind="Market")
    for odd in (PLANTED["TRADE_DEMO_API_SECRET"], f"{PLANTED['TRADE_LIVE_API_SECRET']} and more", ""):
        refused = session.trade("tools", "call", "account.show", "--json", TRADE_SANDBOX_API_SECRET=odd)
        assert not json.loads(refused)["ok"]


def mistakes(session: Session) -> None:
    """What a person gets wrong, with secrets where they do not belong."""
    with_password = f"http://planted:{PASSWORD}@127.0.0.1:9"
    session.trade("init", TRADE_SANDBOX_URL=with_password)
    session.trade("universe", "refresh", TRADE_SANDBOX_URL=with_password)
    session.trade("cards", "show", PLANTED["TRADE_LIVE_API_SECRET"])
    session.trade("data", "query", f"SELECT '{PLANTED['TRADE_DEMO_API_SECRET']}' AS said", "--json")
    session.call("notifications.test")
    # without a chat it cannot be used
    session.trade("tools", "call", "notifications.test", "--yes", "--json", TRADE_TELEGRAM_TOKEN=TELEGRAM)
    for mode in ("shadow", "live"):
        session.trade("live", "start", "channel_breakout", "--mode", mode, "--for", "0.01", "--json")


def agent(session: Session) -> None:
    """An agent's session, with its own mistakes."""

    async def run() -> None:
        server = StdioServerParameters(
            command=TRADE[0],
            args=[*TRADE[1:], "mcp", "serve", "--allow-writes", "--allow-trading"],
            env=os.environ | session.environment,
            cwd=PROJECT,
        )
        said = session.environment["HOME"] + "/mcp_errors.txt"
        with open(said, "w") as errors:
            from mcp.client.stdio import stdio_client

            async with Client(stdio_client(server, errlog=errors), read_timeout_seconds=120) as client:
                session.said.append(client.instructions or "")
                session.said.append(str(await client.list_tools()))
                for name, arguments in (
                    ("account_show", {}),
                    ("orders_list", {}),
                    ("data_sync", {"symbols": ["BTCUSDT"], "timeframes": ["1h"]}),
                    ("cards_show", {"card": PLANTED["TRADE_SANDBOX_API_SECRET"]}),
                    ("data_query", {"sql": f"SELECT '{TELEGRAM}' AS said"}),
                    ("live_run", {"cards": ["channel_breakout"], "mode": "live"}),
                    ("tools_list", {"search": PLANTED["TRADE_SANDBOX_API_KEY"]}),
                    ("no_such_tool", {"token": PLANTED["TRADE_LIVE_API_SECRET"]}),
                ):
                    session.said.append(str(await client.call_tool(name, arguments)))
                for resource in (await client.list_resources()).resources:
                    session.said.append(str(await client.read_resource(resource.uri)))

    anyio.run(run)


def spellings(secret: str) -> tuple[bytes, ...]:
    """What a secret looks like in a file or an address."""
    return tuple(
        dict.fromkeys((secret.encode(), quote(secret, safe="").encode(), base64.b64encode(secret.encode())))
    )


@pytest.mark.parametrize("part", [research, trading, mistakes, agent])
def test_no_secret_leaves_a_trace(session: Session, part: Callable[[Session], None]):
    """The parts build on each other's data; after each, everything written so far is looked through."""
    part(session)
    spoken = "\n".join(session.said).encode()
    home = Path(session.environment["HOME"])
    written = [path for path in home.rglob("*") if path.is_file()]
    assert len(written) > 5
    found = [
        (str(path.relative_to(home)), secret)
        for path in written
        for content in (path.read_bytes(),)
        for secret in SECRETS
        if any(spelling in content for spelling in spellings(secret))
    ]
    assert found == []
    leaks = [secret for secret in SECRETS if any(spelling in spoken for spelling in spellings(secret))]
    assert leaks == [], [
        line for line in spoken.decode().splitlines() if any(leak in line for leak in leaks)
    ][:5]


def test_the_search_would_find_one(tmp_path):
    (tmp_path / "log").write_bytes(b"... " + base64.b64encode(PASSWORD.encode()) + b" ...")
    assert any(spelling in (tmp_path / "log").read_bytes() for spelling in spellings(PASSWORD))
