"""Loops: the LANs of two members that are joined by a cable (a visitor's router, a Wi-Fi bridge) besides the tunnel.

Then each broadcast runs in circles: tunnel, other LAN, cable, our LAN, tunnel. Ethernet has no time to live, and STP
stays at home. So members look for joined LANs themselves, with a proof that no device and no third member can make up:

    token        8 random bytes that we have told one member inside its tunnel, another one for each
    probe        a frame onto our own LAN that carries a token for each member; no probe ever enters or leaves a tunnel
    evidence     who sees on its own LAN (at its TAP) the token that a member told it has one LAN with that member.
                 It says so in the tunnel (SEEN). A token proves once; then its owner makes another, so replays die out

    probe:       destination 03-69-70-6f-70-01 | source: ours, made from our key | 0x88B5 (IEEE 802, experimental use)
                 "ipop" | version 1 | tokens n 1 | token of the sender's own 8 | n tokens, 8 each
    message:     flags 1 | homes n 1 | number 2 | answer 2 | token 8 | echo 8 | n times 8 bytes

A message says all that there is to say to one member: our token for it, the one that we hold of it (echo), whether that
was SEEN, whether frames of this link are held back. Whatever changes gets a new number, and is repeated until a message
comes with that number as its answer.

Suspicion costs nothing, and traffic brings it at once: a MAC that moves between our LAN and a tunnel, a storm. Then,
and else every few minutes, a probe is shown on our LAN. On evidence *both* sides cut the link: each holds back frames
in both directions, so the circle is open as soon as one has cut, and stays open until both have mended, also when the
other is old, hostile or just restarted. A lie about a token harms only the link between the liar and us.

While cut, a round is made now and then: a fresh token is told; when the other has it, it is shown three times; then the
other is asked. Seen: the cable is still there. Not seen, said with that very token: it is gone, and we mend. Silence is
no proof. Who is asked in a round makes one too, so both mend together; of both the one with the lower key begins. A
link that is cut again soon after it was mended stays so for longer each time, whatever the rounds say.

Two joined LANs are one LAN that has two ways to every third home, which would get its own frames back. So of joined
homes that with the lowest key carries the frames of all: the others say in their messages behind whose keys they stand
(the first 8 bytes of each), and a third home that is connected to one of these passes over who says so. As this takes
links from who says it, it is said only of a LAN whose token was lately seen with our own eyes: no member can bring that
about through tunnels. Two routers of one group at one LAN are the same thing: the second stands by.
"""

import struct
from collections import deque, namedtuple

from ..errors import Rejected
from ..wire import ethernet
from .switch import LAN

ETHERTYPE = 0x88B5
DESTINATION = b"\x03ipop\x01"
TOKEN = 8  # bytes
TOKENS_MAX = 63  # in one probe; a larger group takes several
BEHIND_MAX = 8

# Suspicion: two probes are never closer than SPACING; on average there is one in GAP, the first BURST may be earlier.
SPACING, GAP, BURST = 300, 2_000, 3
CONNECT_DELAY = 1_000  # ms, so that many who connect at once are one reason to look
ROUTINE = 300_000  # ms between two probes without a suspicion, and up to a quarter more, by our key
ROTATE = 3_600_000  # ms, the life of a token that nobody has seen

ASK_AGAIN, ASKS = 500, 6  # ms, doubling; a member that never answers is left alone until it connects anew
MESSAGE_GAP, MESSAGE_BURST = 200, 20  # ms between two messages of a member on average; so many at once

ROUND_MIN, ROUND_MAX = 5_000, 60_000  # ms between two rounds; between them, an eighth of the time since the cut
LEAD = 1_000  # ms by which the lower key is first
SHOWN, SHOWN_GAP = 3, 400  # probes in a round, ms between two
ROUND_LIFE = 15_000  # ms, after which a round without an answer ends
EVIDENCE_LIFE = 600_000  # ms, after which who never answers is believed to have unlearned this
HOLD, HOLD_MAX = 30_000, 600_000  # ms for which a link stays cut that was mended less than FLAP ago, doubling
FLAP = 600_000
MET_LIFE = 150_000  # ms for which who was seen on our own LAN is believed to be there
TICK = 1_000  # ms between two looks at who is up, while that matters
HERE_EVERY, HERE_WAIT = 30_000, 2_000  # a loop within our own LAN: ms between two looks; how long a look takes

CUT, MENDED, LOOPED_HERE = "cut", "mended", "looped-here"
PASSED_OVER, TAKEN_BACK = "passed-over", "taken-back"  # a third home, whose frames come through another now

# `link` is None for our own LAN
LoopEvent = namedtuple("LoopEvent", ("kind", "link"))

OPEN, LOOP, ASIDE = "open", "loop", "aside"  # a link: frames pass; held back for a loop; or because another carries
IDLE, TELLING, SHOWING, ASKING = "idle", "telling", "showing", "asking"  # a round

_ASK, _SEEN, _LOOP, _ASIDE, _PROBING = 1, 2, 4, 8, 16
_MAGIC = b"ipop\x01"
_PROBE_HEAD = len(_MAGIC) + 1 + TOKEN
_PROBE_MIN = 60  # bytes, as Ethernet has it without the checksum
_MESSAGE = ">BBHH8s8s"
_MESSAGE_HEAD = 22
_NO_TOKEN = bytes(TOKEN)
_SAYS_NOTHING = 0, b""
_OWN_TOKENS = 4
_FRAMES_MAX = 16
_EVENTS_MAX = 64


class LoopWatch:
    """`public_key` is ours; `crypto` needs `random` and `sha256`."""

    def __init__(self, crypto, public_key, now):
        self._random = crypto.random
        self._key = public_key
        self._mac = probe_mac(crypto, public_key)
        self._members = {}  # link -> _Member
        self._theirs = {}  # a token that we were told -> _Member
        self._own = []  # our own tokens in the last probes
        self._to_tell = []  # members to whom a message is due
        self._frames = deque((), _FRAMES_MAX)
        self._events = deque((), _EVENTS_MAX)
        self._probe_at = None  # when a suspicion may be looked into
        self._probed_at = now - ROUTINE
        self._full_at = now  # when BURST probes are allowed again
        self._routine_gap = ROUTINE + ROUTINE // 4 * public_key[0] // 256
        self._routine_at = now + self._routine_gap * (128 + public_key[1] // 2) // 256
        self._rotate_at = now + ROTATE
        self._here = None  # a loop within our LAN: _Here
        self._wake_at = None
        self._is_calm = True  # as of the last `_settle`

    # --- frames

    def is_cut(self, link):
        """Whether no frames may pass from or to `link`: they are rejected as "loop"."""
        member = self._members.get(link)
        return member is not None and member.state is not OPEN

    def handle_lan_frame(self, packet, mem, now):
        """Whether a frame of our LAN was a probe, which goes nowhere else."""
        if not _is_probe(packet, mem):
            return False
        own, tokens = _parse_probe(packet, mem)
        if own in self._own:
            self._find_here(now)
        elif self._theirs:
            for token in tokens:
                member = self._theirs.get(token)
                if member is not None and not member.has_seen:
                    member.has_seen = True
                    self._find(member, now, with_own_eyes=True)
                    self._settle(now)
        return True

    def handle_peer_frame(self, link, packet, mem, now):
        """A frame that came out of the tunnel of `link`. Raises Rejected("loop-probe").

        A daemon that is older than this, or not honest, sends us our own probe back: its LAN is ours."""
        if not _is_probe(packet, mem):
            return
        own, _ = _parse_probe(packet, mem)
        if own in self._own:
            self._own.remove(own)
            self._find(self._member(link), now)
            self._settle(now)
        raise Rejected("loop-probe")

    def poll_frame(self):
        """The next frame (bytes) for our LAN, or None."""
        return self._frames.popleft() if self._frames else None

    # --- reasons to look

    def note_move(self, mac, old_port, new_port, now):
        """A device (or our own bridge) that was known at one port has been seen at another."""
        if old_port is LAN or new_port is LAN:
            self._suspect(now)

    def note_storm(self, now):
        """More frames than can be meant."""
        self._suspect(now)

    def note_connected(self, link, now):
        """There is a session with a member that was not connected."""
        member = self._member(link)
        member.is_new = True
        if member.cut is not None:
            member.cut.stage, member.cut.at = IDLE, now
        self._tell(member, now)
        self._settle_one(member, now)

    def forget(self, link):
        """A member that there is no more."""
        member = self._members.pop(link, None)
        if member is not None:
            self._theirs.pop(member.theirs, None)
            if member in self._to_tell:
                self._to_tell.remove(member)

    # --- what members say

    def handle_message(self, link, content, now):
        """Raises Rejected."""
        member = self._member(link)
        if not member.may_speak(now):
            raise Rejected("loop-messages")
        if len(content) < _MESSAGE_HEAD:
            raise Rejected("bad-payload")
        flags, n, number, answer, token, echo = struct.unpack_from(_MESSAGE, content, 0)
        if n > BEHIND_MAX or len(content) < _MESSAGE_HEAD + n * 8:
            raise Rejected("bad-payload")
        member.heard = number
        self._keep(member, token)
        member.says = LOOP if flags & _LOOP else ASIDE if flags & _ASIDE else OPEN
        member.behind = [content[at : at + 8] for at in range(_MESSAGE_HEAD, _MESSAGE_HEAD + n * 8, 8)]
        was_told, member.is_told = member.is_told, answer == member.number and echo == member.token
        if flags & _SEEN and echo in (member.token, member.old_token):
            self._find(member, now)
            member.is_told, member.old_token = False, None  # it is spent
            self._renew(member, now)
        elif member.is_told and not was_told:
            self._on_told(member, now)
        elif not member.is_told and member.tell_at is None:
            member.asks, member.tell_at = 0, now + ASK_AGAIN
        if flags & _ASK and member not in self._to_tell:
            self._to_tell.append(member)
        if flags & _PROBING and member.cut is not None:
            member.cut.join(now)
        self._settle_one(member, now)

    def poll_message(self):
        """The next (link, content) for another member, or None."""
        while self._to_tell:
            member = self._to_tell.pop(0)
            if member.link.is_up:
                return member.link, self._message(member)
        return None

    # --- time

    def handle_timeout(self, now):
        if now >= self._rotate_at:
            self._rotate_at = now + ROTATE
            for member in self._members.values():
                if member.is_told and member.link.is_up and member.cut is None:
                    self._renew(member, now)
        if now >= self._routine_at:
            self._routine_at = now + self._routine_gap
            if any(link.is_up for link in self._members):
                self._suspect(now)
            for member in self._members.values():
                if not member.is_told and member.tell_at is None:
                    member.asks, member.tell_at = ASKS - 2, now  # once more
        for member in self._members.values():
            self._repeat(member, now)
            if member.cut is not None:
                self._go_on(member, now)
        if self._here is not None:
            self._look_here(now)
        if self._probe_at is not None and now >= self._probe_at:
            self._probe(now)
        self._settle(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms)."""
        when = min(self._routine_at, self._rotate_at)
        if self._probe_at is not None:
            when = min(when, self._probe_at)
        return when if self._wake_at is None else min(when, self._wake_at)

    # --- what comes of it

    def poll_event(self):
        """The next LoopEvent, or None."""
        return self._events.popleft() if self._events else None

    def problems(self):
        """What a person has to mend: the links with whose LAN ours is joined, None for a loop within our LAN."""
        found = [link for link, member in self._members.items() if member.state is LOOP and link.is_up]
        return found if self._here is None else found + [None]

    def held_back(self):
        """{link: where the frames of its home come from instead} of those that are held back: LAN where we carry them,
        the link of another home that does, or None: they are no matter of ours."""
        if self._is_calm:
            return {}
        held = {link: member for link, member in self._members.items() if member.state is not OPEN}
        return {link: LAN if self._carries(member) else member.carrier for link, member in held.items()}

    def _carries(self, member):
        return member.cut is not None and self._key[:8] in member.behind

    # --- members

    def _member(self, link):
        member = self._members.get(link)
        if member is None:
            member = self._members[link] = _Member(link, self._random(TOKEN))
        return member

    def _keep(self, member, token):
        """The token that a member told. One that another told before stays that one's."""
        if token == member.theirs or token == _NO_TOKEN or token in self._theirs:
            return
        self._theirs.pop(member.theirs, None)
        self._theirs[token] = member
        member.theirs, member.has_seen = token, False

    def _renew(self, member, now):
        if member.is_told:
            member.old_token = member.token
        member.token = self._random(TOKEN)
        self._tell(member, now)

    def _tell(self, member, now):
        """Something that a member is told has changed."""
        member.number = member.number % 0xFFFF + 1
        member.is_told, member.asks, member.tell_at = False, 0, now + ASK_AGAIN
        if member not in self._to_tell:
            self._to_tell.append(member)

    def _repeat(self, member, now):
        if member.tell_at is None or now < member.tell_at:
            return
        member.asks += 1
        if not member.link.is_up:
            member.tell_at = None
            return
        if member.asks >= ASKS:  # an older daemon: what it said when it was newer holds no more
            member.tell_at, member.says, member.behind = None, OPEN, []
            return
        member.tell_at = now + (ASK_AGAIN << member.asks)
        if member not in self._to_tell:
            self._to_tell.append(member)

    def _on_told(self, member, now):
        member.old_token = member.tell_at = None
        if member.is_new:
            member.is_new = False
            self._suspect(now, CONNECT_DELAY)
        cut = member.cut
        if cut is not None and cut.stage is TELLING:
            cut.stage, cut.at, cut.left = SHOWING, now, SHOWN
            self._go_on(member, now)
        elif cut is not None and cut.stage is ASKING and now < cut.hold_until:
            cut.rest(now, 0)
        elif cut is not None and cut.stage is ASKING:
            self._mend(member, now)

    def _message(self, member):
        flags = member.said[0] | (_SEEN if member.has_seen else 0) | (0 if member.is_told else _ASK)
        if member.cut is not None and member.cut.stage is not IDLE:
            flags |= _PROBING
        behind = member.said[1]
        echo = member.theirs or _NO_TOKEN
        head = (flags, len(behind) // 8, member.number, member.heard, member.token, echo)
        return struct.pack(_MESSAGE, *head) + behind

    # --- probes

    def _suspect(self, now, delay=0):
        at = max(now + delay, self._probed_at + SPACING, self._full_at - (BURST - 1) * GAP)
        if self._probe_at is None or at < self._probe_at:
            self._probe_at = at
        if self._probe_at <= now:
            self._probe(now)

    def _probe(self, now):
        self._probe_at = None
        self._full_at = max(self._full_at, now) + GAP
        self._show(now)

    def _show(self, now):
        """Put a probe onto our LAN."""
        if self._probed_at == now:
            return  # the same tokens
        self._probed_at = now
        self._own = self._own[1 - _OWN_TOKENS :] + [self._random(TOKEN)]
        tokens = []
        for link, member in self._members.items():
            if link.is_up:
                tokens.append(member.token)
                if member.old_token is not None:
                    tokens.append(member.old_token)
        for at in range(0, max(len(tokens), 1), TOKENS_MAX):
            part = tokens[at : at + TOKENS_MAX]
            frame = ethernet.header(DESTINATION, self._mac, ETHERTYPE)
            frame += _MAGIC + bytes([len(part)]) + self._own[-1] + b"".join(part)
            self._frames.append(frame + bytes(max(_PROBE_MIN - len(frame), 0)))

    # --- cuts

    def _find(self, member, now, with_own_eyes=False):
        """The LAN of a member and ours are one."""
        if member.cut is None:
            member.cut = _Cut(now, member.hold(now))
            self._suspect(now)  # so that the other sees it too, with its own eyes
        cut = member.cut
        cut.evidence_at = now
        if with_own_eyes:
            cut.met_at = now
            self._tell(member, now)
        cut.rest(now, 0 if self._key < member.key else LEAD)

    def _go_on(self, member, now):
        """The next step of a round."""
        cut = member.cut
        if now < cut.at:
            return
        if not member.link.is_up:
            cut.stage, cut.at = IDLE, now + ROUND_MAX  # or when it connects
        elif cut.stage is IDLE:
            cut.stage, cut.at = TELLING, now + ROUND_LIFE
            self._renew(member, now)
        elif cut.stage is SHOWING and cut.left:
            cut.left, cut.at = cut.left - 1, now + SHOWN_GAP
            self._show(now)
        elif cut.stage is SHOWING:
            cut.stage, cut.at = ASKING, now + ROUND_LIFE
            self._tell(member, now)
        elif now - cut.evidence_at >= EVIDENCE_LIFE:
            self._mend(member, now)
        else:
            cut.rest(now, 0)

    def _mend(self, member, now):
        member.cut = None
        member.mended_at = now

    def _settle_one(self, member, now):
        """Something about one member has changed. While nobody is held back nothing follows from it for the others."""
        if not (self._is_calm and member.is_calm()):
            self._settle(now)
        elif member.tell_at is not None and (self._wake_at is None or member.tell_at < self._wake_at):
            self._wake_at = member.tell_at

    def _settle(self, now):
        """What follows from all that is known: which links are held back, and who has to be told."""
        members = list(self._members.values())
        self._choose_carriers(members)
        behind = self._behind(now)
        wake_at = None
        for member in members:
            self._change(member)
            flags = _LOOP if member.cut is not None else _ASIDE if member.carrier is not None else 0
            if member.said != (flags, behind):
                member.said = flags, behind
                self._tell(member, now)
            for when in (
                member.tell_at,
                None if member.cut is None else member.cut.at,
                now + TICK if member.behind else None,
            ):
                if when is not None and (wake_at is None or when < wake_at):
                    wake_at = when
        if self._here is not None:
            wake_at = self._here.at if wake_at is None else min(wake_at, self._here.at)
        self._wake_at = wake_at
        self._is_calm = self._here is None and all(member.is_calm() for member in members)

    def _behind(self, now):
        """The homes that carry frames for our LAN: the first 8 bytes of each key, the lowest first."""
        met = [m.key for m in self._members.values() if m.key < self._key and m.cut is not None and m.cut.is_met(now)]
        return b"".join([key[:8] for key in sorted(met)[:BEHIND_MAX]])

    def _choose_carriers(self, members):
        """Who says that it stands behind another home, which has the lower key, is passed over if that one is there."""
        if not any(member.behind or member.carrier for member in members):
            return
        by_prefix = {}
        for member in sorted(members, key=_key_of):
            member.carrier = None
            for prefix in member.behind:
                carrier = by_prefix.get(prefix)
                if carrier is not None:
                    member.carrier = carrier.link
                    break
            if member.link.is_up and member.cut is None and member.says is OPEN and member.carrier is None:
                by_prefix[member.key[:8]] = member

    def _change(self, member):
        before, member.state = member.state, member.judge()
        if before is member.state:
            return
        if before is LOOP:
            self._events.append(LoopEvent(MENDED, member.link))
        elif before is ASIDE:
            self._events.append(LoopEvent(TAKEN_BACK, member.link))
        if member.state is LOOP:
            self._events.append(LoopEvent(CUT, member.link))
        elif member.state is ASIDE:
            self._events.append(LoopEvent(PASSED_OVER, member.link))

    # --- a loop within our own LAN: the bridge storms without us; we can only say so

    def _find_here(self, now):
        if self._here is None:
            self._here = _Here(now)
            self._events.append(LoopEvent(LOOPED_HERE, None))
            self._settle(now)
        self._here.seen_at = now

    def _look_here(self, now):
        here = self._here
        if now < here.at:
            return
        if here.looked_at is None:
            here.looked_at, here.at = now, now + HERE_WAIT
            self._show(now)
        elif here.seen_at >= here.looked_at:
            here.looked_at, here.at = None, now + HERE_EVERY
        else:
            self._here = None
            self._events.append(LoopEvent(MENDED, None))


class _Member:
    def __init__(self, link, token):
        self.link = link
        self.key = link.config.public_key
        self.token = token  # ours, for it
        self.old_token = None  # the one before, while it may not have the new one yet
        self.number = 0
        self.is_told = False  # whether it has answered our last number
        self.asks = 0
        self.tell_at = None
        self.said = _SAYS_NOTHING  # flags, and behind whom we stand
        self.is_new = False
        self.heard = 0  # its last number
        self.theirs = None  # its token
        self.has_seen = False  # whether that was on our LAN
        self.says = OPEN
        self.behind = []
        self.carrier = None  # the link through which its frames come, if not its own
        self.cut = None
        self.flaps = 0
        self.mended_at = None
        self.state = OPEN
        self._calm_at = None

    def is_calm(self):
        """Whether nothing is held back, on either side, and there is no reason to."""
        is_open = self.state is OPEN and self.says is OPEN and self.cut is None
        return is_open and not self.behind and self.carrier is None and self.said == _SAYS_NOTHING

    def may_speak(self, now):
        calm_at = now if self._calm_at is None else max(self._calm_at, now)
        if calm_at - now > (MESSAGE_BURST - 1) * MESSAGE_GAP:
            return False
        self._calm_at = calm_at + MESSAGE_GAP
        return True

    def judge(self):
        if self.cut is not None or self.says is LOOP:
            return LOOP
        return OPEN if self.carrier is None and self.says is OPEN else ASIDE

    def hold(self, now):
        """How long a new cut lasts at least."""
        self.flaps = self.flaps + 1 if self.mended_at is not None and now - self.mended_at < FLAP else 0
        return min(HOLD << min(self.flaps - 1, 8), HOLD_MAX) if self.flaps else 0


class _Cut:
    """A link that is held back, and the rounds in which we look whether it still has to be."""

    def __init__(self, now, hold):
        self.since = now
        self.hold_until = now + hold
        self.evidence_at = self.rested_at = now
        self.met_at = None  # when its token was last on our own LAN
        self.stage = IDLE
        self.at = now + ROUND_MIN  # of the next step
        self.left = 0

    def rest(self, now, delay):
        gap = min(max((now - self.since) // 8, ROUND_MIN), ROUND_MAX)
        self.stage, self.at, self.rested_at = IDLE, now + gap + delay, now

    def join(self, now):
        """The other makes a round."""
        if self.stage is IDLE and now - self.rested_at >= ROUND_MIN - LEAD:
            self.at = now

    def is_met(self, now):
        return self.met_at is not None and now - self.met_at < MET_LIFE


class _Here:
    def __init__(self, now):
        self.seen_at = now
        self.looked_at = None
        self.at = now + HERE_EVERY


def explain(link):
    """One of `problems`, in words."""
    if link is None:
        return (
            "two ports of this home's LAN are connected with each other, perhaps through a switch: "
            "unplug one end of that cable"
        )
    return (
        f"the LAN of {link.config.name} and this one are connected by a cable or a second router as well: "
        "frames between the two are held back until that is undone"
    )


def probe_mac(crypto, public_key):
    """From where a member's probes come on its LAN."""
    digest = crypto.sha256(b"ipop loop probe " + public_key)
    return bytes([digest[0] & 0xFC | 0x02]) + digest[1:6]


def _key_of(member):
    return member.key


def _is_probe(packet, mem):
    """Also one that isn't ours, or whose type a bridge has hidden in LLC: nobody else sends to this address."""
    if packet.destination == DESTINATION:
        return True
    at = packet.at
    return packet.ethertype == ETHERTYPE and bytes(mem[at : min(at + len(_MAGIC), packet.end)]) == _MAGIC


def _parse_probe(packet, mem):
    """(the sender's own token, the others); (None, ()) for what can't be read."""
    at, end = packet.at, packet.end
    if packet.ethertype != ETHERTYPE or end - at < _PROBE_HEAD or bytes(mem[at : at + len(_MAGIC)]) != _MAGIC:
        return None, ()
    n = mem[at + len(_MAGIC)]
    first = at + _PROBE_HEAD
    if n > TOKENS_MAX or end - first < n * TOKEN:
        return None, ()
    tokens = [bytes(mem[here : here + TOKEN]) for here in range(first, first + n * TOKEN, TOKEN)]
    return bytes(mem[first - TOKEN : first]), tokens
