"""What the daemon's groups want of root: lan.json, files of names, and the errands on which root is sent for them.

Root knows nothing of what happens here: it is told that there is something to be read (LAN, NAMES), by an event on
ubus. What is not done then is asked for again by who waits for it. Several changes of one moment are one errand; and
none is lost by a daemon that dies, for its successor writes down all groups that it finds.
"""

from ..deadlines import earlier
from ..words import why

LAN, NAMES = "lan", "names"  # what root is to look at: actions of the init script
GAP = 200  # ms from a change to the file: others follow
AGAIN = 10_000  # ms after what failed
LOOK_EVERY = 10_000  # ms
TRY_EVERY = 300_000  # ms between two tries of what was refused
NAMES_GAP = 10_000  # ms between two errands for names: any member can change them, and each empties dnsmasq's cache
HOSTS = "hosts"  # the folder of names
REFUSED = "-setup"  # behind the folder's name: a file of root's, beside it, with what it could not do (apply.py)


class Wishes:
    """`folder` is where the control socket is; `shared` has `make_folder` and `write` of ports; `read(path)` gives
    bytes or raises OSError; `set_problem(topic, text)` shows what is wrong."""

    def __init__(self, folder, shared, read, set_problem):
        self._is_served = self._is_silent = False
        self._folder = folder
        self._shared = shared
        self._read = read
        self._set_problem = set_problem
        self._groups = {}  # name -> (device or None, Plan or None)
        self._write_at = None
        self._written = None  # the file's text
        self._told = None  # the text that root was sent for
        self._errands = []
        self._unheard = []  # errands on which nobody was sent
        self._again_at = None
        self._has_names = False  # that root is still to be sent for
        self._names_at = 0
        self._look_at = self._try_at = 0

    def set_served(self, is_served, now):
        """Whether OpenWrt serves any group: else no file is written where there was none. What stood in the way of
        anything may be mended by the same change of the configuration."""
        self._is_served = is_served
        self._look_at = self._try_at = now
        self._change(now)

    def be_silent(self):
        """Which groups there are can't be read: what root has been told stays, until a daemon can."""
        self._is_silent, self._write_at = True, None

    def want(self, group, now, device=None, made=None):
        """A group has this device, and its network is to be as the Plan says; None: as it is, whatever that may be. One
        without a device is damaged."""
        if self._groups.get(group) != (device, made):
            self._groups[group] = device, made
            self._change(now)

    def forget(self, group, now):
        """A group was left, or switched off: nothing of it stays."""
        if self._groups.pop(group, None) is not None:
            self._change(now)

    def hand_names(self, device, text):
        """What dnsmasq is to know of a group's devices: lines of a hosts file. Returns whether they are written."""
        path = "%s/%s" % (self._folder, HOSTS)
        try:
            self._shared.make_folder(path)
            self._shared.write("%s/%s" % (path, device), text.encode())
            self._has_names = True
            self._set_problem("names", None)
            return True
        except OSError as error:
            self._set_problem("names", "names can't be written to %s: %s" % (path, why(error)))
            return False

    def ask_again(self):
        """What was asked for isn't there yet, or root's own file says something else now."""
        self._send(LAN)

    def poll_errand(self):
        """LAN, NAMES or None."""
        return self._errands.pop(0) if self._errands else None

    def handle_unheard(self, errand, now):
        """Nobody was there to be told."""
        self._unheard.append(errand)
        self._again_at = now + AGAIN

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        look_at = self._look_at if self._is_served else None
        names_at = self._names_at if self._has_names else None
        return earlier(earlier(self._write_at, self._again_at), earlier(look_at, names_at))

    def handle_turn(self, now):
        if self._is_served and now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._look_at_refusal(now)
        if self._has_names and now >= self._names_at:
            self._has_names, self._names_at = False, now + NAMES_GAP
            self._send(NAMES)
        if self._again_at is not None and now >= self._again_at:
            for errand in self._unheard:
                self._send(errand)
            self._unheard, self._again_at = [], None
        if self._write_at is not None and now >= self._write_at:
            self._write_at = None if self._write() else now + AGAIN

    def close(self):
        """What was said last counts, also for whoever comes when we are gone."""
        if self._write_at is not None:
            self._write()

    def _write(self):
        """Returns whether it could be done."""
        from . import lan  # not above: where OpenWrt serves nobody there is no room for it on a small router

        path = "%s/%s" % (self._folder, lan.FILE)
        before = self._before(path)
        if before is None and not self._is_served:
            return True
        text = lan.text([self._wish(lan, name) for name in sorted(self._groups)])
        try:
            if text != before:
                self._shared.write(path, text.encode())
            if text != self._told:  # the first time in any case: much may have changed while we were away
                self._send(LAN)
            self._written = self._told = text
            self._set_problem("lan", None)
            return True
        except OSError as error:
            self._set_problem("lan", "root can't be told of the groups: %s: %s" % (path, why(error)))
            return False

    def _wish(self, lan, name):
        device, made = self._groups[name]
        return lan.kept(name, device) if made is None else lan.wish(name, device, made)

    def _look_at_refusal(self, now):
        """What stood in the way may be over: somebody else's change is confirmed, a cable is in another socket."""
        refusal = self._refusal()
        self._set_problem("setup", refusal)
        if refusal is None:
            self._try_at = now + TRY_EVERY
        elif now >= self._try_at:
            self._try_at = now + TRY_EVERY
            self._send(LAN)

    def _refusal(self):
        """Why root could not do what was asked for last, or None."""
        try:
            return "ipop setup: " + self._read(self._folder + REFUSED).decode().strip()
        except (OSError, ValueError):
            return None

    def _before(self, path):
        """What the file says, or None where there is none."""
        if self._written is None:
            try:
                self._written = self._read(path).decode()
            except (OSError, ValueError):
                pass
        return self._written

    def _change(self, now):
        if self._write_at is None and not self._is_silent:
            self._write_at = now + GAP

    def _send(self, errand):
        if errand not in self._errands:
            self._errands.append(errand)
