"""What has happened lately: what the log has said that is an event, for those who ask for `events`, and for the bus."""

EVENTS_MAX = 200  # that are known


class Journal:
    """`wall()` gives ms since 1970."""

    def __init__(self, wall):
        self._wall = wall
        self._events = []
        self._last = 0
        self._unsent = []

    def add(self, kind, group, text):
        """Listens to the log: see log.set_listener."""
        self._last += 1
        event = {"seq": self._last, "time": self._wall() // 1000, "kind": kind, "group": group, "text": text}
        for events in (self._events, self._unsent):
            events.append(event)
            if len(events) > EVENTS_MAX:
                events.pop(0)

    def events(self, now, since):
        """See methods.py. Who asks with a number that is still to come has it from before a restart, and gets all."""
        if since > self._last + 1:
            since = 0
        return {"events": [event for event in self._events if event["seq"] >= since], "next": self._last + 1}

    def poll(self):
        """The next event that has not been polled, or None."""
        return self._unsent.pop(0) if self._unsent else None
