"""A server on loopback that keeps what is posted to it and gives scripted answers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def listening(*answers):
    """A server that gives these (status, body) in turn, the last for ever; and what came."""
    remaining, came = list(answers) or [(200, "{}")], []

    class Handler(BaseHTTPRequestHandler):
        wbufsize = 65536

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, json.loads(body)))
            status, text, headers = (*(remaining.pop(0) if len(remaining) > 1 else remaining[0]), {})[:3]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
