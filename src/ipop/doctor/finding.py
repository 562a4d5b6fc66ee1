"""What a check has found."""

from collections import namedtuple

Finding = namedtuple("Finding", "check is_ok text remedy")


def good(check, text):
    return Finding(check, True, text, "")


def wrong(check, text, remedy=""):
    """`remedy` is empty where the text says what to do already."""
    return Finding(check, False, text, remedy)
