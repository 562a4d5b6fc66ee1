"""The TAP device, through pytun; frames are read into and written from the caller's buffers."""

import errno
import fcntl
import os
import socket
import struct

import pytun

from ...errors import UserError

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCBRADDIF = 0x8913, 0x8914, 0x89A2  # linux/sockios.h
_IFF_UP = 1
_NAME_MAX = 15


class Tap:
    """Opens the TAP device `name`, brings it up and puts it into `bridge` (if not None). Raises UserError.

    A persistent TAP that was made for us beforehand is taken as it is."""

    def __init__(self, name, bridge):
        self.name = name
        self.bridge = bridge
        self._device = None
        self.open()

    def open(self):
        """Open the device; to be called again when it `is_gone`. Raises UserError."""
        self._device = _open(self.name)
        try:
            os.set_blocking(self._device.fileno(), False)
            _bring_up(self.name)
            self.join_bridge()
        except BaseException:
            self.close()
            raise

    @property
    def is_gone(self):
        """Whether somebody has deleted the device."""
        return self._device is None

    def join_bridge(self):
        """Make sure that the device is in its bridge. Raises UserError."""
        if self.bridge is not None:
            _add_to_bridge(self.name, self.bridge)

    def fileno(self):
        return self._device.fileno()

    def receive(self, batch):
        """Fill the batch with the frames that are there. Returns None, or what is wrong with the device."""
        room, fd, readv = batch.room, self._device.fileno(), os.readv
        try:
            while batch.count < batch.slots:
                batch.add(readv(fd, (room[batch.count],)), None)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno == errno.EBADFD:  # the kernel's word for a device that was deleted
                self.close()
                return "device %s was deleted: it will be made again" % self.name
            return "device %s: %s" % (self.name, error.strerror)
        return None

    def send(self, frame):
        """Write one frame. Returns None, or a word for why it was lost."""
        if self._device is None:
            return "tap-down"
        try:
            os.write(self._device.fileno(), frame)
        except OSError as error:
            return "tap-full" if error.errno == errno.EAGAIN else "tap-down"
        return None

    def close(self):
        if self._device is not None:
            self._device.close()
            self._device = None


def _open(name):
    if not 0 < len(name.encode()) <= _NAME_MAX:
        raise UserError("device '%s': a network device's name has 1 to %d characters" % (name, _NAME_MAX))
    there = "/sys/class/net/" + name
    if os.path.exists(there) and not os.path.exists(there + "/tun_flags"):
        raise UserError(
            "device '%s' exists already and is no TAP device: set another name with option 'device'" % name
        )
    try:
        return pytun.TunTapDevice(name=name, flags=pytun.IFF_TAP | pytun.IFF_NO_PI)
    except pytun.Error as error:
        raise UserError(_why_not_opened(name, error.args[0] if error.args else 0, str(error)))
    except OSError as error:
        raise UserError(_why_not_opened(name, error.errno, str(error)))


def _why_not_opened(name, number, text):
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTTY) or not os.path.exists("/dev/net/tun"):
        return (
            "/dev/net/tun is missing or is no TUN device: load the tun module ('modprobe tun'; on OpenWrt install "
            "kmod-tun), or give this container the device"
        )
    if number == errno.EBUSY:
        return "device '%s' is in use by another program: is ipopd running already?" % name
    if number in (errno.EPERM, errno.EACCES):
        return "no permission to open the TAP device '%s': run ipopd as root" % name
    if number == errno.EINVAL:
        return "device '%s' exists already and is no TAP device: set another name with option 'device'" % name
    return "the TAP device '%s' can't be opened: %s" % (name, text)


def _bring_up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", name.encode(), 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        if flags & _IFF_UP:
            return
        try:
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | _IFF_UP))
        except PermissionError:
            pass  # an unprivileged owner of a persistent TAP; whoever made it brings it up


def _add_to_bridge(name, bridge):
    master = "/sys/class/net/%s/master" % name
    if os.path.exists(master) and os.path.basename(os.readlink(master)) == bridge:
        return
    if os.path.exists("/sys/class/net/%s" % bridge) and not os.path.exists("/sys/class/net/%s/bridge" % bridge):
        raise UserError("'%s' is no bridge: name one with option 'bridge', or remove the option" % bridge)
    if not os.path.exists("/sys/class/net/%s" % bridge):
        raise UserError(
            "bridge '%s' does not exist: make it first ('ip link add %s type bridge'), "
            "or remove option 'bridge'" % (bridge, bridge)
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            request = struct.pack("16si20x", bridge.encode(), socket.if_nametoindex(name))
            fcntl.ioctl(control, _SIOCBRADDIF, request)
        except OSError as error:
            raise UserError("device '%s' can't be put into bridge '%s': %s" % (name, bridge, error.strerror))
