"""The router in the attic has burnt. With a line and a passphrase in a drawer, a new one has its place in the group."""

from ipop.errors import UserError
from ipop.group import backup, charter, entry, identity, line
from ipop.group.roster import Roster
from ipop.group.secret import GroupSecret
from ipop.ports import crypto

OWNER = identity.Identity(crypto, bytes(32))
DEN = identity.Identity(crypto, b"\x07" * 32)
ADMINS = [identity.Identity(crypto, bytes([i + 20]) * 32) for i in range(20)]
NOON = 1_790_000_000_000  # ms since 1970


class Group:
    def __init__(self, me, admins=1):
        self.identity = me
        self.stamp = NOON
        self.charter = charter.parse(
            crypto,
            OWNER.public,
            charter.sign(OWNER, "friends", (b"\x0a\x4d\0\0", 16), 24, b"\xfd" + bytes(7), ["mqtt://broker.example"], 1),
        )
        self.roster = Roster(crypto, OWNER.public)
        self.add(OWNER, "home", 1, OWNER, entry.ADMIN)
        for i, admin in enumerate(ADMINS[:admins]):
            self.add(admin, "admin%d" % i, 10 + i, OWNER, entry.ADMIN)
        self.add(DEN, "den", 5, ADMINS[0], entry.MEMBER)
        for i in range(5):
            self.add(identity.Identity(crypto, bytes([i + 50]) * 32), "m%d" % i, 40 + i, OWNER, entry.MEMBER)
        self.secret = GroupSecret(crypto, OWNER.public, self.roster.is_admin)
        self.secret.rotate(OWNER, 0)

    def next_stamp(self):
        self.stamp += 1
        return self.stamp

    def add(self, who, name, slice, by, role):
        self.roster.add(
            self.roster.signed(by, who.public, self.next_stamp(), name=name, role=role, slice=(slice, 24))
        )


def complaint(text, passphrase):
    try:
        backup.unseal(crypto, text, passphrase)
    except UserError as error:
        return error.message
    raise AssertionError("accepted")


def restored(recovery):
    roster = Roster(crypto, recovery.kept["group"])
    for data in recovery.kept["entries"]:
        assert roster.add(data)
    return roster


def test_a_new_router_takes_the_place_of_the_old():
    for me, slice, name in ((OWNER, 1, "home"), (DEN, 5, "den"), (ADMINS[0], 10, "admin0")):
        group = Group(me)
        recovery = backup.unseal(crypto, *backup.seal(crypto, group))
        assert identity.Identity(crypto, recovery.seed).public == me.public
        member = restored(recovery).member(me.public)
        assert (member.slice, member.name) == (slice, name)
        kept = recovery.kept
        assert (kept["charter"], kept["secret"]) == (group.charter.data, group.secret.offer)
        assert (kept["group"], kept["places"], kept["issuer"]) == (OWNER.public, [], None)
        assert recovery.made == group.stamp, "what it says now is later than all it has said"


def test_it_finds_the_owner_and_the_first_admins():
    roster = restored(backup.unseal(crypto, *backup.seal(crypto, Group(DEN, admins=20))))
    keys = [member.key for member in roster.members()]
    assert OWNER.public in keys and DEN.public in keys
    assert backup.ADMINS_MAX + 1 <= len(keys) <= backup.ADMINS_MAX + 2


def test_the_line_can_be_carried():
    for admins in (1, 20):
        text, _ = backup.seal(crypto, Group(DEN, admins))
        assert text.startswith("ipoprecovery1-") and len(text) < 3_000


def test_the_passphrase_may_be_typed_badly():
    text, passphrase = backup.seal(crypto, Group(DEN))
    assert len(passphrase) == 29 and passphrase.count("-") == 5
    good = backup.unseal(crypto, text, passphrase)
    for typed in (
        passphrase.lower(),
        passphrase.replace("-", ""),
        passphrase.replace("-", " "),
        passphrase.replace("0", "o").replace("1", "l"),
        " %s " % passphrase,
    ):
        assert backup.unseal(crypto, text, typed) == good, typed


def test_a_wrong_passphrase_is_told():
    group = Group(DEN)
    text, passphrase = backup.seal(crypto, group)
    _, other = backup.seal(crypto, group)
    assert other != passphrase
    assert complaint(text, other).startswith("this passphrase doesn't open this line")
    for typed in ("", "swordfish", passphrase[:-1], passphrase + "A", passphrase[:-1] + "é", passphrase[:-1] + "U"):
        assert complaint(text, typed).startswith("expected a passphrase as 'ipop backup' shows it"), typed


def test_damage_is_told():
    text, passphrase = backup.seal(crypto, Group(DEN))
    for i in range(len(text)):
        for letter in "Ax":
            damaged = text[:i] + letter + text[i + 1 :]
            if damaged != text:
                message = complaint(damaged, passphrase)
                assert "the recovery line is damaged" in message if i > 3 else "no recovery line" in message, damaged
    for n in range(len(text)):
        assert "recovery line" in complaint(text[:n], passphrase)


def test_an_invite_is_no_recovery_line():
    assert complaint(line.encode(crypto, line.INVITE, bytes(100)), "x").endswith("try 'ipop join'")


def test_a_line_from_elsewhere_is_told():
    _, passphrase = backup.seal(crypto, Group(DEN))
    key = backup._key(crypto, passphrase)
    text, _ = backup.seal(crypto, Group(DEN))
    for body in (b"", bytes(200), bytes(73), b"\xff" * 300):
        content = bytes(24) + crypto.xseal(key, bytes(24), backup._LABEL, body)
        message = complaint(line.encode(crypto, line.RECOVERY, content), passphrase)
        assert message.startswith("what the recovery line holds makes no sense"), body
    assert complaint(line.encode(crypto, line.RECOVERY, b"short"), passphrase).startswith("this passphrase doesn't")


def test_the_line_says_nothing_without_the_passphrase():
    group = Group(DEN)
    content = line.decode(crypto, line.RECOVERY, backup.seal(crypto, group)[0])
    for part in (DEN.seed, DEN.public, OWNER.public, b"friends", b"den", group.secret.secret):
        assert part not in content
