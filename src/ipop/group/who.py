"""Whom a person means: one of some keys, by a name or a fingerprint, or by the beginning of one."""

from ..errors import UserError
from ..words import did_you_mean, quoted
from .identity import is_same_fingerprint

BLOCK = 4  # letters of a fingerprint that are enough, if they are one key's alone


def find(wanted, candidates, what):
    """The thing that is meant among [(thing, name, fingerprint)]. Raises UserError; `what` is the word for one."""
    for matches in (_is_it, _begins):
        found = [each for each in candidates if matches(wanted, each[1], each[2])]
        if len(found) == 1:
            return found[0][0]
        if found:
            listed = ", ".join([f"{name} {fingerprint}" for _, name, fingerprint in found[:8]])
            raise UserError(f"{quoted(wanted)} could be any of: {listed}")
    if not candidates:
        raise UserError(f"there is no {what} {quoted(wanted)}, and no other either")
    guess = did_you_mean(wanted, [name for _, name, _ in candidates[:64]])
    raise UserError(f"there is no {what} {quoted(wanted)}; {guess}")


def _is_it(wanted, name, fingerprint):
    return wanted.lower() == name.lower() or is_same_fingerprint(wanted, fingerprint)


def _begins(wanted, name, fingerprint):
    letters = wanted.upper().replace("-", "")
    by_key = len(letters) >= BLOCK and fingerprint.replace("-", "").startswith(letters)
    return by_key or bool(wanted) and name.lower().startswith(wanted.lower())
