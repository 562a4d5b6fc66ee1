"""uhttpd with LuCI in it, as far as a browser can tell: a login, pages, their files, a menu, and JSON-RPC at /ubus.

    with Server(router) as server:
        page.goto(server.url)

The files come from the app and from the page host beside this (host/); or, with LUCI_FILES, folders with a real LuCI's
files (such as modules/luci-base/htdocs, themes/luci-theme-bootstrap/htdocs), divided by ':'.
"""

import json
import mimetypes
import os
import re
import sys
import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from catalogs import APP, CATALOGS, read_po
from luci_rpcd import Denied

HERE = Path(__file__).parent
ACL = APP / "root/usr/share/rpcd/acl.d/luci-app-ipop.json"
MENU = APP / "root/usr/share/luci/menu.d/luci-app-ipop.json"
HOST = [Path(path) for path in os.environ["LUCI_FILES"].split(":")] if "LUCI_FILES" in os.environ else [HERE / "host"]
FOLDERS = [APP / "htdocs", *HOST]
ENTRY = "/cgi-bin/luci/"
# What every LuCI has besides.
_MENU = {
    "admin": {"title": "Administration", "order": 10, "action": {"type": "firstchild"}},
    "admin/status": {"title": "Status", "order": 10, "action": {"type": "firstchild"}},
    "admin/status/overview": {"title": "Overview", "order": 1, "action": {"type": "view", "path": "status/index"}},
    "admin/vpn": {"title": "VPN", "order": 45, "action": {"type": "firstchild"}},
}


class Server:
    """Serves one Router at `url`, in the language of a browser that prefers it, or else in English."""

    def __init__(self, router):
        handler = type("Handler", (_Handler,), {"router": router})
        self._server = _Http(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def installed(folder):
    """The names of the files in a folder of what is served."""
    found = [path.name for root in FOLDERS for path in (root / folder.strip("/")).glob("*") if path.is_file()]
    return sorted(set(found))


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Browsers go away in the middle of an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    router = None

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/":
            self._redirect(ENTRY)
        elif path.startswith("/luci-static/"):
            self._static(path)
        elif path.startswith(ENTRY):
            self._page(path.removeprefix(ENTRY).strip("/"))
        else:
            self._send(404, "not found")

    def do_POST(self):
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path.startswith(("/ubus", ENTRY + "admin/ubus")):
            self._json(self._rpc(json.loads(body)))
        elif path.startswith(ENTRY + "admin/uci/"):
            self._apply(path.rpartition("/")[2])
        else:
            self._log_in(parse_qs(body.decode()))

    # --- pages

    def _page(self, path):
        if path == "admin/translations" or path.startswith("admin/translations/"):
            self._send(200, _translations(path.rpartition("/")[2]), "text/javascript")
            return
        session = self._session()
        if session is None:
            self._send(403, _LOGIN, "text/html")
        elif path == "admin/menu":
            self._json(_tree(self.router, session))
        else:
            menu = _menu()
            path = path or "admin/vpn/ipop"
            while menu.get(path, {}).get("action", {}).get("type") == "firstchild":
                below = [key for key in menu if key.rpartition("/")[0] == path]
                path = min(below, key=lambda key: menu[key].get("order", 1000))
            if path not in menu:
                self._send(404, "no such page")
            else:
                self._send(200, _render(self.router, session, path, self._language()), "text/html")

    def _language(self):
        wanted = self.headers.get("Accept-Language", "en").split(",")[0].lower()
        return {"de": "de", "zh": "zh-cn"}.get(wanted[:2], "en")

    def _log_in(self, form):
        session = self.router.log_in(form.get("luci_username", [""])[0], form.get("luci_password", [""])[0])
        if session is None:
            self._send(403, _LOGIN, "text/html")
        else:
            self._redirect(self.path, f"sysauth_http={session}; Path=/; HttpOnly; SameSite=Strict")

    def _session(self):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("sysauth_http")
        return cookie.value if cookie and self.router.user(cookie.value) else None

    def _apply(self, what):
        session = self._session()
        if session is None or not self.router.allows(session, "ubus", "uci", "apply"):
            self._send(403, "")
        elif what in ("apply_rollback", "apply_unchecked"):
            status, _ = self.router.apply(session)
            self._send(*((204, "") if status else (200, '{"token": "applied"}')), "application/json")
        elif what == "revert":
            self.router.uci.revert(session)
            self._send(200, "OK")
        else:
            self._send(204, "")

    # --- JSON-RPC

    def _rpc(self, message):
        return [self._call(each) for each in message] if isinstance(message, list) else self._call(message)

    def _call(self, message):
        answer = {"jsonrpc": "2.0", "id": message.get("id")}
        if message.get("method") != "call":
            return {**answer, "result": {}}
        session, object, method, arguments = message["params"]
        try:
            status, table = self.router.call(session, object, method, arguments)
        except Denied as denied:
            return {**answer, "error": {"code": -32002, "message": str(denied)}}
        except LookupError as absent:
            return {**answer, "error": {"code": -32000, "message": str(absent)}}
        return {**answer, "result": [status] if table is None else [status, table]}

    # --- HTTP

    def _static(self, path):
        for folder in FOLDERS:
            file = (folder / path.strip("/")).resolve()
            if file.is_file() and folder.resolve() in file.parents:
                self._send(200, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "text/plain")
                return
        self._send(404, "not found")

    def _json(self, content):
        self._send(200, json.dumps(content), "application/json")

    def _redirect(self, where, cookie=None):
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()

    def _send(self, code, content, kind="text/plain"):
        data = content if isinstance(content, bytes) else content.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        if code != 204:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


# --- what the templates of LuCI do


def _menu():
    return {**_MENU, **json.loads(MENU.read_text())}


def _tree(router, session):
    root = {"satisfied": True, "children": {}}
    for path, entry in _menu().items():
        node = root
        for name in path.split("/"):
            node = node.setdefault("children", {}).setdefault(name, {"satisfied": True})
        node.update(entry, **_rights(router, session, entry))
    return root


def _rights(router, session, entry):
    groups = entry.get("depends", {}).get("acl")
    writable = router.may_write(session, *groups) if groups else True
    return {"satisfied": writable is not None, "readonly": not writable}


def _render(router, session, path, language):
    node = {**_menu()[path], **_rights(router, session, _menu()[path])}
    words = path.split("/")
    env = {
        "media": "/luci-static/bootstrap", "resource": "/luci-static/resources", "scriptname": ENTRY.rstrip("/"),
        "pathinfo": "/" + path, "documentroot": "/www", "requestpath": words, "dispatchpath": words,
        "pollinterval": 5, "ubuspath": "/ubus/", "sessionid": session, "token": session, "nodespec": node,
        "apply_rollback": 90, "apply_holdoff": 1, "apply_timeout": 5, "apply_display": 1,
    }
    values = {"LANGUAGE": language, "TITLE": router.home.name, "PAGE": "-".join(words), "VIEW": node["action"]["path"],
              "ENV": json.dumps(env).replace("/", "\\/")}
    return re.sub("@([A-Z]+)@", lambda match: values[match[1]], _PAGE)


def _translations(language):
    """A script that fills what `_` looks up; `sfh` is how this LuCI names a text."""
    folder = {"de": "de", "zh-cn": "zh_Hans"}.get(language)
    pairs = [(key, text) for key, text in read_po(CATALOGS[folder]).items() if text] if folder else []
    return f"window.TR = {{}}; for (const [key, text] of {json.dumps(pairs)}) TR[sfh(key)] = text;"


_LOGIN = """<!DOCTYPE html><html lang="en"><title>Log in</title><body><form method="post">
<label>Username <input name="luci_username" value="root"></label>
<label>Password <input name="luci_password" type="password"></label><button>Log in</button></form></body></html>"""

_PAGE = """<!DOCTYPE html>
<html lang="@LANGUAGE@">
<head>
<meta charset="utf-8">
<title>@TITLE@ | IPOP</title>
<script>
const dark = matchMedia('(prefers-color-scheme: dark)');
const setDarkMode = match => document.documentElement.setAttribute('data-darkmode', match.matches);
dark.addEventListener('change', setDarkMode);
setDarkMode(dark);
</script>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/luci-static/bootstrap/cascade.css">
<link rel="stylesheet" media="only screen and (max-device-width: 854px)" href="/luci-static/bootstrap/mobile.css">
<script src="/luci-static/resources/cbi.js"></script>
<script src="/cgi-bin/luci/admin/translations/@LANGUAGE@"></script>
</head>
<body class="lang_@LANGUAGE@" data-page="@PAGE@">
<header><a class="brand" href="/">@TITLE@</a><ul class="nav" id="topmenu" style="display:none"></ul>
<div id="indicators" class="pull-right"></div></header>
<div id="maincontent" class="container"><div id="tabmenu" style="display:none"></div>
<script src="/luci-static/resources/luci.js"></script>
<script>L = new LuCI(@ENV@);</script>
<div id="view"><div class="spinning">Loading view…</div>
<script>L.require('ui').then(ui => ui.instantiateView('@VIEW@'));</script></div>
</div>
<footer><ul id="modemenu" style="display:none"></ul></footer>
<script>L.require('menu-bootstrap');</script>
</body>
</html>"""
