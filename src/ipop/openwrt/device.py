"""What a group's sections of UCI, and its bridge, are called by: the name of its TAP."""

from ..words import consists_of

EXPECTED = "one of ipop0 to ipop999"


def is_device(text):
    """Whether our sections can be called by it; so they can't be taken for somebody else's."""
    return text[:4] == "ipop" and 0 < len(text[4:]) < 4 and consists_of(text[4:], "0123456789")


def bridge_of(device):
    return "br-" + device


def is_bridge(text):
    """Whether it is a group's."""
    return text[:3] == "br-" and is_device(text[3:])
