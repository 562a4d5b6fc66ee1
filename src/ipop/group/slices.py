"""Which member keeps which slice of the group's addresses.

A slice is (index, prefix length), see entry.py. Admins who can't hear each other may give the same one to two members:
of claims that overlap the one with the lower hash stays, the others are void. The hash is of slice and member alone, so
that a new name or another signer never moves anybody to other addresses.
"""


class Claims:
    """Slices and the keys of those who claim them."""

    def __init__(self, crypto):
        self._crypto = crypto
        self._by_length = {}  # prefix length -> {index: [member, ...]}

    def add(self, slice, member):
        index, length = slice
        self._by_length.setdefault(length, {}).setdefault(index, []).append(member)

    def remove(self, slice, member):
        index, length = slice
        blocks = self._by_length[length]
        blocks[index].remove(member)
        if not blocks[index]:
            del blocks[index]
        if not blocks:
            del self._by_length[length]

    def keeps(self, slice, member):
        """Whether the claim of this member stands."""
        rivals = [rival for rival in self._overlapping(slice) if rival != (slice, member)]
        return not rivals or self._hash(slice, member) < min([self._hash(*rival) for rival in rivals])

    def overlaps(self, slice):
        """Whether anybody claims any of it."""
        return bool(self._overlapping(slice))

    def _overlapping(self, slice):
        """(slice, member) of each claim to some of these addresses."""
        index, length = slice
        found = []
        for other, blocks in self._by_length.items():
            if other <= length:
                inside = (index >> (length - other),)
            else:
                inside = [i for i in blocks if i >> (other - length) == index]
            for i in inside:
                found += [((i, other), member) for member in blocks.get(i, ())]
        return found

    def _hash(self, slice, member):
        return self._crypto.sha256(slice[0].to_bytes(2, "big") + bytes([slice[1]]) + member)
