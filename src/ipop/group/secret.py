"""The secret under which a group's messages cross brokers, and how a new one comes to all but those who are out.

It hides who says what from brokers and strangers; who may say it is told by signatures, so an old secret does no harm
but to privacy. A secret is offered by an admin, in a statement that anybody in the group may pass on:

    version 1 | epoch 8 | revoked: number 4, digest 8 | secret 32 | admin's key 32 | signature 64

The signature (Ed25519, by the admin) covers CONTEXT, the group's key and all that stands before it. Who revokes a
member makes the next epoch. Of two offers the higher epoch counts; of two for one epoch that of a signer who is still
an admin, then the lower hash of the secret. There is no way back to a lower epoch: its secret may be known to somebody
who is out.

An offer tells who was out when it was made. Who may not have heard of all of those yet does not take it up ("early"),
for fear of passing it on to one of them, but keeps it until the roster has changed. When two halves that were apart
have each revoked somebody, the secret of each is known to the one whom the other revoked: that is seen by what the
offer tells, and a third one is made. An offer that tells of fewer than are known here, so that nobody can say whether
they are among these, is taken up when no admin has made a better one in time.

Who is no admin any more may have run ahead, to epochs that some have taken up and others refuse. So what is refused for
its signer is remembered (`heard`), and the next epoch goes beyond it. Anybody can sign such a thing, so that is done
more and more rarely. Only the owner may leap far: else an admin could use up all epochs there are.

An offer travels inside tunnels as it is. For those who are away it waits at the brokers in a box that only the two can
find and open: name (`slot`) and key of it come from the Diffie-Hellman value of sender and receiver. Whoever made the
secret leaves boxes for all, and the owner later for those who don't speak under it yet. Each takes its own away when
the reader does; what it has forgotten by a restart stays until there is another secret.
"""

import struct
from collections import namedtuple

from ..errors import Rejected
from .identity import wg_key

VERSION = 1
CONTEXT = b"ipop secret 1"
KEPT = 3_600_000  # ms in which members who have not heard of a new secret yet are still understood
KEPT_MAX = 4
PATIENCE = 20_000  # ms in which the one who has to make a new secret is waited for
FOLLOW_FIRST, FOLLOW_MAX = 60_000, 86_400_000  # ms between two new epochs only to go beyond one that was refused
LEAP = 1 << 32  # epochs that one offer may skip, but for the owner's
_HEAD = ">BQI8s32s32s"
_HEAD_SIZE = 85
_SIZE = 149
_NONCE = 24

# epoch: number from 1; revoked: what `Roster.revocations` was; secret, signer: 32 bytes; data: the offer as carried
Offer = namedtuple("Offer", ("epoch", "revoked", "secret", "signer", "data"))


def parse(crypto, group_key, data):
    """The Offer in some bytes, whoever signed it. Raises Rejected: "bad-secret", "bad-signature"."""
    data = bytes(data)
    if len(data) != _SIZE:
        raise Rejected("bad-secret")
    version, epoch, number, digest, secret, signer = struct.unpack_from(_HEAD, data, 0)
    if version != VERSION or epoch == 0:
        raise Rejected("bad-secret")
    if not crypto.verify(signer, CONTEXT + group_key + data[:_HEAD_SIZE], data[_HEAD_SIZE:]):
        raise Rejected("bad-signature")
    return Offer(epoch, (number, digest), secret, signer, data)


def _nobody():
    return 0, bytes(8)


class GroupSecret:
    """`offer` (bytes) is what this node kept, or got with its invitation; without one the first `rotate` makes epoch 1.

    `is_admin(key)` and `revocations()` are the roster's. Raises Rejected for an offer that is damaged or of another
    group."""

    def __init__(self, crypto, group_key, is_admin, offer=None, revocations=_nobody):
        self._crypto = crypto
        self._group_key = group_key
        self._is_admin = is_admin
        self._revocations = revocations
        self._offer = None if offer is None else parse(crypto, group_key, offer)
        self._previous = []  # (Offer, when it was replaced), the latest first
        self._orphaned_since = None
        self._early = None  # (the last offer of that kind, as bytes; when it came first)
        self.heard = 0  # the highest epoch that was offered and can't be followed
        self._follow_at = 0
        self._follow_pause = FOLLOW_FIRST

    @property
    def epoch(self):
        """0 before there is any."""
        return self._offer.epoch if self._offer else 0

    @property
    def secret(self):
        """32 bytes, or None before there is any."""
        return self._offer.secret if self._offer else None

    @property
    def offer(self):
        """The statement (bytes) to keep and to pass on to other members, or None."""
        return self._offer.data if self._offer else None

    @property
    def signer(self):
        """The key of who made it, or None before there is any."""
        return self._offer.signer if self._offer else None

    @property
    def digest(self):
        """8 bytes that are the same where the same offer is in use."""
        return self._crypto.sha256(self._offer.data)[:8] if self._offer else bytes(8)

    @property
    def is_orphaned(self):
        """Whether this secret has to be replaced: there is none, who made it is no admin any more, others went on
        without us, or somebody was revoked who knows it."""
        return self._is_unfit or self.heard > self.epoch

    @property
    def _is_unfit(self):
        offer = self._offer
        return offer is None or not self._is_admin(offer.signer) or offer.revoked != self._revocations()

    def wants_rotation(self, now):
        """Whether an admin's node should call `rotate` now, as nobody who had more reason to has done so in time.

        Who revokes or demotes somebody does it at once."""
        if not self._is_unfit and (self.heard <= self.epoch or now < self._follow_at):
            self._orphaned_since = None
        elif self._orphaned_since is None:
            self._orphaned_since = now
        return self._orphaned_since is not None and now - self._orphaned_since >= PATIENCE

    def secrets(self, now):
        """[(epoch, secret)] that messages may come under: the one in use, then those that others may be at.

        Among these is an offer that came early: what is said under it may be the very news that it waits for."""
        self._previous = [(offer, since) for offer, since in self._previous if now - since < KEPT]
        offers = [self._offer] if self._offer else []
        offers += [offer for offer, _ in self._previous]
        if self._early is not None:
            offers.append(parse(self._crypto, self._group_key, self._early[0]))
        return [(offer.epoch, offer.secret) for offer in offers]

    def add(self, data, now):
        """True if an offer (bytes) is taken up, False if it is the one in use or has been overtaken. Raises Rejected:

        "bad-secret", "bad-signature", "epoch-leap", "not-admin", "early"."""
        if self._offer is not None and bytes(data) == self._offer.data:
            return False
        offer = parse(self._crypto, self._group_key, data)
        if offer.epoch > self.epoch + LEAP and offer.signer != self._group_key:
            raise Rejected("epoch-leap")
        if not self._is_admin(offer.signer):
            if offer.epoch <= self.epoch + LEAP // 2:  # so that all can follow whoever goes beyond it
                self.heard = max(self.heard, offer.epoch)
            raise Rejected("not-admin")
        if not self._beats(offer):
            return False
        if self._is_early(offer, now):
            if self._early is None or self._early[0] != offer.data:
                self._early = offer.data, now
            raise Rejected("early")
        self._take(offer, now)
        return True

    def handle_roster(self, now):
        """The roster has changed: whether an offer that came too early is taken up now."""
        if self._early is None:
            return False
        try:
            return self.add(self._early[0], now)
        except Rejected as rejected:
            if rejected.reason != "early":
                self._early = None
            return False

    def rotate(self, identity, now):
        """A new secret for the next epoch, in use from now on: the offer (bytes) for all. `identity` is an admin's."""
        if self.heard > self.epoch and not self._is_unfit:
            self._follow(now)
        epoch = max(self.epoch, self.heard) + 1
        number, digest = self._revocations()
        body = struct.pack(_HEAD, VERSION, epoch, number, digest, self._crypto.random(32), identity.public)
        data = body + identity.sign(CONTEXT + self._group_key + body)
        self._take(parse(self._crypto, self._group_key, data), now)
        return data

    def box(self, identity, member, entries=()):
        """(slot, box): the offer in use as only this member's key can open it, and where it looks for it.

        With it go entries of the roster (bytes) which the reader may need to take it up."""
        slot, key = pair(self._crypto, self._group_key, identity, identity.public, member)
        nonce = self._crypto.random(_NONCE)
        return slot, nonce + self._crypto.xseal(key, nonce, slot, self._offer.data + _joined(entries))

    def _follow(self, now):
        """A new epoch is made for no other reason than that somebody's word for a higher one was refused."""
        if now - self._follow_at > FOLLOW_MAX:
            self._follow_pause = FOLLOW_FIRST
        self._follow_at = now + self._follow_pause
        self._follow_pause = min(2 * self._follow_pause, FOLLOW_MAX)

    def _beats(self, offer):
        if self._offer is None or offer.epoch != self.epoch:
            return offer.epoch > self.epoch
        if not self._is_admin(self._offer.signer):
            return True
        return self._crypto.sha256(offer.secret) < self._crypto.sha256(self.secret)

    def _is_early(self, offer, now):
        known = self._revocations()
        if offer.revoked == known:
            return False
        if offer.revoked[0] >= known[0]:
            return True
        early = self._early
        return early is None or early[0] != offer.data or now - early[1] < PATIENCE

    def _take(self, offer, now):
        self._early = None
        if self._offer is not None:
            self._previous = [(self._offer, now)] + self._previous[: KEPT_MAX - 1]
        self._offer = offer


def pair(crypto, group_key, identity, sender, receiver):
    """(slot, key) of the boxes from one member's key to another's, or None where one is no key.

    `identity` is either of them; nobody else can make it. It never changes, and costs a Diffie-Hellman value."""
    wg = wg_key(crypto, receiver if sender == identity.public else sender)
    shared = identity.dh(wg) if wg is not None else None
    if shared is None:
        return None
    names = group_key + sender + receiver
    return (
        crypto.hmac_sha256(shared, b"ipop box slot 1" + names),
        crypto.hmac_sha256(shared, b"ipop box key 1" + names),
    )


def unbox(crypto, pair, box):
    """(offer, entries) in a box of a pair: bytes, still to be added. Raises Rejected: "bad-box"."""
    slot, key = pair
    data = crypto.xunseal(key, box[:_NONCE], slot, box[_NONCE:]) if len(box) > _NONCE else None
    if not data or len(data) < _SIZE:
        raise Rejected("bad-box")
    return data[:_SIZE], _parted(data[_SIZE:])


def _joined(entries):
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def _parted(data):
    entries, at = [], 0
    while at + 2 <= len(data):
        n = data[at] << 8 | data[at + 1]
        entries.append(data[at + 2 : at + 2 + n])
        at += 2 + n
    return entries
