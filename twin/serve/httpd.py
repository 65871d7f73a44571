"""The HTTP server around the routes: bounded in connections, bytes and time, one call each.

A connection carries one request and closes with the answer, so that what befalls a connection
befalls one attempt of one call.
"""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from twin.errors import UsageError
from twin.serve.routes import Reply, respond
from twin.serve.runs import Runs
from twin.serve.status import retry_after
from twin.tools.catalogue import error_answer

LOOPBACK = "127.0.0.1"
MAX_BODY = 4 * 2**20
"""Most bytes of a request; a tool's own limit is smaller."""
MAX_CONNECTIONS = 64
IDLE_S = 5.0
"""A connection that says nothing for so long is closed."""
CONNECTION_S = 30.0
"""No connection lives longer."""
POLL_S = 0.1


def _host(header: str) -> str:
    """The host that a client asked for, without its port; empty when it cannot be read."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class ToolHTTPServer(ThreadingHTTPServer):
    """Serves runs; a context manager that listens while its block lasts."""

    daemon_threads = False
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, runs: Runs, host: str = LOOPBACK, port: int = 0) -> None:
        self.runs = runs
        self.turned_away = 0
        self.failed = 0
        self.local = is_loopback(host)
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._since: dict[Any, float] = {}
        self._thread: threading.Thread | None = None
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise UsageError("cannot listen", f"{host}:{port}", str(error)) from None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port on which it listens."""
        return str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where clients find it."""
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> ToolHTTPServer:
        self._thread = threading.Thread(
            target=self.serve_forever, args=(POLL_S,), name="tool-server"
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more connections, close those that are open, wait for their threads."""
        self.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._close_older_than(0.0)
        self.server_close()
        self.runs.stop()

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, as http.server would."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, or turn it away when there are too many."""
        if not self._room.acquire(blocking=False):
            self.turned_away += 1
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, then make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._since.pop(request, None)
            self._room.release()

    def service_actions(self) -> None:
        """Close what has been open for too long."""
        self._close_older_than(CONNECTION_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is counted; nothing is printed."""
        self.failed += 1

    def _close_older_than(self, seconds: float) -> None:
        limit = time.monotonic() - seconds
        for request, since in list(self._since.items()):
            if since <= limit:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # It was closed while we looked.
                    self._since.pop(request, None)


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    server: ToolHTTPServer
    protocol_version = "HTTP/1.1"
    server_version = "twin"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self) -> None:
        """Read."""
        self._serve()

    def do_POST(self) -> None:
        """Call a tool, or control a run."""
        self._serve()

    def do_DELETE(self) -> None:
        """Forget a run."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: stdout and stderr belong to the command."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """An error of HTTP itself, in the form of a tool's."""
        self._send(Reply(code, error_answer("", "", "parse_error", message or explain or "")))

    def _serve(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._send(refusal)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.title(): text for name, text in self.headers.items()}
        self._send(respond(self.server.runs, self.command, self.path, headers, body))

    def _refusal(self) -> Reply | None:
        """Why a request is not even read."""
        host = _host(self.headers.get("Host") or "")
        if self.server.local and (not is_loopback(host) or self.headers.get("Origin")):
            # A page in a browser may not reach through to this machine.
            return Reply(403, error_answer("", "", "invalid_request", "not from this machine"))
        lengths = self.headers.get_all("Content-Length", ["0"])
        length = lengths[0] if len(lengths) == 1 else ""
        if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            return Reply(411, error_answer("", "", "parse_error", "a Content-Length is needed"))
        if len(length) > 10 or int(length) > MAX_BODY:
            return Reply(413, error_answer("", "", "parse_error", f"at most {MAX_BODY} bytes"))
        return None

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.body is None:
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.retry_after_s is not None:
            self.send_header("Retry-After", retry_after(reply.retry_after_s))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()
