"""What `make serve-feed` prints, pasted on a router, and what that router then fetches."""

import threading
import urllib.request
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from sdkless import makefiles, serve, usign


@pytest.fixture
def key(built):
    return usign.Key(built.parent.parent / "feed-key")


def test_the_two_lines_make_a_router_trust_the_key_and_know_the_feed(built, key, router):
    (router.root / "etc/opkg/keys").mkdir(parents=True)
    feeds = router.root / "etc/opkg/customfeeds.conf"
    feeds.write_text("# add your custom package feeds here\nsrc/gz mine http://example/feed\n")
    text = serve.instructions(key, "192.168.1.2", 8088, built)
    lines = [line for line in text.splitlines() if line.startswith(("printf ", "sed "))]
    assert len(lines) == 2
    for _ in range(2):  # somebody who pastes them again does no harm
        for line in lines:
            router.run("ash", "-c", line)
    assert (router.root / "etc/opkg/keys" / key.fingerprint).read_text() == (built / "key.pub").read_text()
    assert feeds.read_text().splitlines()[1:] == ["src/gz mine http://example/feed",
                                                  "src/gz ipop http://192.168.1.2:8088"]
    assert "http://[fd00::2]:8088" in serve.instructions(key, "fd00::2", 8088, built)


def test_a_router_fetches_the_index_and_each_package(built, packages):
    handler = partial(serve.SimpleHTTPRequestHandler, directory=built)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for name in ["Packages.gz", "Packages.sig", *(package.file.name for package in packages.values())]:
            with urllib.request.urlopen(f"{address}/{name}") as answer:
                assert answer.read() == (built / name).read_bytes()
        server.shutdown()


@pytest.mark.parametrize("damage", ("", "a key\n", "untrusted comment: half a key\nRWRCSw==\n", None))
def test_a_damaged_key_is_told_and_left_alone(tmp_path, damage):
    path = tmp_path / "key"
    usign.Key(path)
    if damage is None:  # one letter is another one
        text = path.read_text()
        damage = text[:-40] + ("a" if text[-40] != "a" else "b") + text[-39:]
    path.write_text(damage)
    with pytest.raises(makefiles.BuildError, match="move it away"):
        usign.Key(path)
    assert path.read_text() == damage
