"""One peer of the tunnel: its handshakes, its sessions, and the timers of the whitepaper (section 6).

The packet path stores a few times and arms a timer at most once per change of direction. All else happens in
`handle_timeout`, from a table: a timer looks whether what it waits for has come meanwhile, then acts or waits on.

Towards our own nodes (the SHA-256 suite) some things differ from WireGuard's:
- the first retries of an initiation come after 0.5, 1 and 2 s instead of 5, and repeat it to the letter; the other
  side repeats its response;
- a second of silence after something that wants an answer is told (`SILENT`), so that the paths are probed, and half
  a second more of it starts a handshake: a peer that was restarted is back before a person notices;
- a responder rekeys too, 30 s later than an initiator would, in case the initiator only ever listens;
- who is lost is called rarely as long as there is nothing for it: one that is away for months must cost little. When it
  is back it calls us, or there is word of it (`hurry`);
- when a flow of frames that came regularly ends, the node is told (`PAUSED`) and asks whether the peer is still there:
  who only listens has no other way to notice that a NAT before it has forgotten it.
"""

from collections import deque

from ..errors import Rejected
from ..wire.ways import is_detour
from . import messages
from .cookie import CookieJar
from .noise import Initiator
from .session import REJECT_AFTER_TIME, REKEY_AFTER_MESSAGES, REKEY_AFTER_TIME, Session

# whitepaper section 6.1, ms
REKEY_TIMEOUT = 5_000
REKEY_ATTEMPT_TIME = 90_000
KEEPALIVE_TIMEOUT = 10_000
REKEY_ON_RECEIVE = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT
FORGET_AFTER_TIME = 3 * REJECT_AFTER_TIME
INITIATION_GAP = 20  # a peer that initiates more often than this is flooding

# ours, ms
QUICK_RETRIES = (500, 1_000, 2_000)
REPEATS = 6  # how often the same initiation is sent, so that an answer that takes seconds is still understood
SILENCE = 1_000
SILENCE_REKEY = 500
FLOW_TIME, FLOW_FRAMES = 500, 2  # so many frames in so much time, twice, are a flow, and none in it are its end
RESPONDER_GRACE = 30_000
# where no NAT has to be kept open: three of them, and who began makes new keys, before the other side would as well
DETOUR_KEEPALIVE = 49_000
LOST_GAP = 25_000  # for each datagram of a call to who is lost: it costs no more than who is there
HURRY = 4_000  # for so long it is called quickly when there is word of it,
HURRIES, HURRY_TIME = 4, 120_000  # and so often in so much time, whatever is said
RESYNC_GAP = 5_000

PROLOGUE = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
STAGED_MAX = 32  # packets that wait for a session; the oldest goes first

# what a peer tells the node, through the tunnel's events
SESSION = "session"  # a session can be sent on
SILENT = "silent"  # something wants an answer and a second has passed
PAUSED = "paused"  # what came regularly comes no more
LOST = "lost"  # no handshake in 90 s
ENDPOINT = "endpoint"  # it is sent to another address now


class _Attempt:
    """A handshake that we have begun and that has not been answered."""

    def __init__(self, noise, index, message, era):
        self.noise = noise
        self.index = index
        self.message = message  # without its macs
        self.era = era  # the wall clock's, see wg/timestamps.py
        self.sent = 0  # how often
        self.sent_to = set()  # the addresses


class Peer:
    """Made by `Tunnel.add_peer`. `tunnel` gives it indices, randomness, timestamps, a way out, a place for events."""

    def __init__(self, tunnel, suite, public_key, psk):
        self.tunnel = tunnel
        self.suite = suite
        self.public_key = public_key
        self.psk = psk
        self.keepalive = 0
        self.endpoint = None
        self.is_proven = False  # whether what is sent to the endpoint reaches the peer: data goes nowhere else
        self.candidates = []  # addresses where it may be as well, tried while there is no session
        self.is_ours = suite.header != 0
        self.context = None  # the node's own, to find its things again

        self.current = None  # the session we send on
        self.previous = None  # the one before, still received on
        self.next = None  # one that the other side began and has not confirmed yet

        self.is_lost = False
        self.heard_at = None
        self.endpoint_heard_at = None  # the same for what came from the endpoint
        self.handshake_at = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.frames_in = 0  # counted by the node: only it knows what a frame is

        self._attempt = None
        self._calls = 0  # initiations sent since the last answer
        self._calling_since = None  # since when nobody has answered
        self._wanted_at = 0  # when somebody last wanted a session
        self._called_at = None
        self._call_size = 0  # datagrams of the last call
        self._hurried_at = []
        self._last_initiation_heard = None
        self._last_resync = None
        self.answer_time = 0  # ms that an answer took lately, in a handshake or as the node measured it
        self._answered = None  # (the last initiation, the response that it got), without their macs
        self._last_timestamp = bytes(12)
        self._staged = deque((), STAGED_MAX)
        self._jar = CookieJar(suite, tunnel.crypto, public_key)

        self._flow_mark = 0  # `frames_in` when it was last looked at,
        self._flowing = 0  # and how often they were seen to come regularly since
        self._asked_since = None  # the first packet since we last heard that wants an answer
        self._owed_since = None  # the first packet with content since we last sent
        self._sent_at = None
        self._timers = {}
        self.wake_at = None

    # --- sending

    def session_to_send(self, now):
        """The session to seal frames with, or None; then `stage` them and they will go when they can."""
        session = self._session(now) if self.is_proven else None
        if session is None or session.is_open:
            return session
        older = self.previous  # frames go on under the old keys until the new session is open
        return older if older is not None and older.is_open and older.is_usable(now) else None

    def _session(self, now):
        session = self.current
        return session if session is not None and session.is_usable(now) else None

    def sent(self, now, size, wants_answer=True):
        """A transport message of `size` bytes was sealed with the current session and is on its way."""
        self.bytes_out += size
        self._sent_at = now
        self._owed_since = None
        if wants_answer and self._asked_since is None:
            self._asked_since = now
            self._arm("silence", now + (SILENCE if self.is_ours else KEEPALIVE_TIMEOUT + REKEY_TIMEOUT))
        session = self.current
        age = now - session.created
        if age >= REKEY_AFTER_TIME or session.counter >= REKEY_AFTER_MESSAGES:
            if session.initiator or self.is_ours and age >= REKEY_AFTER_TIME + RESPONDER_GRACE:
                self.initiate(now)

    def send(self, payload, now):
        """Seal and queue a frame or packet (bytes); without an open session it waits for one."""
        session = self.session_to_send(now)
        if session is None:
            self.stage(payload, now)
        else:
            datagram = session.seal_bytes(payload)
            self.tunnel.transmit(datagram, self.endpoint, is_frame=True)
            self.sent(now, len(datagram))

    def enclose(self, payload, now):
        """A datagram with this (bytes) for the endpoint, where there is a session to send on: the caller sends it."""
        datagram = self.session_to_send(now).seal_bytes(payload)
        self.sent(now, len(datagram), wants_answer=False)
        return datagram

    def tell(self, payload, now, wants_answer=True, addr=None):
        """The same for what is for the node itself, which needs no open session; to `addr` or else the endpoint."""
        session = self._session(now)
        if session is None or addr is None and self.endpoint is None:
            self.stage(payload, now)
            return
        datagram = session.seal_bytes(payload)
        self.tunnel.transmit(datagram, addr or self.endpoint)
        self.sent(now, len(datagram), wants_answer)

    def stage(self, payload, now):
        """Keep a packet until there is a session, and begin a handshake for it."""
        if self.endpoint is None and self.next is None and self._session(now) is None:
            self.tunnel.count("no-endpoint")
            return
        if len(self._staged) == STAGED_MAX:
            self.tunnel.count("staged-full")
            self._staged.popleft()
        self._staged.append(bytes(payload))
        if self._session(now) is None:
            self.initiate(now)

    def initiate(self, now):
        """Begin a handshake, unless one is under way or there is nowhere to send it."""
        self._wanted_at = now
        if self._attempt is not None or self.endpoint is None:
            return
        gap = QUICK_RETRIES[0] if self.is_ours else REKEY_TIMEOUT
        if self._called_at is not None and now - self._called_at < gap:
            self._arm("retry", self._called_at + gap)
            return
        self._calls = 0
        self._call(now)

    def hurry(self, now):
        """There is word of it, from whoever. Who is lost is called a few times then, and that not for ever again."""
        if not self.is_lost:
            self.initiate(now)
            return
        self._hurried_at = [when for when in self._hurried_at if now - when < HURRY_TIME]
        if len(self._hurried_at) < HURRIES:
            self._hurried_at.append(now)
            self._end_attempt()
            wanted_at = max(self._wanted_at, now - REKEY_ATTEMPT_TIME + HURRY)
            self.initiate(now)
            self._wanted_at = wanted_at

    def resync(self, now):
        """Its endpoint uses a session that we don't have: call it, but don't let a stranger make us do so often."""
        if self._last_resync is None or now - self._last_resync >= RESYNC_GAP:
            self._last_resync = now
            self.initiate(now)

    def _call(self, now):
        """Send an initiation: the one under way once more, or a new one."""
        attempt = self._attempt
        era = self.tunnel.timestamps.era
        if attempt is None or attempt.era != era or attempt.sent >= (REPEATS if self.is_ours else 1):
            attempt = self._new_attempt(now)
        attempt.sent += 1
        data = self._jar.sign(attempt.message, now)
        ways = [self.endpoint]
        if self.is_ours and not self.is_connected(now):
            ways += self.candidates
            if self._calls > 0:
                ways += self.tunnel.detours(self, self._calls - 1, now)
        ways = [addr for i, addr in enumerate(ways) if addr not in ways[:i]]
        for addr in ways:
            attempt.sent_to.add(addr)
            self.tunnel.transmit(data, addr)
        self._called_at, self._call_size = now, len(ways)
        if self._calling_since is None:
            self._calling_since = now
        quick = QUICK_RETRIES if self.is_ours else ()
        if self._calls < len(quick):
            gap = quick[self._calls]
        else:
            gap = REKEY_TIMEOUT + self.tunnel.jitter()
        self._calls += 1
        self._timers["retry"] = now + gap
        self.tunnel.deadlines.wake(self, now + gap)

    def _new_attempt(self, now):
        tunnel = self.tunnel
        self._drop_attempt()
        noise = Initiator(self.suite, tunnel.crypto, tunnel.private_key, self.public_key, self.psk, PROLOGUE)
        message = noise.write(tunnel.crypto.random(32), tunnel.timestamps.next(now))
        index = tunnel.claim_index(self)
        initiation = messages.initiation(self.suite, index, message)
        self._attempt = _Attempt(noise, index, initiation, tunnel.timestamps.era)
        return self._attempt

    def _drop_attempt(self):
        if self._attempt is not None:
            self.tunnel.release_index(self._attempt.index)
            self._attempt = None

    # --- what comes in

    def repeat_response(self, message, addr, now):
        """Whether this Noise message is the initiation that we answered last, and may not have been heard: again, then.

        Our own nodes send the same initiation several times, and over several ways (wg/peer.py, `_call`)."""
        if not self.is_ours or self._answered is None or self._answered[0] != message:
            return False
        if self.next is None or self.next.is_confirmed:
            return False
        self.next.answers += 1
        if addr != self.next.answered_to:
            self.next.answered_to = None  # either may have heard it
        self.tunnel.transmit(self._jar.sign(self._answered[1], now), addr)
        return True

    def handle_initiation(self, sender, timestamp, message, noise, addr, now):
        """An initiation which proved to come from this peer. Answers it, or raises Rejected."""
        if timestamp <= self._last_timestamp:
            raise Rejected("replayed-initiation")
        if self._last_initiation_heard is not None and now - self._last_initiation_heard < INITIATION_GAP:
            raise Rejected("flood")
        tunnel = self.tunnel
        if self.is_ours and addr != self.endpoint and addr not in self.candidates and not is_detour(addr):
            tunnel.was_called = True
        self._last_timestamp = timestamp
        self._last_initiation_heard = now
        if self._attempt is not None and self.is_ours and self.public_key > tunnel.public_key:
            # both began at once: the one with the higher key leads, so that both end up with the same session
            self._end_attempt()
        answer, sending, receiving = noise.write(tunnel.crypto.random(32), self.psk, b"")
        index = tunnel.claim_index(self)
        session = Session(tunnel.crypto, self.suite, self, index, sender, sending, receiving, False, now)
        session.answered_to = addr
        session.is_open = not (self.is_ours and tunnel.is_gated)
        tunnel.add_session(session)
        if self.next is not None and self.next.is_confirmed:
            self._retire("previous")
            self.previous, self.next = self.next, None
        self._retire("next")
        self.next = session
        self._arm("forget", now + FORGET_AFTER_TIME)
        self._answered = (message, messages.response(self.suite, index, sender, answer))
        tunnel.transmit(self._jar.sign(self._answered[1], now), addr)
        if not self.is_ours:
            self.move_to(addr)

    def handle_response(self, sender, receiver, message, addr, now):
        """The answer to our initiation, or Rejected. What was staged goes out; without it an empty packet confirms."""
        attempt = self._attempt
        if attempt is None or attempt.index != receiver:
            raise Rejected("unexpected-response")
        payload, sending, receiving = attempt.noise.read(message)
        if payload:
            raise Rejected("bad-handshake")
        if attempt.sent == 1:  # else we can't know which one this answers
            self.answer_time = now - self._called_at
        self._jar.expect_none()
        self._attempt = None  # its index goes over to the session
        self._end_attempt()
        session = Session(
            self.tunnel.crypto, self.suite, self, receiver, sender, sending, receiving, True, now
        )
        session.is_open = not (self.is_ours and self.tunnel.is_gated)
        self.tunnel.add_session(session)
        # `next`, if the other side has called too, stays to be received on: it may be what they send on
        self._retire("previous")
        self.previous, self.current = self.current, session
        self.heard_at = now
        self._asked_since = None
        self._answered_from(addr, attempt.sent_to, now)
        self._begin(now)
        if session.counter == 0:
            self.tell(b"", now, wants_answer=False)

    def handle_cookie_reply(self, nonce, sealed, now):
        """A cookie for the message that we sent last: the next one will carry its mac2."""
        if not self._jar.keep(nonce, sealed, now):
            raise Rejected("bad-cookie")

    def received(self, session, n, size, addr, now):
        """A transport message of `size` bytes from `addr` was opened with `session`; `n` bytes of its plaintext are not
        between nodes. What is needs no sign of life: who wants an answer to it gets one."""
        self.bytes_in += size
        self.heard_at = now
        if addr == self.endpoint or not self.is_ours:  # what comes another way says nothing about this one
            self.endpoint_heard_at = now
            self._asked_since = None
        if session is self.next and not session.is_confirmed:
            self._confirm(session, addr, now)
        elif self.is_lost:
            self._found()
        if n and self._owed_since is None:
            self._owed_since = now
            self._arm("keepalive", now + KEEPALIVE_TIMEOUT)
            if self.is_ours and "flow" not in self._timers:
                self._flow_mark = self.frames_in
                self._arm("flow", now + FLOW_TIME)
        if session.initiator and session is self.current and now - session.created >= REKEY_ON_RECEIVE:
            self.initiate(now)
        if addr != self.endpoint and not self.is_ours:
            # WireGuard roams to where the last authentic packet came from (whitepaper section 2.1)
            self.move_to(addr)

    def move_to(self, addr, is_proven=False):
        """Send to `addr` from now on; what is ours only control messages, until it is proven that they arrive there."""
        is_proven = is_proven or not self.is_ours
        if addr != self.endpoint:
            self.tunnel.forget_endpoint(self)
            self.endpoint, self.is_proven = addr, is_proven
            self.tunnel.remember_endpoint(self)
            self.tunnel.emit(ENDPOINT, self, addr)
        elif is_proven and not self.is_proven:
            self.is_proven = True
            self.tunnel.remember_endpoint(self)

    def reach(self, addr, now):
        """The address was proven: send there from now on, and what had to wait first."""
        self.move_to(addr, is_proven=True)
        self._let_out(now)

    def open(self, now):
        """Let frames pass all sessions that there are."""
        for session in (self.current, self.previous, self.next):
            if session is not None:
                session.is_open = True
        self._let_out(now)

    @property
    def is_calling(self):
        """Whether a handshake is under way."""
        return self._attempt is not None

    def is_connected(self, now):
        """Whether there is a session, and no question has gone unanswered for long."""
        asked = self._asked_since
        is_answered = asked is None or now - asked < REKEY_TIMEOUT
        return is_answered and not self.is_lost and self.session_to_send(now) is not None

    def is_silent(self, now):
        """Whether something that wants an answer had none for longer than is usual."""
        return self._asked_since is not None and now - self._asked_since >= SILENCE

    def set_keepalive(self, keepalive, now):
        """Send something at least every `keepalive` ms; 0 turns that off."""
        self.keepalive = keepalive
        self._timers.pop("persistent", None)
        if keepalive:
            self._arm("persistent", now)

    def close(self):
        """Forget everything; the peer is no longer known."""
        self._end_attempt()
        self._forget_sessions()
        self.tunnel.forget_endpoint(self)
        self._timers.clear()
        self._throw_staged_away()

    def _confirm(self, session, addr, now):
        """The first packet of a session that the other side began: it has our response."""
        session.is_confirmed = True
        if session.answers == 1:
            self.answer_time = now - session.created
        # if our response went there alone and was understood, the address is proven
        self._answered_from(addr, (session.answered_to,), now)
        if self.current is not None and self.current.created >= session.created:
            return  # both called at once; each sends on what it began, so that each renews it
        self._end_attempt()  # the other side's handshake was quicker than ours
        self._retire("previous")
        self.previous, self.current, self.next = self.current, session, None
        self._begin(now)

    def _answered_from(self, addr, sent_to, now):
        """What went to these addresses was answered from one. Whoever heard it at another could say it comes from here:
        then the address is tried, unless we know a better one."""
        if not self.is_ours or len(sent_to) == 1 and addr in sent_to:
            self.move_to(addr, is_proven=True)
        elif not self.is_proven and (self.endpoint is None or addr in sent_to or addr in self.candidates):
            self.move_to(addr)

    def _found(self):
        """Somebody who was lost is heard again."""
        self.is_lost = False
        self._calling_since = None
        self.tunnel.emit(SESSION, self, None)

    def _begin(self, now):
        """There is a new current session: tell the node, let out what waited."""
        self.handshake_at = now
        self._arm("forget", now + FORGET_AFTER_TIME)
        self._found()
        self._let_out(now)

    def _let_out(self, now):
        """Greet one of our own nodes, and send what was staged."""
        session = self._session(now)
        if session is None or self.endpoint is None:
            return
        if self.is_ours and not session.is_greeted:
            session.is_greeted = True
            self.tell(self.tunnel.greeting(self), now, wants_answer=False)
        if self.session_to_send(now) is None:
            return
        staged, self._staged = self._staged, deque((), STAGED_MAX)
        while staged:
            self.send(staged.popleft(), now)

    def _end_attempt(self):
        self._drop_attempt()
        self._timers.pop("retry", None)

    def _throw_staged_away(self):
        for _ in self._staged:
            self.tunnel.count("no-answer")
        self._staged = deque((), STAGED_MAX)

    def _retire(self, name):
        session = getattr(self, name)
        if session is not None:
            setattr(self, name, None)
            self.tunnel.remove_session(session)
            session.forget()

    # --- timers

    def _arm(self, name, when):
        """Make sure that a timer runs, at `when` unless it was going to run anyway."""
        timers = self._timers
        if name not in timers:
            timers[name] = when
            self.tunnel.deadlines.wake(self, when)

    def handle_timeout(self, now):
        timers = self._timers
        for name, act in _TIMERS:
            when = timers.get(name)
            if when is not None and when <= now:
                del timers[name]
                act(self, now)
        if timers:
            self.tunnel.deadlines.wake(self, min(timers.values()))

    def _retry(self, now):
        if self._attempt is None:  # it only waited for its turn
            self.initiate(now)
            return
        since = self._calling_since
        if not self.is_lost and since is not None and now - since >= REKEY_ATTEMPT_TIME:
            self.is_lost = True
            self.tunnel.emit(LOST, self, None)
        if now - self._wanted_at < REKEY_ATTEMPT_TIME:
            self._call(now)
        else:
            self._end_attempt()
            self._throw_staged_away()
            self._asked_since = None

    def _silence(self, now):
        since = self._asked_since
        if since is None:
            return
        if not self.is_ours:
            self._wait_or(since + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, "silence", now, self.initiate)
        elif now - since >= SILENCE + self._patience():
            self.initiate(now)
        elif now - since >= SILENCE:
            self._arm("silence", since + SILENCE + self._patience())
            self.tunnel.emit(SILENT, self, None)
        else:
            self._arm("silence", since + SILENCE)

    def _patience(self):
        """How long an answer may take: twice what it took lately, and not less than SILENCE_REKEY."""
        return max(SILENCE_REKEY, 2 * self.answer_time)

    def _flow(self, now):
        count, self._flow_mark = self.frames_in - self._flow_mark, self.frames_in
        if count >= FLOW_FRAMES or count and self._flowing > 1:
            self._flowing += 1
            self._arm("flow", now + FLOW_TIME)
        else:
            if count == 0 and self._flowing > 1:
                self.tunnel.emit(PAUSED, self, None)
            self._flowing = 0

    def _keepalive(self, now):
        if self._owed_since is not None and self._session(now) is not None:
            self._wait_or(self._owed_since + KEEPALIVE_TIMEOUT, "keepalive", now, self._send_keepalive)

    def _persistent(self, now):
        is_kept_open = self.endpoint is not None and is_detour(self.endpoint)
        gap = max(self.keepalive, DETOUR_KEEPALIVE) if is_kept_open else self.keepalive
        due = now if self._sent_at is None else self._sent_at + gap
        if now >= due:
            due = now + gap
            self._send_keepalive(now)
        self._arm("persistent", min(due, now + self.keepalive))

    def _send_keepalive(self, now):
        if self._session(now) is not None and self.endpoint is not None:
            self.tell(b"", now, wants_answer=False)
        elif self._attempt is None:
            if not (self.is_ours and self.is_lost):
                self.initiate(now)
            elif now - self._called_at >= self._call_size * LOST_GAP:
                self._call(now)  # once, and by other detours each time

    def _forget(self, now):
        created = [s.created for s in (self.current, self.next, self.previous) if s is not None]
        if created:
            self._wait_or(max(created) + FORGET_AFTER_TIME, "forget", now, self._forget_sessions)

    def _forget_sessions(self, now=None):
        for name in ("previous", "current", "next"):
            self._retire(name)

    def _wait_or(self, due, name, now, act):
        """Act if the time has come, else let the timer run on."""
        if now >= due:
            act(now)
        else:
            self._arm(name, due)


_TIMERS = (
    ("retry", Peer._retry),
    ("silence", Peer._silence),
    ("flow", Peer._flow),
    ("keepalive", Peer._keepalive),
    ("persistent", Peer._persistent),
    ("forget", Peer._forget),
)
