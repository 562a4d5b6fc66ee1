"""A device as a port of a bridge, and who is behind which port, by sysfs (Linux: net/bridge/br_sysfs_if.c)."""

import os
from binascii import unhexlify

from . import kernel

_FDB_ENTRY = 16  # struct __fdb_entry of linux/if_bridge.h: MAC 6, port number 1, is local 1, age 4, its high byte 1
_FDB_MAX = 4096 * _FDB_ENTRY
_ALWAYS, _OFF = "2", "0"


def bridge_of(device):
    """The name of the bridge that a device is a port of, or None."""
    return kernel.link_target("/sys/class/net/%s/master" % device)


def mac(device):
    """6 bytes, or None where it has none."""
    try:
        return unhexlify(_read("/sys/class/net/%s/address" % device).replace(":", "").encode())
    except (OSError, ValueError):
        return None


def hear_everything(device):
    """All multicast of its bridge goes to the device, as to a multicast router (where it is in one). Returns None, or
    why it doesn't and what to do."""
    port = "/sys/class/net/%s/brport" % device
    path = port + "/multicast_router"
    try:
        if _read(path) == _ALWAYS or _read(port + "/bridge/bridge/multicast_snooping") == _OFF:
            return None
    except OSError:
        return None  # it is in no bridge, or in one that can't snoop
    try:
        _write(path, _ALWAYS)
    except OSError:
        text = "bridge %s keeps multicast from %s: switch off its snooping (on OpenWrt, option 'igmp_snooping'), "
        text += "or run 'echo 2 > %s' as root"
        return text % (bridge_of(device), device, path)


def forget_learned(device):
    """Its bridge, if it is in one, is to learn anew who is behind which of its ports. Returns False where only root may
    say so."""
    try:
        _write("/sys/class/net/%s/brport/bridge/bridge/flush" % device, "1")
    except OSError as error:
        return error.errno not in (kernel.codes.EACCES, kernel.codes.EPERM)
    return True


def port_of(bridge, wanted):
    """The name of the bridge's port behind which a MAC address was seen, or None."""
    try:
        with open("/sys/class/net/%s/brforward" % bridge, "rb") as file:
            table = file.read(_FDB_MAX)
        for at in range(0, len(table) - _FDB_ENTRY + 1, _FDB_ENTRY):
            if table[at : at + 6] == wanted and not table[at + 7]:
                number = table[at + 6] | table[at + 12] << 8
                for port in os.listdir("/sys/class/net/%s/brif" % bridge):
                    if int(_read("/sys/class/net/%s/brport/port_no" % port), 16) == number:
                        return port
    except (OSError, ValueError):
        pass
    return None


def _read(path):
    with open(path) as file:
        return file.read().strip()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)
