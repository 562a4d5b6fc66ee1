"""Keeps the dnsmasq of a bridge running."""

from ..deadlines import earlier
from ..errors import UserError
from ..ports import clock, files, programs, shared
from . import dnsmasq
from .child import BACK_OFF, BACK_OFF_MAX, SOON, Child, forget, why

PATIENCE = 2_000  # ms that an old dnsmasq gets to end
SETTLED = 1_000  # ms after which a dnsmasq can be told to read its names again
NAMES = "group"  # the file in dnsmasq.HOSTS
# To read its names again it forgets all that it knows of the internet's: a member that renames its devices all the time
# must not have it do that each second. ms between two times, doubling unless it was QUIET before
READ_GAP, READ_GAP_MAX, QUIET = 1_000, 32_000, 60_000


class DnsmasqKeeper:
    """The dnsmasq of a bridge, started again when it ends, and when what it must know has changed. `say(text)` is told
    what is wrong with it, `say_names(text)` what is with the names."""

    def __init__(self, folder, poller, say, say_names):
        self._folder = folder
        self._poller = poller
        self._say = say
        self._say_names = say_names
        self._child = None
        self._runs = None  # (configuration, the bridge's index) that it was started with
        self._started_at = 0
        self._start_at = 0
        self._pause = BACK_OFF
        self._old = None  # a Child that was told to end
        self._kill_at = None  # when whatever was told to end is killed
        self._names = None  # as they were written last
        self._read_again_at = None
        self._read_at = -QUIET
        self._read_gap = READ_GAP
        self._due = None

    @property
    def is_idle(self):
        return self._child is None and self._old is None

    def set_names(self, text, now):
        """Whether it is told; else it has to be once more."""
        path = self._folder + "/" + dnsmasq.HOSTS
        try:
            if text != self._names:
                shared.make_folder(path)
                shared.write(path + "/" + NAMES, text.encode())
                # it notices new ones itself, but keeps old ones
                self._read_again_at = max(now, self._started_at + SETTLED, self._read_at + self._read_gap)
        except OSError as error:
            self._say_names("names can't be written to %s: %s" % (path, why(error)))
            return False
        self._names = text
        self._say_names(None)
        return True

    def poll_timeout(self):
        return earlier(self._due, self._read_again_at)

    def handle_turn(self, plan, link, now):
        """Let it be as the Plan says (None: not at all), on the bridge with the index `link`."""
        self._due = None
        wanted = (dnsmasq.configuration(plan, self._folder), link) if plan is not None else None
        if self._child is not None and self._child.is_silent:
            self._mourn(now)
        if self._child is not None and wanted != self._runs:
            self._end()
        if self._child is not None:
            self._settle(now)
        elif not self._is_alone(now):
            self._due = now + SOON
        elif wanted is None:
            self._say(None)
            self._start_at, self._pause = 0, BACK_OFF
        elif now >= self._start_at:
            self._start(wanted, now)
        else:
            self._due = self._start_at
        if self._read_again_at is not None and now >= self._read_again_at:
            self._read_again_at = None
            self._read_gap = READ_GAP if now - self._read_at >= QUIET else min(2 * self._read_gap, READ_GAP_MAX)
            self._read_at = now
            if self._child is not None:
                self._child.kill("SIGHUP")

    def close(self):
        if self._child is not None:
            self._end()
        self._is_alone(clock.monotonic())  # one of a killed daemon, that we have not come to replace
        for name in (dnsmasq.CONFIG, dnsmasq.HOSTS + "/" + NAMES):
            forget(self._folder + "/" + name)

    def _start(self, wanted, now):
        self._start_at = now + self._pause
        self._due = self._start_at
        config = self._folder + "/" + dnsmasq.CONFIG
        try:
            shared.write(config, wanted[0].encode())
            self._child = Child("dnsmasq", ["--conf-file=" + config], self._poller)
        except (OSError, UserError) as error:
            self._say("devices get no addresses: " + why(error))
            self._pause = min(2 * self._pause, BACK_OFF_MAX)
            return
        self._runs, self._started_at, self._read_again_at = wanted, now, None
        self._due = now + SETTLED

    def _settle(self, now):
        """One that has run for a while is well; only after long is it started again at once when it ends."""
        ran = now - self._started_at
        if ran >= SETTLED:
            self._say(None)
        if ran >= BACK_OFF_MAX:
            self._pause = BACK_OFF
        else:
            self._due = self._started_at + (SETTLED if ran < SETTLED else BACK_OFF_MAX)

    def _mourn(self, now):
        """It has ended of itself."""
        text = "devices get no addresses, since dnsmasq has ended (%s); it is started again every %d s or sooner"
        self._say(text % (self._child.last_line(), BACK_OFF_MAX // 1000))
        self._old, self._child = self._child, None
        self._start_at = now + self._pause
        self._pause = min(2 * self._pause, BACK_OFF_MAX)

    def _end(self):
        self._child.close()
        self._child.kill()
        self._old, self._child = self._child, None
        self._start_at, self._pause = 0, BACK_OFF

    def _is_alone(self, now):
        """Whether no dnsmasq of ours runs any more: one that was told to end, or that of a daemon that was killed. It
        is told to end, and killed if it does not."""
        if self._old is not None and self._old.status() is not None:
            self._old = None
        pid = self._left_over() if self._old is None else None
        if self._old is None and pid is None:
            self._kill_at = None
            return True
        end = self._old.kill if self._old is not None else lambda name: _kill(pid, name)
        if self._kill_at is None:
            self._kill_at = now + PATIENCE
            end("SIGTERM")
        elif now >= self._kill_at:
            end("SIGKILL")
        return False

    def _left_over(self):
        """The process id of a dnsmasq with our configuration that is no child of ours, or None."""
        try:
            pid = int(files.read(self._folder + "/" + dnsmasq.PID).decode())
            words = files.read("/proc/%d/cmdline" % pid).split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if b"--conf-file=" + (self._folder + "/" + dnsmasq.CONFIG).encode() in words else None


def _kill(pid, name):
    try:
        programs.kill(pid, name)
    except OSError:
        pass  # it has ended meanwhile
