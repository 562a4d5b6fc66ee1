"""Bytes that wait to be sent on a stream, in pieces."""


class Outbox:
    def __init__(self):
        self.size = 0
        self._pieces = []

    def put(self, data):
        self._pieces.append(data)
        self.size += len(data)

    def head(self):
        """What is to be sent next, or None."""
        return self._pieces[0] if self._pieces else None

    def drop(self, n):
        """So much of it was sent."""
        self.size -= n
        if n == len(self._pieces[0]):
            self._pieces.pop(0)
        else:
            self._pieces[0] = self._pieces[0][n:]
