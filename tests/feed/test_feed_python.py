"""What the daemon and the Python packages import has to be in what their packages depend on.

OpenWrt splits Python's standard library. Here the parts that nobody has asked for are taken away, as on a router with
nothing else; then everything has to be importable.
"""

import subprocess
import sys

import pytest
from feeds import ROOT

# OpenWrt's packages, the modules in them that python3-light lacks, and what each of them depends on
MODULES = {
    "python3-asyncio": ("asyncio",),
    "python3-codecs": ("unicodedata", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp"),
    "python3-ctypes": ("ctypes", "_ctypes"),
    "python3-dbm": ("dbm", "_dbm", "_gdbm"),
    "python3-decimal": ("decimal", "_decimal"),
    "python3-logging": ("logging",),
    "python3-lzma": ("lzma", "_lzma"),
    "python3-multiprocessing": ("multiprocessing", "_multiprocessing"),
    "python3-ncurses": ("curses", "_curses"),
    "python3-openssl": ("_ssl", "_hashlib"),
    "python3-pydoc": ("doctest", "pydoc", "pydoc_data"),
    "python3-readline": ("readline",),
    "python3-sqlite3": ("sqlite3", "_sqlite3"),
    "python3-unittest": ("unittest",),
    "python3-urllib": ("email", "urllib"),
    "python3-uuid": ("uuid", "_uuid"),
    "python3-xml": ("xml", "xmlrpc", "pyexpat", "_elementtree"),
    "python3-cffi": ("cffi", "_cffi_backend"),
    "python3-pynacl": ("nacl",),
    "python3-paho-mqtt": ("paho",),
    "python3-pystun3": ("stun",),
    "python3-segno": ("segno",),
    "python3-pytun": ("pytun",),
}
DEPENDS = {
    "python3-cffi": ("python3-ctypes",),
    "python3-paho-mqtt": ("python3-logging", "python3-urllib", "python3-uuid"),
    "python3-pynacl": ("python3-cffi",),
    "python3-xml": ("python3-urllib",),
}

IMPORT = """
import importlib, sys

missing, wanted = sys.argv[1].split(), sys.argv[2].split()


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


for name in [name for name in sys.modules if name.partition(".")[0] in missing]:
    del sys.modules[name]
sys.meta_path.insert(0, Missing())
for name in wanted:
    importlib.import_module(name)
"""


def ours():
    """Every module of ours that runs on CPython."""
    for file in sorted((ROOT / "src/ipop").rglob("*.py")):
        parts = file.relative_to(ROOT / "src").with_suffix("").parts
        if "micropython" not in parts:
            yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("name, modules", (
    ("ipop", list(ours())), ("python3-pystun3", ["stun"]), ("python3-segno", ["segno"])))
def test_a_package_depends_on_what_it_imports(packages, name, modules):
    there, waiting = {name}, packages[name].fields["Depends"].split(", ")
    while waiting:
        each = waiting.pop()
        there.add(each)
        depends = DEPENDS.get(each) or (packages[each].fields["Depends"].split(", ") if each in packages else ())
        waiting.extend(set(depends) - there)
    missing = " ".join(module for package, modules in MODULES.items() if package not in there for module in modules)
    run = subprocess.run([sys.executable, "-c", IMPORT, missing, " ".join(modules)], text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
