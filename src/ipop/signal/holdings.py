"""What is ours at the broker, and keeping it there: payloads that it retains, topics that we listen to.

The broker may be another one after each connection, or the same one with nothing left. So this is a picture of what
should be there: at a connection all of it is told, afterwards each change. What only those get who are there now waits
in a queue, and is forgotten when the connection ends.

Who owns a slot puts back what somebody wrote over it. A slot shows us all that is written to it, our own too: what
comes last is what the broker has. It is looked at again after a pause, because our own word may be on its way; the
pause grows from one repair to the next, for there may be two routers that both think the slot is theirs. When none was
needed for long, it is short again.
"""

from collections import deque, namedtuple

REPAIR_FIRST, REPAIR_MAX = 2_000, 300_000  # ms
QUEUE_MAX = 256  # messages that the broker does not keep
KEPT_MAX = 8192  # topics

# b"" as the payload clears the topic; `retain`: the broker keeps it for those who come later
Publish = namedtuple("Publish", ("topic", "payload", "retain"))


class Holdings:
    """Pictures what is ours at the broker, and says what it has to be told."""

    def __init__(self):
        self.is_connected = False
        self._kept = {}  # topic -> payload
        self._unpublished = {}  # topics whose payload, or lack of one, the broker has not been told
        self._queue = deque((), QUEUE_MAX)
        self._wanted = {}  # topics that we listen to
        self._changes = {}  # topic -> whether it is wanted; the broker has not been told
        self._repairs = {}  # topic of ours -> when to look again whether somebody wrote over it
        self._repair_pause = REPAIR_FIRST
        self._repaired_at = 0

    # --- what should be there

    def has(self, topic, payload):
        """Whether this is what we keep there."""
        return self._kept.get(topic) == payload

    def keep(self, topic, payload):
        """Have this retained. Returns False when there is too much already."""
        if topic not in self._kept and len(self._kept) >= KEPT_MAX:
            return False
        self.forget(topic)
        self._kept[topic] = payload
        self._unpublished[topic] = True
        return True

    def forget(self, topic):
        """Nothing is retained here any more."""
        self._kept.pop(topic, None)
        self._repairs.pop(topic, None)
        self._unpublished.pop(topic, None)

    def clear(self, topic):
        """Have nothing retained here."""
        self.forget(topic)
        self._unpublished[topic] = True

    def clear_all(self):
        for topic in list(self._kept):
            self.clear(topic)

    def tell_again(self):
        """All that is retained: somebody may have written over what we don't listen to."""
        for topic in self._kept:
            self._unpublished[topic] = True

    def send(self, topic, payload):
        """Tell those who are there now. Returns whether that was possible."""
        if not self.is_connected or len(self._queue) >= QUEUE_MAX:
            return False
        self._queue.append(Publish(topic, payload, False))
        return True

    def listen(self, topic):
        if topic not in self._wanted:
            self._wanted[topic] = True
            self._changes[topic] = True

    def stop_listening(self, topic):
        if self._wanted.pop(topic, None):
            self._changes[topic] = False

    # --- what happens there

    def handle_connected(self):
        self.is_connected = True
        self._changes = dict(self._wanted)
        self.tell_again()
        self._repairs = {}
        self._repair_pause = REPAIR_FIRST

    def handle_disconnected(self):
        self.is_connected = False
        while self._queue:
            self._queue.popleft()

    def handle_shown(self, topic, payload, now):
        """The broker shows what stands in a slot of ours."""
        if payload == self._kept[topic]:
            self._repairs.pop(topic, None)
        elif topic not in self._repairs:
            if now - self._repaired_at > REPAIR_MAX:
                self._repair_pause = REPAIR_FIRST
            self._repairs[topic] = now + self._repair_pause

    def poll_damaged(self, now):
        """A slot of ours in which something else has stood for some time, or None. `keep` it again."""
        for topic, when in self._repairs.items():
            if now >= when:
                self._repaired_at = now
                self._repair_pause = min(2 * self._repair_pause, REPAIR_MAX)
                del self._repairs[topic]
                return topic
        return None

    def poll_timeout(self):
        """When a slot may have to be repaired (ms), or None."""
        return min(self._repairs.values()) if self._repairs else None

    # --- what the broker is to be told

    def poll_subscribe(self):
        """The next (topic, whether we listen to it), or None. To be asked before `poll_publish`."""
        return self._changes.popitem() if self.is_connected and self._changes else None

    def poll_publish(self):
        """The next Publish, or None."""
        if self.is_connected and self._unpublished:
            topic, _ = self._unpublished.popitem()
            return Publish(topic, self._kept.get(topic, b""), True)
        return self._queue.popleft() if self._queue else None
