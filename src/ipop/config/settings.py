"""The configuration as the daemon reads it: once at the start, and again at each SIGHUP.

What was good is kept beside the keys: a router that loses its power after a bad edit must not stay away for that.
"""

from .. import log
from ..errors import ConfigError
from ..ports import crypto, files
from ..words import why
from . import config

KEPT = "config.kept"  # in `state_dir`

# options that only a restart changes: what was opened by them can't be moved
FIXED = ("control", "state_dir", "ubus")
EACCES = 13
_UNREADABLE = "let the user of ipopd read it; on OpenWrt '/etc/init.d/ipop reload' does"


def read_config(path):
    """(the Config in a file, its text); its warnings are logged. Raises ConfigError."""
    try:
        text = files.read(path)
    except OSError as error:
        remedy = _UNREADABLE if error.errno == EACCES else "write it, or name another file with --config"
        raise ConfigError("%s: %s: %s" % (path, why(error), remedy))
    found, warnings = config.load(text, path, files.read_with_mode, crypto.dh_base)
    for warning in warnings:
        log.warning(warning)
    return found, text


def read_to_start(path):
    """(Config, its text, None); or, where the file is wrong, what was kept, and what is wrong. Raises ConfigError where
    nothing that is good was kept."""
    try:
        return read_config(path) + (None,)
    except ConfigError as error:
        try:
            return read_config(_state_dir(path) + "/" + KEPT) + (error.message,)
        except ConfigError:
            raise error


def keep(text, state_dir):
    """Keep the text of a Config that is in force. Raises OSError."""
    path = state_dir + "/" + KEPT
    try:
        if files.read(path) == text:
            return
    except OSError:
        pass  # it is the first
    files.make_private_folder(state_dir)
    files.write_atomic(path, text)


def _state_dir(path):
    """What a file says about it, whatever else is wrong there."""
    try:
        return config.setting(files.read(path), path, "state_dir")
    except (OSError, ConfigError):
        return config.setting(b"", path, "state_dir")


def without_restart(opened, new):
    """(a new Config as far as it can be had without a restart; what can't, as a sentence, or None). `opened` is that of
    the start."""
    changed = [name for name in FIXED if getattr(opened, name) != getattr(new, name)]
    text = "restart ipopd to change: " + ", ".join(changed) if changed else None
    return config.with_fields(new, opened, FIXED), text
