"""Whom a person means: one of some keys, by a name or a fingerprint, or by the beginning of one.

Names are chosen by those who bear them, fingerprints are not: a name that reads like a fingerprint, or like the
beginning of one, never wins over that.
"""

from ..errors import UserError
from ..words import did_you_mean, quoted
from .identity import fingerprint, is_same_fingerprint, typed_letters

BLOCK = 4  # letters of a fingerprint that are enough, if they are one key's alone


def find(crypto, wanted, candidates, what="member"):
    """The thing that is meant among [(thing, name, key)]. Raises UserError; `what` is the word for such a thing."""
    known = [(thing, name, fingerprint(crypto, key)) for thing, name, key in candidates]
    for matches in (_has_fingerprint, _is_called_or_begins, _begins):
        found = [each for each in known if matches(wanted, each[1], each[2])]
        if len(found) == 1:
            return found[0][0]
        if found:
            listed = ", ".join([f"{name} {digits}" for _, name, digits in found[:8]])
            raise UserError(f"{quoted(wanted)} could be any of: {listed}")
    guess = did_you_mean(wanted, [name for _, name, _ in known[:64]]) if known else "there are none at all"
    raise UserError(f"there is no {what} {quoted(wanted)}; {guess}")


def _has_fingerprint(wanted, name, digits):
    return is_same_fingerprint(wanted, digits)


def _is_called_or_begins(wanted, name, digits):
    letters = typed_letters(wanted)
    by_key = len(letters) >= BLOCK and digits.replace("-", "").startswith(letters)
    return by_key or wanted.lower() == name.lower()


def _begins(wanted, name, digits):
    return bool(wanted) and name.lower().startswith(wanted.lower())
