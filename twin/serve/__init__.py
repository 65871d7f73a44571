"""The tools of a run behind a real socket: an HTTP server on loopback, and an MCP server."""

from twin.serve.httpd import ToolHTTPServer
from twin.serve.run import ToolRun
from twin.serve.runs import Runs

__all__ = ["Runs", "ToolHTTPServer", "ToolRun"]
