"""Serve a built site as a web host does: compressed, cacheable, over connections that stay open."""

from __future__ import annotations

import functools
import gzip
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

# What hosts compress; pictures and fonts are compressed already.
TEXT = ("text/", "application/javascript", "application/json", "application/xml", "image/svg")


class Server(ThreadingHTTPServer):
    """Serves the files of a folder, and counts what it sends."""

    # A page asks for more files at once than the five that wait by default.
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[tuple[str, int]] = []
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))

    @property
    def origin(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    """Answers as GitHub Pages does: gzip, ten minutes of cache, and the site's own 404 page."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def send_head(self) -> BinaryIO | None:  # type: ignore[override]
        """Send the head of an answer, and return its body."""
        file, address = Path(self.translate_path(self.path)), urlsplit(self.path).path
        if file.is_dir():
            if not address.endswith("/"):
                return super().send_head()  # type: ignore[return-value]  # a redirect
            file /= "index.html"
        found = file.is_file()
        file = file if found else Path(self.directory, "404.html")
        kind = self.guess_type(file)
        zipped = kind.startswith(TEXT)
        body = content(file, file.stat().st_mtime_ns, zipped)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Vary", "Accept-Encoding")
        self.end_headers()
        self.server.sent.append((address, len(body)))
        return io.BytesIO(body)


@functools.lru_cache(maxsize=1024)
def content(file: Path, changed: int, zipped: bool) -> bytes:
    """The bytes that are sent for a file, anew when it has changed."""
    data = file.read_bytes()
    return gzip.compress(data, 6) if zipped else data


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve a folder from a thread, on a free port of this machine."""
    with Server(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
