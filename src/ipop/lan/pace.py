"""How often something may be done that others can bring about."""


class Pace:
    """So many at once, then one in so many ms. Who is bound by it keeps one number, `spent`, which is 0 at first."""

    def __init__(self, burst, every):
        self._ahead = (burst - 1) * every
        self._every = every

    def next(self, spent, now):
        """When one may be had: `now` or later."""
        return max(now, spent - self._ahead)

    def take(self, spent, now):
        """`spent` after one more."""
        return max(spent, now) + self._every
