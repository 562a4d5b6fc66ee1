"""An MQTT broker in virtual time, as far as a group needs one: retained messages, filters "a/b" and "a/+", wills.

    broker = Broker(agenda, chance)
    connection = broker.connect(client, will)   # None while it is down
    connection.subscribe("ipop/x/+", True)
    connection.publish("ipop/x/y", b"...", retain=True)

A client is told by `broker_shows(topic, payload)` and `broker_closed()`. What is said on a connection takes
`broker.latency` ms each way, arrives in order, and is lost when the connection ends. `log` holds all that the broker
ever saw.

A HostileBroker can moreover do all that somebody can who owns the broker and wants to do harm.
"""

from collections import namedtuple

# retain: it was kept; sender: the client that said it
Seen = namedtuple("Seen", ("topic", "payload", "retain", "sender"))


class Connection:
    """One client's, until either side ends it."""

    def __init__(self, broker, client, will):
        self.client = client
        self.filters = set()
        self.is_open = True
        self.will = will
        self._broker = broker
        self._arrives_at = {True: 0, False: 0}  # whether it goes to the client -> when what was said last is there

    def subscribe(self, topic, wanted):
        self._carry(False, 0, self._broker.handle_subscribe, self, topic, wanted)

    def publish(self, topic, payload, retain):
        self._carry(False, 0, self._broker.handle_publish, self, topic, payload, retain)

    def show(self, topic, payload, delay=0):
        """What the broker does."""
        self._carry(True, delay, self.client.broker_shows, topic, payload)

    def close(self):
        """What the client does, or its death: nobody says goodbye, so there is a will."""
        if self.is_open:
            self.is_open = False
            self._broker.handle_close(self)

    def leave(self):
        """What the client does that takes its leave: all that it said arrives, and then there is no will."""
        self.will = None
        self._carry(False, 0, self.close)

    def listens(self, topic):
        return topic in self.filters or topic.rpartition("/")[0] + "/+" in self.filters

    def _carry(self, to_client, delay, act, *args):
        agenda = self._broker.agenda
        when = agenda.now + self._broker.latency + delay
        if not delay:  # in order, but for what a hostile broker holds back
            when = self._arrives_at[to_client] = max(when, self._arrives_at[to_client])
        agenda.at(when, self._arrive, act, args)

    def _arrive(self, act, args):
        if self.is_open:
            act(*args)


class Broker:
    def __init__(self, agenda, chance):
        self.agenda = agenda
        self.chance = chance
        self.latency = 20
        self.retained = {}
        self.log = []  # Seen
        self.is_up = True
        self.connections = []

    def connect(self, client, will=None):
        """`will` is (topic, payload), or None. Returns a Connection, or None."""
        if not self.is_up:
            return None
        connection = Connection(self, client, will)
        self.connections.append(connection)
        return connection

    def stop(self):
        """Its machine is switched off."""
        self.is_up = False
        connections, self.connections = self.connections, []
        for connection in connections:
            connection.is_open = False
            self.agenda.at(self.agenda.now + self.latency, connection.client.broker_closed, connection)

    def start(self, empty=False):
        """On again, with what it kept, or with nothing."""
        self.is_up = True
        if empty:
            self.retained = {}

    # --- what connections bring

    def handle_subscribe(self, connection, topic, wanted):
        if not wanted:
            connection.filters.discard(topic)
            return
        connection.filters.add(topic)
        for kept in sorted(self.retained):
            if kept == topic or topic[-2:] == "/+" and kept.rpartition("/")[0] == topic[:-2]:
                self.show(connection, kept, self.retained[kept])

    def handle_publish(self, connection, topic, payload, retain):
        self.log.append(Seen(topic, payload, retain, connection and connection.client))
        if retain:
            self.keep(topic, payload)
        for listener in list(self.connections):
            if listener.listens(topic):
                self.show(listener, topic, payload)

    def handle_close(self, connection):
        self.connections.remove(connection)
        if connection.will is not None:
            self.handle_publish(connection, connection.will[0], connection.will[1], False)

    def keep(self, topic, payload):
        self.retained[topic] = payload
        if not payload:
            del self.retained[topic]

    def show(self, connection, topic, payload):
        connection.show(topic, payload)


class HostileBroker(Broker):
    """`withholds(client, topic, payload)` says what is never shown, `delays(...)` for how long (ms) something is held
    back. The other tricks are played when they are called."""

    def __init__(self, agenda, chance):
        Broker.__init__(self, agenda, chance)
        self.withholds = None
        self.delays = None

    def show(self, connection, topic, payload):
        if self.withholds and self.withholds(connection.client, topic, payload):
            return
        connection.show(topic, payload, self.delays(connection.client, topic, payload) if self.delays else 0)

    def tell_all(self, topic, payload):
        """Show it to everybody, whoever asked for it."""
        for connection in self.connections:
            connection.show(topic, payload)

    def replay(self):
        """All that was ever said, once more, in the order in which it was said."""
        for seen in list(self.log):
            self.tell_all(seen.topic, seen.payload)

    def replay_elsewhere(self):
        """Each payload on the next one's topic."""
        log = [seen for seen in self.log if seen.payload]
        for i, seen in enumerate(log):
            self.tell_all(log[i - 1].topic, seen.payload)

    def alter(self):
        """All that was ever said, with a bit turned over: in front, in the middle, at the end."""
        for seen in list(self.log):
            size = len(seen.payload)
            for at in (0, size // 2, size - 1) if size else ():
                payload = seen.payload[:at] + bytes([seen.payload[at] ^ 1]) + seen.payload[at + 1 :]
                self.tell_all(seen.topic, payload)

    def invent(self):
        """Bytes of its own on every topic that it ever saw, and on one that it made up."""
        topics = sorted({seen.topic for seen in self.log}) + ["ipop/abc", "ipop/abc/def", "", "/", "$SYS/x"]
        for topic in topics:
            for size in (1, 24, 40, 200, 100_000):
                self.tell_all(topic, self.chance.bytes(32) * (size // 32) + bytes(size % 32))

    def overwrite(self):
        """What it keeps is replaced, and everybody told so."""
        for topic in sorted(self.retained):
            self.handle_publish(None, topic, self.chance.bytes(200), True)

    def clear(self):
        for topic in sorted(self.retained):
            self.handle_publish(None, topic, b"", True)
