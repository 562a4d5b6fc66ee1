"""What an admin signed stops counting with it, and nobody else is the worse for it. Who never was one signs in vain."""

import struct

from member import GroupSimulation, agree

from ipop.group import secret
from ipop.wire import payload

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def test_whom_a_demoted_admin_let_in_stays_in_without_losing_a_frame():
    for change in ("demote", "revoke"):
        sim = GroupSimulation()
        den, cabin = sim.found("den", "cabin")
        den.do("promote", "cabin")
        sim.simulate_time(2 * SECOND)
        others = sim.add_members(*["hut %d" % n for n in range(10)])
        away = others[3]
        line = cabin.invite(uses=len(others))
        for other in others:
            other.join(line)
        sim.simulate_time(20 * SECOND)
        away.kill()
        talk = sim.talk(others[0], others[1], every=100)
        den.do(change, "cabin")
        sim.simulate_time(MINUTE)
        away.start()
        sim.simulate_time(MINUTE)
        talk.stop()
        sim.simulate_time(SECOND)
        rest = [den] + others + ([cabin] if change == "demote" else [])
        assert sim.is_whole(*rest) and agree(*rest)
        assert all(member.group.is_member for member in rest)
        assert talk.is_whole()


def test_a_member_that_makes_up_secrets_does_not_keep_all_busy():
    """Each new secret is a write to flash on every router."""
    sim = GroupSimulation()
    den, cabin, lodge = sim.found("den", "cabin", "lodge")

    def make_up():
        me, epoch = cabin.identity, lodge.group.secret.epoch
        head = struct.pack(">BQI8s32s32s", 1, epoch + 1, 0, bytes(8), bytes(32), me.public)
        data = head + me.sign(secret.CONTEXT + cabin.roster.group_key + head)
        for link in cabin.node.gossip._links:
            link.peer.tell(payload.control(payload.SECRET, data), sim.now, wants_answer=False)
        cabin._pump()
        sim.agenda.at(sim.now + 30 * SECOND, make_up)

    make_up()
    sim.simulate_time(2 * HOUR)
    assert lodge.dropped["not-admin"] > 200
    assert lodge.group.secret.epoch == den.group.secret.epoch < 18
    assert sim.is_whole(den, lodge)
