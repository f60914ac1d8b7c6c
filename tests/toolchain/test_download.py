import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from infra.errors import PlatformError
from infra.local.toolchain import download

CONTENT = b"x" * 300_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT on loopback; `faults` says what goes wrong with the next replies."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.content = CONTENT
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/release.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked += 1
        fault = server.faults.pop(0) if server.faults else "none"
        if fault == "absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(server.content)))
        self.end_headers()
        if fault == "cut":
            self.wfile.write(server.content[: len(server.content) // 2])
        elif fault == "changed":
            self.wfile.write(b"y" * len(server.content))
        else:
            self.wfile.write(server.content)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_whole_file_arrives_with_progress(server, tmp_path):
    seen = []
    download.fetch(
        server.url, SHA256, tmp_path / "file", watch=lambda done, total: seen.append((done, total))
    )

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_cut_off_download_is_tried_again(server, tmp_path):
    server.faults = ["cut", "cut"]
    download.fetch(server.url, SHA256, tmp_path / "file", pause=0)

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == 3


@pytest.mark.parametrize(("fault", "words"), [("cut", "broke off|ended after"), ("changed", "its hash is")])
def test_a_download_that_stays_wrong_is_an_error_and_leaves_nothing(server, tmp_path, fault, words):
    server.faults = [fault] * 3

    with pytest.raises(PlatformError, match=words):
        download.fetch(server.url, SHA256, tmp_path / "file", pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_the_file_is_out_of_reach(server, tmp_path):
    server.faults = ["absent"]

    with pytest.raises(download.OutOfReachError):
        download.fetch(server.url, SHA256, tmp_path / "file")


def test_a_dead_server_is_out_of_reach(server, tmp_path):
    server.shutdown()
    server.server_close()

    with pytest.raises(download.OutOfReachError):
        download.fetch(server.url, SHA256, tmp_path / "file")


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    archive = tmp_path / "release.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        entry = tarfile.TarInfo("../escaped")
        entry.size = 1
        content.addfile(entry, io.BytesIO(b"x"))

    with pytest.raises(PlatformError, match="cannot be unpacked"):
        download.unpack(archive, tmp_path / "into")
    assert not (tmp_path / "escaped").exists()


def test_a_damaged_archive_is_an_error_in_words(tmp_path):
    (tmp_path / "release.tar.gz").write_bytes(b"not an archive")

    with pytest.raises(PlatformError, match="cannot be unpacked"):
        download.unpack(tmp_path / "release.tar.gz", tmp_path / "into")
