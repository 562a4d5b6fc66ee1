"""The two ways in which things go wrong: a packet is rejected, a person is told."""


class Rejected(Exception):
    """A datagram or frame that is not let in. `reason` is one word, counted by the node and shown in `ipop status`."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class UserError(Exception):
    """Something that a person has to mend: `message` is one line which says what is wrong and what to do."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.message = message
        self.status = status


class ConfigError(UserError):
    """A configuration that can't be used; the message names file, line and option."""

    def __init__(self, message):
        super().__init__(message, status=2)
