"""Servers that nobody here knows, each with the command that starts it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from harness import DevServer, write_file

OURS = (sys.executable, "-m", "django_autoreload_plus")

CODE = """\
VERSION = 0


def number():
    return 0
"""

FILES = {
    "code_.py": CODE,
    "project/__init__.py": "",
    "project/asgi.py": """
import code_


async def application(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
    text = f"{code_.VERSION} {code_.number()}".encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
""",
    "project/wsgi.py": """
import code_


def application(environ, start_response):
    text = f"{code_.VERSION} {code_.number()}".encode()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]
""",
    "project/lazy.py": """
def application(environ, start_response):
    from project import wsgi

    return wsgi.application(environ, start_response)
""",
    "plain.py": """
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import code_


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        if self.path == "/stream":
            self.end_headers()
            while True:
                self.wfile.write(b"more ")
                time.sleep(0.01)
        text = f"{code_.VERSION} {code_.number()}".encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
""",
    "streams.py": """
import asyncio
import sys

import code_


async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            text = f"{code_.VERSION} {code_.number()}".encode()
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(text) + text)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
""",
}

PAGE = Path(__file__).resolve().parents[2] / "docs" / "servers.md"
#: The lines to copy of the page, and one for the event loop that uvicorn takes without uvloop.
LINES = [
    *re.findall(r"^\| [^|]+ \| `autoreload-plus ([^`]+)` \|", PAGE.read_text(), re.MULTILINE),
    "uvicorn --loop asyncio --port 8000 project.asgi:application",
]


def write_files(folder: Path) -> None:
    """Write the programs into ``folder``."""
    for file, text in FILES.items():
        write_file(folder / file, text)


def server_in(folder: Path, line: str) -> DevServer:
    """Write the programs into ``folder`` and return the server, not yet started."""
    write_files(folder)
    words = line.replace("8000", "{port}").split()
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return DevServer(folder, command=(*OURS, *words), env={"PATH": scripts})
