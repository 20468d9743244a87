"""Agents reach the same tools by the official client, over both transports, and no more than was enabled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

from engine.redaction import Redactor
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.settings import PROJECT_ROOT, TradeSettings
from engine.timeframes import parse_utc
from engine.tools.catalogue import full_registry
from engine.tools.cost import CostScale, ToolCost
from engine.tools.mcp.permissions import Permissions, wire_name
from engine.tools.mcp.server import McpFace, build_server
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolRegistry, ToolSpec

SERVE = ["-c", "from engine.cli.main import main; main()", "mcp", "serve"]
HANDSHAKE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def call(result):
    """The registry's result inside a protocol's answer."""
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


def over_stdio(use, *options, **environment):
    """Start the server as an agent's host does, and use a client on it."""

    async def run():
        server = StdioServerParameters(
            command=sys.executable,
            args=[*SERVE, *options],
            env={**os.environ, **environment},
            cwd=PROJECT_ROOT,
        )
        async with Client(server, read_timeout_seconds=60) as client:
            return await use(client)

    return anyio.run(run)


@contextmanager
def http_server(*options, **environment) -> Iterator[str]:
    """The address of a server over HTTP, as long as it is needed."""
    process = subprocess.Popen(
        [sys.executable, *SERVE, "--http", "0", "--json", *options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    )
    try:
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        yield json.loads("".join(lines))["url"]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def sandbox_url():
    with SandboxServer(GeneratedMarket(), now_ms=FrozenClock(parse_utc("2025-01-11"))) as server:
        yield server.url


@pytest.fixture
def environment(tmp_path, sandbox_url):
    return {
        "TRADE_DATA": str(tmp_path / "data"),
        "TRADE_SANDBOX_URL": sandbox_url,
        "TRADE_HISTORY_START": "2025-01-01",
    }


@pytest.fixture
def context(environment):
    return ToolContext(TradeSettings.from_environment(environment), lambda: parse_utc("2025-01-11"))


def in_process(registry, context, use, permissions=None):
    """Use a client on a server in this process."""
    face = McpFace(registry, context, permissions or Permissions())

    async def run():
        async with Client(build_server(face), mode="legacy", read_timeout_seconds=30) as client:
            return await use(client)

    return anyio.run(run)


def test_an_agent_works_over_stdio(environment):
    steps = []

    async def note(done, total, message):
        steps.append((done, total, message))

    async def use(client):
        names = {tool.name for tool in (await client.list_tools()).tools}
        synced = await client.call_tool(
            "data_sync", {"symbols": ["BTCUSDT"], "timeframes": ["1h"]}, progress_callback=note
        )
        counted = await client.call_tool("data_query", {"sql": "SELECT count(*) FROM ohlcv"})
        refused = await client.call_tool("cards_show", {"card": "no_such_card"})
        return names, synced, counted, refused, client.instructions

    names, synced, counted, refused, instructions = over_stdio(use, "--allow-writes", **environment)
    assert {"data_sync", "cards_list", "backtest_run", "tools_list"} <= names
    assert not synced.is_error
    assert call(counted)["data"]["rows"] == [[240]]
    # every step counts further than the one before, and the last is the end
    assert [step[0] for step in steps] == sorted({step[0] for step in steps})
    assert steps[-1][:2] == (1, 1)
    assert steps[-1][2].startswith("sync: 1 of 1")
    assert refused.is_error
    assert call(refused)["error"]["kind"] == "ConfigurationError"
    assert call(refused)["error"]["way_out"]
    assert "Writing tools: enabled. Trading: off" in instructions


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ((), signal.SIGINT),
        ((), signal.SIGTERM),
        ((), None),  # its input ends
        (("--http", "0", "--json"), signal.SIGINT),
        (("--http", "0", "--json"), signal.SIGTERM),
    ],
)
def test_a_server_ends_when_it_is_told_to(options, way, tmp_path):
    process = subprocess.Popen(
        [sys.executable, *SERVE, *options],
        env=os.environ | {"TRADE_DATA": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    )
    if not options:
        process.stdin.write(json.dumps(HANDSHAKE) + "\n")
        process.stdin.flush()
    assert process.stdout.readline()
    if way is None:
        process.stdin.close()
    else:
        process.send_signal(way)
    assert process.wait(timeout=60) == (-signal.SIGTERM if options and way == signal.SIGTERM else 0)
    assert "Traceback" not in process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    process.stdin.close()


def test_an_agent_works_over_http(environment):
    async def use(client):
        tools = (await client.list_tools()).tools
        return tools, await client.call_tool("cards_list"), await client.read_resource("trade://cards/schema")

    with http_server(**environment) as url:

        async def run():
            async with Client(url, read_timeout_seconds=30) as client:
                return await use(client)

        tools, cards, schema = anyio.run(run)
    assert [card["id"] for card in call(cards)["data"]["cards"]]
    assert json.loads(schema.contents[0].text)["properties"]["signal_rules"]
    assert "data_sync" not in {tool.name for tool in tools}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_a_page_of_somebody_else_is_refused(headers, status, mcp_url):
    asked = Request(
        mcp_url,
        data=json.dumps(HANDSHAKE).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        },
    )
    try:
        with urlopen(asked, timeout=10) as answer:
            found = answer.status
    except HTTPError as error:
        found = error.code
    assert found == status


@pytest.fixture(scope="module")
def mcp_url(tmp_path_factory):
    with http_server(TRADE_DATA=str(tmp_path_factory.mktemp("mcp"))) as url:
        assert url.startswith("http://127.0.0.1:")
        yield url


def test_only_what_is_enabled_can_be_called(context):
    registry = ToolRegistry()
    done = []
    for effect in SideEffect:

        def handler(_asked, _context, effect=effect):
            done.append(effect)

        registry.register(ToolSpec(f"{effect.value}.it", "Do it.", effect, NoInput, handler))

    async def use(client):
        names = {tool.name for tool in (await client.list_tools()).tools}
        answers = {effect: await client.call_tool(f"{effect.value}_it") for effect in SideEffect}
        return names, answers

    for permissions, able in (
        (Permissions(), {SideEffect.READ, SideEffect.COMPUTE}),
        (Permissions(allow_writes=True), {SideEffect.READ, SideEffect.COMPUTE, SideEffect.WRITE}),
        (Permissions(allow_trading=True), {SideEffect.READ, SideEffect.COMPUTE, SideEffect.TRADE}),
        (Permissions(allow_writes=True, allow_trading=True), set(SideEffect)),
    ):
        done.clear()
        names, answers = in_process(registry, context, use, permissions)
        assert set(done) == able
        assert names == {f"{effect.value}_it" for effect in able}
        for effect in set(SideEffect) - able:
            assert answers[effect].is_error
            assert "--allow-" in call(answers[effect])["error"]["way_out"]


def test_tools_say_what_they_do_to_the_world(context):
    registry = full_registry()

    async def use(client):
        return (await client.list_tools()).tools

    everything = Permissions(allow_writes=True, allow_trading=True)
    tools = {tool.name: tool for tool in in_process(registry, context, use, everything)}
    assert set(tools) == {wire_name(spec.name) for spec in registry.list()}
    for spec in registry.list():
        tool = tools[wire_name(spec.name)]
        assert tool.input_schema == spec.input_schema()
        assert spec.cost.scale.value in tool.description
        assert tool.annotations.read_only_hint is (spec.side_effect is SideEffect.READ)
        if spec.side_effect is SideEffect.TRADE:
            assert tool.annotations.destructive_hint is True
    assert tools["features_prune"].annotations.destructive_hint is True
    assert tools["data_sync"].annotations.destructive_hint is False


def test_documents_are_looked_up_and_never_paths(context):
    async def use(client):
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        texts = {uri: (await client.read_resource(uri)).contents[0].text for uri in listed}
        refused = []
        for uri in (
            "trade://cards/id/../../README.md",
            "trade://cards/id/no_such_card",
            "file:///etc/passwd",
            "trade://reports/backtest/../../etc/passwd",
        ):
            with pytest.raises(MCPError, match="there is no document"):
                await client.read_resource(uri)
            refused.append(uri)
        return texts, refused

    texts, refused = in_process(full_registry(), context, use)
    assert len(refused) == 4
    assert texts["trade://cards/schema"] == (PROJECT_ROOT / "idea_cards" / "schema.json").read_text()
    assert texts["trade://cards/reference"] == (PROJECT_ROOT / "idea_cards" / "REFERENCE.md").read_text()
    assert "id: trend_pullback" in texts["trade://cards/id/trend_pullback"]
    assert "promotion_validate" in texts["trade://guide"]


def test_a_report_is_a_document(context):
    folder = context.settings.data_dir / "sandbox" / "artifacts" / "reports" / "my_card"
    folder.mkdir(parents=True)
    (folder / "BTCUSDT_1h.html").write_text("<html>figures</html>")

    async def use(client):
        return (await client.read_resource("trade://reports/pipeline/my_card/BTCUSDT_1h")).contents[0]

    document = in_process(full_registry(), context, use)
    assert (document.text, document.mime_type) == ("<html>figures</html>", "text/html")


def test_file_arguments_of_an_agent_stay_inside(context, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text("id: planted_secret\n")
    link = context.settings.data_dir / "link.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)

    async def use(client):
        answers = [
            await client.call_tool("cards_show", {"card": str(card)})
            for card in (
                "/etc/passwd.yaml",
                "../../../etc/x.yml",
                outside,
                link,
                PROJECT_ROOT / ".git" / "x.YAML",
            )
        ]
        answers.append(await client.call_tool("data_import", {"format": "plain", "files": ["/etc/passwd"]}))
        answers.append(await client.call_tool("data_export", {"folder": str(PROJECT_ROOT / "engine")}))
        answers.append(await client.call_tool("features_reference", {"out": str(tmp_path / "x.md")}))
        ledger = str(context.settings.promotion_database)
        answers.append(await client.call_tool("features_reference", {"out": ledger}))
        return answers

    for answer in in_process(full_registry(), context, use, Permissions(allow_writes=True)):
        assert answer.is_error
        assert "is not where files may be" in answer.content[0].text or "database" in answer.content[0].text
        assert "planted_secret" not in answer.content[0].text


def test_without_writes_nobody_says_where_files_go(context):
    async def use(client):
        return await client.call_tool(
            "features_draw",
            {"symbol": "BTCUSDT", "timeframe": "1h", "out": str(context.settings.data_dir / "pictures")},
        )

    answer = in_process(full_registry(), context, use)
    assert "may not say where files are written" in call(answer)["error"]["message"]


def test_a_cancelled_call_stops_at_its_next_step(context):
    registry = ToolRegistry()
    began, ended = threading.Event(), threading.Event()
    noticed = []

    def handler(_asked, inside):
        inside.progress.start("long", 1_000_000)
        began.set()
        try:
            for _ in range(1_000_000):
                inside.progress.advance("long")
                ended.wait(0.001)
        except Exception as error:
            noticed.append(type(error).__name__)
            raise
        finally:
            ended.set()

    registry.register(ToolSpec("long.work", "Work.", SideEffect.READ, NoInput, handler))

    async def use(client):
        with anyio.move_on_after(30) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "long_work")
                await anyio.to_thread.run_sync(began.wait)
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(ended.wait)
        return scope.cancelled_caught

    assert in_process(registry, context, use) is False
    assert noticed == ["CallCancelled"]


def test_a_panic_waits_for_nothing_else(context):
    registry = ToolRegistry()
    release = threading.Event()

    in_vain = []

    def wait(_asked, _context):
        if not release.wait(10):
            in_vain.append(True)

    endless = ToolCost(CostScale.UNTIL_STOPPED, "time")
    waiting = [
        ToolSpec("panic.run", "Run.", SideEffect.TRADE, NoInput, wait, endless),
        ToolSpec("orders.place", "Order.", SideEffect.TRADE, NoInput, wait),
        *(ToolSpec(f"write.{number}", "Write.", SideEffect.WRITE, NoInput, wait) for number in range(3)),
        *(ToolSpec(f"read.{number}", "Read.", SideEffect.READ, NoInput, wait) for number in range(6)),
    ]
    for spec in waiting:
        registry.register(spec)
    registry.register(
        ToolSpec("panic.now", "Stop.", SideEffect.TRADE, NoInput, lambda _asked, _context: release.set())
    )

    async def use(client):
        async with anyio.create_task_group() as group:
            for spec in waiting:
                group.start_soon(client.call_tool, wire_name(spec.name))
            await anyio.sleep(0.1)
            answer = await client.call_tool("panic_now")
        return answer

    everything = Permissions(allow_writes=True, allow_trading=True)
    answer = in_process(registry, context, use, everything)
    assert not answer.is_error
    assert in_vain == []


def test_an_answer_that_is_too_long_is_told_and_not_sent(context):
    registry = ToolRegistry()
    registry.register(
        ToolSpec("much.text", "Say.", SideEffect.READ, NoInput, lambda _asked, _context: "x" * 500_000)
    )

    async def use(client):
        return await client.call_tool("much_text")

    answer = in_process(registry, context, use)
    assert call(answer)["error"]["kind"] == "AnswerTooLong"
    assert len(answer.content[0].text) < 1_000


def test_secrets_leave_no_answer(context):
    secret = "Zq7wPlantedSecret42"
    registry = ToolRegistry()

    def fail(_asked, _context):
        raise RuntimeError(f"signed with {secret}")

    registry.register(ToolSpec("broken.call", "Fail.", SideEffect.READ, NoInput, fail))
    registry.register(
        ToolSpec("echo.it", "Say.", SideEffect.READ, NoInput, lambda _asked, _context: [{"said": secret}])
    )

    async def use(client):
        return [await client.call_tool(name) for name in ("broken_call", "echo_it")]

    told = replace(context, redactor=Redactor([secret]))
    for answer in in_process(registry, told, use):
        assert secret not in answer.content[0].text
        assert "***" in answer.content[0].text


def test_an_unknown_tool_and_bad_arguments_are_tool_errors(context):
    async def use(client):
        return [
            await client.call_tool("no_such_tool"),
            await client.call_tool("cards_show", {}),
            await client.call_tool("cards_show", {"card": 7, "deep": {"er": [1]}}),
            await client.call_tool("cards.show", {"card": "trend_pullback"}),
        ]

    unknown, missing, wrong, right = in_process(full_registry(), context, use)
    assert [call(answer)["error"]["kind"] for answer in (unknown, missing, wrong)] == [
        "UnknownTool",
        "BadArguments",
        "BadArguments",
    ]
    assert not right.is_error
