"""A member's line to one of some brokers, as its shell has it: the best is called first, and returned to.

    line = Line(member, urls, machines, hear)
    line.dial()
    line.talk()        # what the machines have to say
    line.close()

`machines()` gives those who talk there: a Group, a Joiner, a Signalling. `hear(topic, payload)` is told what comes.
"""

FIRST_PAUSE, LAST_PAUSE = 500, 60_000  # ms between two attempts to reach a broker
RETURN = 60_000  # ms between two attempts to get back to a better one


class Line:
    def __init__(self, member, agenda, urls, machines, hear, will=None):
        self.url = None  # where we are connected
        self._member = member
        self._agenda = agenda
        self._urls = urls
        self._machines = machines
        self._hear = hear
        self._will = will
        self._connection = None
        self._pause = FIRST_PAUSE
        self._is_closed = False

    @property
    def is_connected(self):
        return self._connection is not None

    def dial(self):
        """Call those that are better than what we have."""
        if self._is_closed:
            return
        better = self._urls[: self._urls.index(self.url)] if self.is_connected else self._urls
        for url in better:
            broker = self._member.broker_at(url)
            will = self._will() if self._will is not None else None
            connection = broker and broker.connect(self, will and (will.topic, will.payload))
            if connection is not None:
                self._be_connected(url, connection)
                break
        if not self.is_connected:
            self._again_after(self._pause)
            self._pause = min(2 * self._pause, LAST_PAUSE)
        elif self.url != self._urls[0]:
            self._again_after(RETURN)

    def talk(self):
        if not self.is_connected:
            return
        for machine in self._machines():
            change = machine.poll_subscribe()
            while change is not None:
                self._connection.subscribe(change[0], change[1])
                change = machine.poll_subscribe()
            publish = machine.poll_publish()
            while publish is not None:
                self.say(publish)
                publish = machine.poll_publish()

    def say(self, publish):
        if self.is_connected:
            self._connection.publish(publish.topic, publish.payload, publish.retain)

    def close(self, politely=False):
        """`politely`: what was said arrives."""
        self._is_closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            (connection.leave if politely else connection.close)()

    def broker_shows(self, topic, payload):
        self._hear(topic, payload)

    def broker_closed(self, connection):
        if connection is self._connection:
            self._connection = self.url = None
            for machine in self._machines():
                machine.handle_disconnected(self._agenda.now)
            self._again_after(self._pause)

    def _be_connected(self, url, connection):
        old, self._connection, self.url = self._connection, connection, url
        if old is not None:
            old.close()
        self._pause = FIRST_PAUSE
        for machine in self._machines():
            machine.handle_connected(self._agenda.now)
        self._member.pump()

    def _again_after(self, pause):
        if self._urls:
            self._agenda.at(self._agenda.now + pause, self.dial)
