"""Settings: everything that comes from the environment, read once and passed on as a value.

| variable              | what                                                    | default                  |
|-----------------------|---------------------------------------------------------|--------------------------|
| `TRADE_EXCHANGE`      | `sandbox` (the stand-in), `bybit`, `demo` or `imported` | `sandbox`                |
| `TRADE_DATA`          | base folder of all data; artifacts may be any URI below | `data` in the project    |
| `TRADE_ARTIFACTS`     | base URI of derived artifacts: a folder or object store | below `TRADE_DATA`       |
| `TRADE_CARDS`         | folder of the IdeaCards                                 | `idea_cards`             |
| `TRADE_SANDBOX_URL`   | where the sandbox exchange listens                      | `http://127.0.0.1:8765`  |
| `TRADE_HISTORY_START` | first day that is synced (UTC)                          | `2024-01-01`             |
| `TRADE_CLUSTER`       | workers: none, `local:4`, or the `tcp://host:8786` of Dask | none, this process    |
| `TRADE_SYMBOLS`       | symbols beside those the cards name, with commas; `all` | none                     |
| `TRADE_TIMEFRAMES`    | timeframes beside those the cards name, with commas     | none                     |

Keys are no settings: who trades reads them by itself (`engine.exchange.trading.environment`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from engine.errors import ConfigurationError
from engine.timeframes import Timeframe, parse_utc

PROJECT_ROOT = Path(__file__).resolve().parent.parent
BYBIT_URL = "https://api.bybit.com"
_ALL = "all"
_MOST_PROCESSES = 256


class Exchange(Enum):
    """Which exchange the market data come from. Each has its folder and its database.

    Bybit's demo trading has the market of the exchange itself; it is apart so that nothing made for demo
    accounts is taken for live. What was imported from files has no exchange behind it.
    """

    SANDBOX = "sandbox"
    BYBIT = "bybit"
    DEMO = "demo"
    IMPORTED = "imported"


@dataclass(frozen=True)
class Cluster:
    """Where work is done that one process is not enough for: Dask, here or elsewhere.

    Attributes
    ----------
    processes : int
        Of a cluster on this machine, which lives as long as the work.
    address : str or None
        Of the scheduler of one that is there.
    """

    processes: int = 0
    address: str | None = None

    @classmethod
    def parse(cls, text: str) -> Cluster | None:
        """Return what `text` names: "local:4", "tcp://host:8786", or None for nothing.

        Raises
        ------
        ConfigurationError
            If it is something else.
        """
        if not text:
            return None
        kind, _, rest = text.partition(":")
        if kind == "local" and rest.isdecimal() and 1 <= int(rest) <= _MOST_PROCESSES:
            return cls(processes=int(rest))
        if kind in ("tcp", "tls") and rest.startswith("//") and ":" in rest:
            return cls(address=text)
        raise ConfigurationError(
            f"{text!r} names no cluster",
            way_out="write local:4 for four processes here, or tcp://host:8786 for a Dask scheduler",
        )

    def __str__(self) -> str:
        return self.address or f"local:{self.processes}"


@dataclass(frozen=True)
class TradeSettings:
    """Where things are. Holds no secret."""

    exchange: Exchange
    data_dir: Path
    artifacts_uri: str
    cards_dir: Path
    sandbox_url: str
    history_start_ms: int
    extra_symbols: tuple[str, ...] = ()
    extra_timeframes: tuple[Timeframe, ...] = ()
    # `TRADE_SYMBOLS=all`: every symbol in `universe_file`, which `trade universe refresh` writes.
    all_symbols: bool = False
    cluster: Cluster | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TradeSettings:
        """Read the settings from `environment` (usually `os.environ`).

        Raises
        ------
        ConfigurationError
            If a variable has a value that cannot be used.
        """
        name = environment.get("TRADE_EXCHANGE", Exchange.SANDBOX.value)
        try:
            exchange = Exchange(name)
        except ValueError:
            raise ConfigurationError(
                f"TRADE_EXCHANGE is {name!r}",
                way_out=f"set it to {', '.join(each.value for each in Exchange)}, or unset it for sandbox",
            ) from None
        data_dir = Path(environment.get("TRADE_DATA", str(PROJECT_ROOT / "data"))).absolute()
        start = environment.get("TRADE_HISTORY_START", "2024-01-01")
        symbols = _listed(environment.get("TRADE_SYMBOLS", ""))
        return cls(
            exchange=exchange,
            data_dir=data_dir,
            artifacts_uri=environment.get("TRADE_ARTIFACTS", str(data_dir / exchange.value / "artifacts")),
            cards_dir=Path(environment.get("TRADE_CARDS", str(PROJECT_ROOT / "idea_cards"))).absolute(),
            sandbox_url=environment.get("TRADE_SANDBOX_URL", "http://127.0.0.1:8765").rstrip("/"),
            history_start_ms=parse_utc(start),
            extra_symbols=tuple(symbol for symbol in symbols if symbol != _ALL),
            extra_timeframes=tuple(map(Timeframe.parse, _listed(environment.get("TRADE_TIMEFRAMES", "")))),
            all_symbols=_ALL in symbols,
            cluster=Cluster.parse(environment.get("TRADE_CLUSTER", "")),
        )

    @property
    def exchange_url(self) -> str:
        """Base address of the exchange's public API; "" where there is no exchange."""
        if self.exchange is Exchange.IMPORTED:
            return ""
        return self.sandbox_url if self.exchange is Exchange.SANDBOX else BYBIT_URL

    @property
    def is_generated(self) -> bool:
        """Whether the market may be a made-up one, so that everything shown must say so."""
        return self.exchange is Exchange.SANDBOX

    @property
    def market_database(self) -> Path:
        """The DuckDB file of this exchange's market data; one per environment, never shared."""
        return self.database_of(self.exchange)

    def database_of(self, exchange: Exchange) -> Path:
        """Return the DuckDB file of an exchange's market data."""
        return self.data_dir / exchange.value / "market.duckdb"

    @property
    def universe_file(self) -> Path:
        """The list of the exchange's symbols, as last looked at."""
        return self.data_dir / self.exchange.value / "universe.json"

    @property
    def request_limit_file(self) -> Path:
        """Where all processes count their requests to the exchange. Bybit has one limit for all its hosts."""
        return self.data_dir / ("sandbox_requests" if self.exchange is Exchange.SANDBOX else "bybit_requests")

    @property
    def promotion_database(self) -> Path:
        """The DuckDB file of the append-only promotion ledger."""
        return self.data_dir / self.exchange.value / "promotion.duckdb"

    @property
    def shadow_folder(self) -> Path:
        """Where runs in shadow leave their evidence; see `engine.promotion.shadow_file`."""
        return self.data_dir / self.exchange.value / "shadow"

    @property
    def sweep_database(self) -> Path:
        """The DuckDB file of the append-only ledger of every trial of every sweep."""
        return self.data_dir / self.exchange.value / "sweeps.duckdb"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
