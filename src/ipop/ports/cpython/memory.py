"""How much this process may take. Here the system gives what is asked for."""

IS_PLENTY = True  # whether there is more of it than on a small router


def grow_for(groups, peers):
    """Make room for the groups that are kept in a folder, and so many other peers; may start the program anew."""


def settle():
    """The start is over: give back what only it needed."""


def has_room():
    """Whether there is room for another peer."""
    return True
