"""Small things that make a message a help: the name that was probably meant, why a file can't be had."""

# The numbers are the same on every Linux. CPython has its own words for them, MicroPython has none.
_REASONS = {
    1: "operation not permitted",
    2: "no such file or directory",
    13: "permission denied",
    17: "file exists",
    20: "not a directory",
    21: "is a directory",
    28: "no space left on device",
    30: "read-only file system",
}


def why(error):
    """What an OSError means, in words."""
    if error.errno is None:
        return str(error)
    return _REASONS.get(error.errno) or getattr(error, "strerror", None) or f"error {error.errno}"


def quoted(text):
    """What somebody wrote, fit to be shown in one line of a message."""
    shown = printable(text[:65])
    return f"'{shown[:60]}...'" if len(shown) > 64 else f"'{shown}'"


def printable(text):
    """The text without what could move a terminal's cursor or break a line."""
    return "".join(["?" if c < " " or "\x7f" <= c < "\xa0" or c == "\ufffd" else c for c in text])


def consists_of(text, letters):
    """Whether there is nothing else in the text."""
    return not text.strip(letters)  # makes no garbage, unlike a look at each letter


def did_you_mean(word, known):
    """The end of a message about an unknown word."""
    guess = nearest(word, known)
    return f"did you mean '{guess}'?" if guess else f"known: {', '.join(known)}"


def nearest(word, known):
    """The one of `known` that `word` was probably meant to be, or None."""
    best, best_distance = None, None
    for name in known:
        most = (len(name) + 2) // 3
        if len(word) > len(name) + most:
            continue  # that many letters have to go; it can be a long word
        distance = 1 if len(word) > 1 and name.startswith(word) else _distance(word.lower(), name)
        if distance <= most and (best is None or distance < best_distance):
            best, best_distance = name, distance
    return best


def _distance(a, b):
    """How many letters have to be put in, taken out, changed, or swapped with their neighbour."""
    before, row = None, list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        above, before_that = row, before
        row = [i]
        for j in range(1, len(b) + 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, before_that[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]
