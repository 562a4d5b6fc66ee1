"""A router's groups on flash: a folder for each, with files that say when they are damaged.

    friends/identity    this router's key in the group, and its device; written once
           /join        the invite by which it joins, as long as it is not in
           /group       what a member keeps: charter, roster, secret, places, invites, brokers that the group has left

    {"version": 1, ...}
    SHA-256 of the line above

A power cut leaves the old or the new. A file is replaced as a whole (`write_atomic`); a folder comes and goes by being
renamed:

    create     write friends~new, rename it to friends
    leave      rename friends to friends~old, remove that
    replace    write friends~new, rename friends to friends~old, friends~new to friends, remove friends~old

What was begun and not finished is seen by the names. If there is a friends~new and a friends~old and no friends, then
the new one is complete and moves in. Any other is removed. No group's name has a "~".

What is damaged stays as it is: only `replace` and `leave` touch it, and those a person has asked for. What can't be
removed stays too, and is in nobody's way.
"""

import binascii
import json
from collections import namedtuple

from ..errors import UserError
from ..values import NAME, key_text, parse_bytes, parse_key
from ..words import why

VERSION = 1
IDENTITY, JOIN, GROUP = "identity", "join", "group"  # files
_NEW, _OLD = "~new", "~old"
_ENOENT = 2
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

# seed: 32 bytes; device: the TAP's name, "" for that of the configuration; kept: what Group.saved() gave, or None;
# join: (line of the invite, this router's name), or None
Saved = namedtuple("Saved", ("seed", "device", "kept", "join"))
Identity = namedtuple("Identity", ("seed", "device"))


class Shelf:
    """The groups in a folder. `files` is the port's module. All methods raise UserError when the disk says no."""

    def __init__(self, files, crypto, folder):
        self._files = files
        self._crypto = crypto
        self._folder = folder
        self._sound = set()  # groups whose files are known to be whole

    def names(self):
        """The groups that there are. Finishes what a power cut has left unfinished."""
        try:
            found = self._files.list_folder(self._folder)
        except OSError as error:
            if error.errno == _ENOENT:
                return []
            raise UserError(f"{self._folder}: {why(error)}")
        for name in found:
            if name.endswith(_NEW) or name.endswith(_OLD):
                try:
                    self._finish(name[: -len(_NEW)])
                except UserError:
                    pass  # what else is to be done with this group will meet it again
        return [name for name in self._do(self._files.list_folder, self._folder) if _is_name(name)]

    def path(self, name, file=""):
        return f"{self._folder}/{name}/{file}".rstrip("/")

    # --- reading

    def load(self, name):
        """The Saved of a group. Raises UserError for what is damaged, and says how to get out."""
        identity = self._read(name, IDENTITY, _identity)
        kept = self._read(name, GROUP, _unpack, may_lack=True)
        join = None
        if kept is None:
            join = self._read(name, JOIN, lambda content: (content["line"], content["name"]))
        self._sound.add(name)
        return Saved(identity.seed, identity.device, kept, join)

    def identity(self, name):
        """The Identity in a group that may be damaged elsewhere, or None."""
        return self._try(name, IDENTITY, _identity)

    def kept(self, name):
        """What a member keeps, in a group that may be damaged elsewhere, or None."""
        return self._try(name, GROUP, _unpack)

    def _try(self, name, file, parse):
        try:
            return parse(check(self._crypto, self._files.read(self.path(name, file))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _read(self, name, file, parse, may_lack=False):
        path = self.path(name, file)
        self._sound.discard(name)
        try:
            return parse(check(self._crypto, self._files.read(path)))
        except OSError as error:
            if may_lack and error.errno == _ENOENT:
                return None
            wrong = why(error)
        except ValueError as error:
            wrong = error.args[0] if error.args else "it has been altered"
        except (KeyError, TypeError, AttributeError):
            wrong = "it is of another kind"
        ways = f"'ipop restore' with this router's recovery line, or 'ipop leave --group {name}' and a new invite"
        raise UserError(f"{path} is damaged ({wrong}) and stays as it is. Ways out: {ways}")

    # --- writing

    def create(self, name, seed, device, kept=None, join=None):
        """A new group: as a member who keeps something, or one who joins by (line, name)."""
        self._finish(name)
        if self._exists(name):
            raise UserError(f"{self.path(name)} is there already")
        self._write_new(name, Identity(seed, device), kept, join)
        self._rename(name + _NEW, name)
        self._sound.add(name)

    def keep(self, name, kept):
        """What a member keeps now, in a group that was loaded or created; who was joining is in."""
        if name not in self._sound:
            raise UserError(f"{self.path(name)} may be damaged and stays as it is")
        self._do(self._files.write_atomic, self.path(name, GROUP), dump(self._crypto, _pack(kept)))
        if JOIN in self._do(self._files.list_folder, self.path(name)):
            self._do(self._files.remove, self.path(name, JOIN))

    def replace(self, name, seed, device, kept):
        """Put this in the place of whatever is there, damaged or not."""
        self._finish(name)
        self._write_new(name, Identity(seed, device), kept, None)
        if self._exists(name):
            self._rename(name, name + _OLD)
        self._rename(name + _NEW, name)
        self._finish(name)
        self._sound.add(name)

    def leave(self, name):
        """Forget a group, and the key in it."""
        self._finish(name)
        self._rename(name, name + _OLD)
        self._finish(name)

    def _write_new(self, name, identity, kept, join):
        contents = [(IDENTITY, {"seed": key_text(identity.seed), "device": identity.device})]
        if kept is not None:
            contents.append((GROUP, _pack(kept)))
        if join is not None:
            contents.append((JOIN, {"line": join[0], "name": join[1]}))
        self._do(self._files.make_private_folder, self._folder)
        try:
            self._do(self._files.make_private_folder, self.path(name + _NEW))
            for file, content in contents:
                self._do(self._files.write_atomic, self.path(name + _NEW, file), dump(self._crypto, content))
        except UserError:
            self._finish(name)  # there may be room for a part of it only
            raise

    def _finish(self, name):
        """Come to the end of what was begun with a group."""
        if self._exists(name + _NEW):
            if self._exists(name + _OLD) and not self._exists(name):
                self._rename(name + _NEW, name)
            else:
                self._do(self._files.remove, self.path(name + _NEW))
        if self._exists(name + _OLD):
            self._do(self._files.remove, self.path(name + _OLD))

    def _exists(self, name):
        try:
            return name in self._files.list_folder(self._folder)
        except OSError as error:
            if error.errno == _ENOENT:
                return False
            raise UserError(f"{self._folder}: {why(error)}")

    def _rename(self, old, new):
        self._do(self._files.rename, self.path(old), self.path(new))

    def _do(self, call, path, *rest):
        try:
            return call(path, *rest)
        except OSError as error:
            raise UserError(f"{path}: {why(error)}")


def local_name(name, taken):
    """What a group is called on this router: its name, as far as a folder can have it, and no other's."""
    letters = "".join([letter if letter in _LETTERS else "-" for letter in name]).strip("-.")[:48]
    base, n = letters or "group", 1
    name = base
    while name in taken:
        n += 1
        name = f"{base}-{n}"
    return name


# --- the text of a file


def dump(crypto, content):
    """A file's bytes, for what JSON has."""
    line = json.dumps(dict(content, version=VERSION)).encode()
    return line + b"\n" + binascii.hexlify(crypto.sha256(line)) + b"\n"


def check(crypto, data):
    """What `dump` was given. Raises ValueError, saying what is wrong."""
    if not data:
        raise ValueError("it is empty")
    line, _, end = data.partition(b"\n")
    if end != binascii.hexlify(crypto.sha256(line)) + b"\n":
        raise ValueError("its checksum is wrong")
    content = json.loads(line.decode())
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise ValueError(f"it is of version {version}, and this ipopd knows version {VERSION}")
    return content


def _identity(content):
    device = content["device"]
    if not isinstance(device, str):
        raise TypeError("device")
    return Identity(parse_key(content["seed"]), device)


def _pack(kept):
    return {
        "group": key_text(kept["group"]),
        "charter": key_text(kept["charter"]),
        "entries": [key_text(entry) for entry in kept["entries"]],
        "secret": key_text(kept["secret"]),
        "places": [key_text(place) for place in kept.get("places", ())],
        "issuer": kept.get("issuer"),
        "former": kept.get("former", []),
    }


def _unpack(content):
    return {
        "group": parse_key(content["group"]),
        "charter": parse_bytes(content["charter"]),
        "entries": [parse_bytes(entry) for entry in content["entries"]],
        "secret": parse_bytes(content["secret"]),
        "places": [parse_bytes(place) for place in content["places"]],
        "issuer": content["issuer"],
        "former": [_former(each) for each in content.get("former", ())],  # earlier releases keep none
    }


def _former(content):
    url, when = content
    if not isinstance(url, str) or not isinstance(when, int):
        raise TypeError("former")
    return [url, when]


def _is_name(name):
    try:
        return NAME.parse(name) == name
    except ValueError:
        return False
