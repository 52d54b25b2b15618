"""A web server on this machine whose folder page has whatever links a test wants."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def album(links: Sequence[str], photo: bytes) -> Iterator[str]:
    """Serve a page at /album with links, and a photo wherever they lead; yield the page's address."""
    page = "".join(f'<a href="{link}">a photo</a>\n' for link in links).encode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            is_page = self.path.rstrip("/") == "/album"
            body = page if is_page else photo
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "image/png")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/album"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
