"""What an agent is told about this system before it begins."""

from __future__ import annotations

from engine.settings import TradeSettings
from engine.tools.mcp.permissions import Permissions

_GUIDE = """\
TRADE takes strategies for Bybit USDT perpetuals from an idea to a decision, and what is promoted to trading.
A strategy is an IdeaCard, a YAML file. Raw candles become healed candles, features, a backtest, metrics and a
decision; gates between them refuse what is not in order. A refusal is an answer, not a fault.

How to work here
1. Begin with cards_list and data_status: which cards there are, which candles are stored.
2. What a card can say is in the resources trade://cards/schema and trade://cards/reference. Read them before
   writing one, and check it with cards_validate, which names every problem and its way out.
3. backtest_run measures a card on one symbol, explain_trades and explain_moment say why it did what it did.
4. Never take a backtest for evidence. promotion_validate, where writing is enabled, asks whether it was luck:
   walk-forward, overfitting, stress, neighbouring parameters. Every variant tried counts against the result.
5. tools_list finds tools by category or words, with what each changes and costs. Long ones report progress,
   and stop at their next step if the call is cancelled.

What holds
- Every result says whose market it is of. A generated market is made up: its figures show what the system
  does, not what a strategy earns.
- Times are UTC epoch milliseconds in answers; arguments take 2025-01-31 or 2025-01-31T12:00. Amounts are
  USDT, prices and sizes of orders exact decimals as text.
- An error has a kind, a message and a way out. Follow the way out before trying something else.
- File arguments stay inside the project's data and cards. Leave `out` away: the default place is right.
- Orders pass the risk manager, whoever sends them. A refusal by it is final: never split, rename or repeat an
  order to get around a limit, and never halt or resume trading without a person having asked for it.
"""


def guide(permissions: Permissions, settings: TradeSettings) -> str:
    """Return the instructions of a server with these permissions over these settings."""
    writes = "enabled" if permissions.allow_writes else "off (a person enables them with --allow-writes)"
    trading = "enabled" if permissions.allow_trading else "off (a person enables it with --allow-trading)"
    return (
        f"{_GUIDE}\nThis server\n"
        f"- Market data: {settings.exchange.value}. Writing tools: {writes}. Trading: {trading}.\n"
    )
