"""A server of scripted answers, whole or broken, and a clock that a test moves instead of waiting."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine.exchange.timing import Timing
from engine.timeframes import HOUR_MS, parse_utc

START = parse_utc("2024-03-01")

type Answer = tuple[int, str] | tuple[int, str, dict[str, str]] | str

# answers that are none: the connection is cut before, or inside the body; or the body comes byte by byte
DROPPED, TORN, DRIPPING = "dropped", "torn", "dripping"


def envelope(result, code=0, message="OK"):
    """Bybit's envelope as JSON."""
    return json.dumps({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": START})


def candle(hour, **changes):
    """One row of a kline answer, good unless changed."""
    row = {
        "ts": START + hour * HOUR_MS,
        "o": 10,
        "h": 12,
        "l": 9,
        "c": 11,
        "volume": 1,
        "turnover": 10,
        **changes,
    }
    return [str(value) for value in row.values()]


def kline_answer(*rows):
    """A kline answer of these rows."""
    return envelope({"category": "linear", "symbol": "BTCUSDT", "list": list(rows)})


@contextmanager
def exchange(*answers: Answer):
    """A server that gives these answers in turn, the last for ever; yields (url, paths)."""
    remaining = list(answers)
    paths: list[str] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536

        def do_GET(self):
            with lock:
                paths.append(self.path)
                answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            if answer == DROPPED:
                self.close_connection = True
                return
            whole = (200, kline_answer(candle(0)))
            status, body, headers = (*(whole if isinstance(answer, str) else answer), {})[:3]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer == TORN:
                self.wfile.write(body.encode()[:40])
                self.close_connection = True
            elif answer == DRIPPING:
                self._drip(body.encode())
            else:
                self.wfile.write(body.encode())

        def _drip(self, body):
            self.close_connection = True
            try:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.02)
            except OSError:
                pass  # the client has left

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Waits:
    """A clock that moves when somebody waits, and what was waited."""

    now_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept_s.append(seconds)
        self.now_s += seconds

    def epoch_ms(self) -> int:
        """`START` at the beginning, and with the clock from there."""
        return START + round((self.now_s - 1000.0) * 1000)

    @property
    def timing(self) -> Timing:
        """The clock as the client takes it; the longest jitter, so that a test knows it."""
        return Timing(
            monotonic_s=lambda: self.now_s,
            epoch_ms=self.epoch_ms,
            sleep=self.sleep,
            jitter=lambda low, high: high,
        )
