"""Members of a group and a broker between them, in virtual time.

    group = Group("den", "cabin")               # all know each other, and nobody is connected yet
    den, cabin = group.members
    group.connect()
    den.signalling.announce({"x": 1}, group.now)
    group.run(1_000)
    assert cabin.heard == [Announced(den.key, ANY, {"x": 1})]

The broker is the enemy: `group.broker.log` holds all that it ever saw, `retained` what it keeps, and `show` puts any
bytes before a member. It keeps what it is told to keep, and passes it on to those who listen, and no more than that.
"""

from pair import Dice, RepeatableCrypto

from ipop.group.identity import Identity
from ipop.signal.holdings import Publish
from ipop.signal.sealed import ANNOUNCEMENT
from ipop.signal.signalling import Signalling

PURPOSES = ("meet", "relay")
TICK = 100  # ms


class Broker:
    def __init__(self):
        self.retained = {}
        self.log = []  # Publish
        self._clients = []  # (member, topics)

    def connect(self, member):
        self.disconnect(member)
        self._clients.append((member, set()))

    def disconnect(self, member):
        self._clients = [client for client in self._clients if client[0] is not member]

    def listened(self, member):
        for client, topics in self._clients:
            if client is member:
                return topics

    def subscribe(self, member, topic, wanted):
        topics = self.listened(member)
        if not wanted:
            topics.discard(topic)
            return
        topics.add(topic)
        for kept in sorted(self.retained):
            if _matches(topic, kept):
                member.signalling.handle_message(kept, self.retained[kept], member.group.now)

    def publish(self, publish):
        self.log.append(publish)
        if publish.retain:
            self.retained[publish.topic] = publish.payload
            if not publish.payload:
                del self.retained[publish.topic]
        for member, topics in self._clients:
            for topic in topics:
                if _matches(topic, publish.topic):
                    self.show(member, publish.topic, publish.payload)
                    break

    def show(self, member, topic, payload):
        """Returns the word under which the member dropped it, "" when it took it."""
        before = dict(member.dropped)
        member.signalling.handle_message(topic, payload, member.group.now)
        words = [word for word in member.dropped if member.dropped[word] != before.get(word)]
        return "+".join(sorted(words))


def _matches(filter, topic):
    return filter == topic or filter[-2:] == "/+" and topic.rpartition("/")[0] == filter[:-2]


class Member:
    def __init__(self, group, name):
        self.group = group
        self.name = name
        self.identity = Identity(group.crypto, group.dice.bytes(32))
        self.key = self.identity.public
        self.start()

    def start(self, says=ANNOUNCEMENT):
        """Or start again, and remember nothing; `says` is the kind of its announcements."""
        self.dropped = {}
        self.heard = []  # events
        self.signalling = Signalling(
            self.group.crypto,
            self.identity,
            self.group.key,
            self.group.secrets,
            PURPOSES,
            lambda key: key in self.group.roster,
            self.group.next_sequence,
            self.count,
            says,
        )

    def count(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def announce(self, content):
        self.signalling.announce(content, self.group.now)
        self.group.collect()

    def mail(self, to, purpose, content, keep=False):
        done = self.signalling.mail(to.key, purpose, content, keep)
        self.group.collect()
        return done

    def connect(self):
        self.group.broker.connect(self)
        self.signalling.handle_connected(self.group.now)
        self.group.collect()

    def disconnect(self):
        self.group.broker.disconnect(self)
        self.signalling.handle_disconnected(self.group.now)

    def take(self, kind):
        """What it heard of one kind of event since it was asked last."""
        taken = [event for event in self.heard if isinstance(event, kind)]
        self.heard = [event for event in self.heard if not isinstance(event, kind)]
        return taken


class Group:
    def __init__(self, *names, seed=1):
        self.now = 0
        self.dice = Dice(seed)
        self.crypto = RepeatableCrypto(self.dice)
        self.key = Identity(self.crypto, self.dice.bytes(32)).public
        self.secrets = [self.dice.bytes(32)]
        self.broker = Broker()
        self.roster = []
        self._sequence = 1_750_000_000_000
        self.members = [Member(self, name) for name in names]
        self.roster = [member.key for member in self.members]

    def next_sequence(self):
        self._sequence += 1
        return self._sequence

    def add(self, name):
        """Somebody who has the secret and of whom nobody knows."""
        member = Member(self, name)
        self.members.append(member)
        return member

    def connect(self):
        for member in self.members:
            member.connect()
        return self

    def inject(self, topic, payload, retain=True):
        """Somebody who is no member publishes something."""
        self.broker.publish(Publish(topic, payload, retain))
        self.collect()

    def collect(self):
        """Let the members and the broker talk until all is said."""
        busy = True
        turns = 0
        while busy:
            turns += 1
            assert turns < 1000, "they never come to rest"
            busy = False
            for member in self.members:
                signalling = member.signalling
                change = signalling.poll_subscribe()
                while change is not None:
                    self.broker.subscribe(member, change[0], change[1])
                    change = signalling.poll_subscribe()
                publish = signalling.poll_publish()
                while publish is not None:
                    busy = True
                    self.broker.publish(publish)
                    publish = signalling.poll_publish()
                event = signalling.poll_event()
                while event is not None:
                    member.heard.append(event)
                    event = signalling.poll_event()

    def run(self, ms):
        """Let time pass."""
        end = self.now + ms
        turns = 0
        while True:
            times = [member.signalling.poll_timeout() for member in self.members]
            times = [when for when in times if when is not None]
            due = max(min(times), self.now) if times else end + 1
            if due > end:
                break
            turns = turns + 1 if due == self.now else 0
            assert turns < 100, "a timer that never ends"
            self.now = due
            for member in self.members:
                member.signalling.handle_timeout(due)
            self.collect()
        self.now = end

    def rotate(self):
        """A new secret, which all have at once."""
        self.secrets = [self.dice.bytes(32), self.secrets[0]]
        for member in self.members:
            member.signalling.set_secrets(self.secrets, self.now)
        self.collect()
