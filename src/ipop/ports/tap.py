"""The TAP device: frames are read into and written from the caller's buffers."""

import struct

from ..errors import UserError
from ..words import why
from . import kernel, system

codes = kernel.codes

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCGIFINDEX, _SIOCBRADDIF = 0x8913, 0x8914, 0x8933, 0x89A2  # linux/sockios.h
_IFF_UP = 1
_NAME_MAX = 15
ROOT = 0


class Tap:
    """Opens the TAP device `name`, brings it up and puts it into `bridge` (if not None). Raises UserError.

    A persistent TAP that was made for us beforehand is taken as it is. Who is not root needs one, and is not refused
    for the lack of it: `problem` says what root has to do."""

    def __init__(self, name, bridge):
        self.name = name
        self.bridge = bridge
        self.problem = None  # at the start; later `open` and `join_bridge` tell
        self._device = None
        try:
            self.open()
            self.join_bridge()
        except UserError as error:
            if kernel.user_id() == ROOT:
                self.close()
                raise
            self.problem = error.message

    def open(self):
        """Open the device; to be called again when it `is_gone`. Raises UserError."""
        self._device = open_device(self.name)
        try:
            _bring_up(self.name)
        except BaseException:
            self.close()
            raise

    @property
    def is_gone(self):
        """Whether somebody has deleted the device, or has not made it yet."""
        return self._device is None

    def join_bridge(self):
        """Make sure that the device is in its bridge. Raises UserError."""
        if self.bridge is not None:
            _add_to_bridge(self.name, self.bridge)

    def fileno(self):
        return self._device.fileno()

    def receive(self, batch):
        """Fill the batch with the frames that are there. Returns None, or what is wrong with the device."""
        number = kernel.read_packets(self._device.fileno(), batch)
        if number == 0:
            return None
        if number == codes.EBADFD:  # the kernel's word for a device that was deleted
            self.close()
            return "device %s was deleted: it will be made again" % self.name
        return "device %s: %s" % (self.name, why(OSError(number)))

    def send_batch(self, batch, first, last, count):
        """Write the frames of a batch from `first` up to `last`; `count(word)` is told why one was lost."""
        if self._device is None:
            for _ in range(first, last):
                count("tap-down")
        else:
            kernel.write_packets(self._device.fileno(), batch, first, last, lambda number: count(_word(number)))

    def send(self, frame):
        """Write one frame. Returns None, or a word for why it was lost."""
        number = kernel.write_packet(self._device.fileno(), frame) if self._device is not None else codes.EBADFD
        return _word(number) if number else None

    def close(self):
        if self._device is not None:
            self._device.close()
            self._device = None


def check(name, bridge):
    """Whether a TAP device could have that name, and be in that bridge (if not None). Raises UserError."""
    _check_name(name)
    if bridge is not None:
        _check_bridge(bridge)


def _word(number):
    return "tap-full" if number == codes.EAGAIN else "tap-down"


def _check_name(name):
    if not 0 < len(name.encode()) <= _NAME_MAX:
        raise UserError("device '%s': a network device's name has 1 to %d characters" % (name, _NAME_MAX))
    there = "/sys/class/net/" + name
    if kernel.exists(there) and not kernel.exists(there + "/tun_flags"):
        raise UserError(
            "device '%s' exists already and is no TAP device: set another name with option 'device'" % name
        )


def open_device(name):
    """The TAP device, made if need be: something with fileno() and close(). Raises UserError."""
    _check_name(name)
    try:
        return kernel.open_tap(name)
    except OSError as error:
        raise UserError(_why_not_opened(name, error))


def _why_not_opened(name, error):
    number = error.errno
    if number in (codes.ENOENT, codes.ENODEV, codes.ENXIO, codes.ENOTTY) or not kernel.exists("/dev/net/tun"):
        return (
            "/dev/net/tun is missing or is no TUN device: load the tun module ('modprobe tun'; on OpenWrt install "
            "kmod-tun), or give this container the device"
        )
    if number == codes.EBUSY:
        return "device '%s' is in use by another program: is ipopd running already?" % name
    if number in (codes.EPERM, codes.EACCES):
        if kernel.user_id() == ROOT:
            return "no permission to open the TAP device '%s': give this container the capability NET_ADMIN" % name
        user = system.user_name(kernel.user_id())
        return "no permission to open the TAP device '%s': run 'ipop tap %s --user %s' as root" % (name, name, user)
    if number == codes.EINVAL:
        return "device '%s' exists already and is no TAP device: set another name with option 'device'" % name
    return "the TAP device '%s' can't be opened: %s" % (name, why(error))


def _bring_up(name):
    request = struct.pack("16sH22s", name.encode(), 0, b"")
    (flags,) = struct.unpack_from("H", kernel.control_interface(_SIOCGIFFLAGS, request), 16)
    if flags & _IFF_UP:
        return
    try:
        kernel.control_interface(_SIOCSIFFLAGS, struct.pack("16sH22s", name.encode(), flags | _IFF_UP, b""))
    except OSError as error:
        # an unprivileged owner of a persistent TAP may not: whoever made it brings it up
        if error.errno not in (codes.EPERM, codes.EACCES):
            raise


def _add_to_bridge(name, bridge):
    if kernel.link_target("/sys/class/net/%s/master" % name) == bridge:
        return
    _check_bridge(bridge)
    try:
        answer = kernel.control_interface(_SIOCGIFINDEX, struct.pack("16si20s", name.encode(), 0, b""))
        (index,) = struct.unpack_from("i", answer, 16)
        kernel.control_interface(_SIOCBRADDIF, struct.pack("16si20s", bridge.encode(), index, b""))
    except OSError as error:
        text = "device '%s' can't be put into bridge '%s': %s" % (name, bridge, why(error))
        if error.errno in (codes.EPERM, codes.EACCES):
            text += ": run 'ip link set %s master %s' as root, or on OpenWrt add it to its ports" % (name, bridge)
        raise UserError(text)


def _check_bridge(bridge):
    if not kernel.exists("/sys/class/net/%s" % bridge):
        raise UserError(
            "bridge '%s' does not exist: make it first ('ip link add %s type bridge'), "
            "or remove option 'bridge'" % (bridge, bridge)
        )
    if not kernel.exists("/sys/class/net/%s/bridge" % bridge):
        raise UserError("'%s' is no bridge: name one with option 'bridge', or remove the option" % bridge)
