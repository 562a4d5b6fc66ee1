"""An .ipk: a gzipped tar of ./debian-binary, ./data.tar.gz and ./control.tar.gz. The same input gives the same bytes.

What it says of itself, and the scripts around ours, are as the SDK's include/package-pack.mk makes them: opkg runs
`postinst`, which calls the router's own `default_postinst` (/lib/functions.sh: user, uci-defaults, enable, start), and
that one calls `postinst-pkg`, which is ours. Likewise with `prerm`.
"""

import gzip
import io
import tarfile
from collections import namedtuple

from .makefiles import SCRIPTS, BuildError

DATE = 1_767_225_600  # of every file: 2026-01-01
_BY_THE_ROUTER = {
    "postinst": """\
#!/bin/sh
[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_postinst "$0" "$@"
""",
    "prerm": """\
#!/bin/sh
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_prerm "$0" "$@"
""",
}

# `control` is the text of the fields before the description
Ipk = namedtuple("Ipk", "filename data control description")
_File = namedtuple("_File", "path mode data target")  # data None: a folder, or a link if it has a target


def build(recipe):
    """The Ipk of a Recipe. Raises BuildError."""
    data = _tar(_tree(recipe.root))
    control = _control(recipe, len(data))
    description = _description(recipe)
    files = [_File(".", 0o755, None, None), _text("control", control + description)]
    conffiles = _conffiles(recipe)
    if conffiles:
        files.append(_text("conffiles", conffiles))
    files.extend(_scripts(recipe))
    parts = (("debian-binary", b"2.0\n"), ("data.tar.gz", _gzip(data)), ("control.tar.gz", _gzip(_tar(files))))
    whole = _gzip(_tar([_File(name, 0o644, content, None) for name, content in parts]))
    name = f"{recipe.name}_{_version(recipe)}_{recipe.said['PKGARCH']}.ipk"
    return Ipk(name, whole, control, description)


# --- control


def _version(recipe):
    return f"{recipe.said['PKG_VERSION']}-r{recipe.said['PKG_RELEASE']}"


def _control(recipe, installed_size):
    said = recipe.said
    fields = (
        ("Package", recipe.name),
        ("Version", _version(recipe)),
        ("Depends", _list(said["DEPENDS"])),
        ("Conflicts", _list(said["CONFLICTS"])),
        ("Provides", _list(said["PROVIDES"])),
        ("SourceName", said["PKG_NAME"]),
        ("License", said["PKG_LICENSE"]),
        ("Section", said["SECTION"]),
        ("Require-User", said["USERID"]),
        ("URL", said["URL"]),
        ("Maintainer", said["PKG_MAINTAINER"]),
        ("Architecture", said["PKGARCH"]),
        ("Installed-Size", str(installed_size)),
    )
    return "".join([f"{name}: {value}\n" for name, value in fields if value])


def _list(text):
    """`+a +b` means in a Makefile: choose these too. What is asked of the SDK's own configuration can't be known."""
    for word in text.split():
        if word.startswith("@") or ":" in word:
            raise BuildError(f"'{word}' among the dependencies needs the SDK")
    return ", ".join([word.lstrip("+") for word in text.split()])


def _description(recipe):
    lines = recipe.said.get("description", recipe.said["TITLE"]).split("\n")
    return "Description: " + "\n".join([f" {line.strip()}" for line in lines]).strip() + "\n"


def _conffiles(recipe):
    """Those that are files of this package, as the SDK does."""
    paths = recipe.said.get("conffiles", "").split()
    for path in paths:
        if not (recipe.root / path.lstrip("/")).is_file():
            raise BuildError(f"{recipe.name}: the conffile {path} is not among its files")
    return "".join([f"{path}\n" for path in sorted(paths)])


def _scripts(recipe):
    files = [_text(name, text, 0o755) for name, text in _BY_THE_ROUTER.items()]
    for name in SCRIPTS:
        if name in recipe.said:
            files.append(_text(f"{name}-pkg" if name in _BY_THE_ROUTER else name, recipe.said[name] + "\n", 0o755))
    return files


# --- archives


def _text(path, text, mode=0o644):
    return _File(path, mode, text.encode(), None)


def _tree(root):
    files = [_File(".", 0o755, None, None)]
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            files.append(_File(name, 0o777, None, str(path.readlink())))
        elif path.is_dir():
            files.append(_File(name, 0o755, None, None))
        else:
            files.append(_File(name, _mode(path.stat().st_mode), path.read_bytes(), None))
    return files


def _mode(mode):
    """Whatever the umask was when the repository was cloned: a program, something secret, or neither."""
    if mode & 0o100:
        return 0o755
    return 0o644 if mode & 0o044 else 0o600


def _tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in files:
            entry = tarfile.TarInfo("./" if file.path == "." else f"./{file.path}")
            entry.mode, entry.mtime = file.mode, DATE
            if file.target is not None:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.target
            elif file.data is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(file.data)
            tar.addfile(entry, io.BytesIO(file.data or b""))
    return out.getvalue()


def _gzip(data):
    return gzip.compress(data, 9, mtime=0)
