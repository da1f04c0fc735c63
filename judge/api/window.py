"""How many requests may be in flight: additive up, multiplicative down, never below one.

A round is as many answers as the window is wide. After each, the window shrinks by half of the share of its answers
that were "busy" (all of them: halved; one in fifty: by a hundredth, so that a server that now and then says no for
reasons of its own does not end up with one request at a time; the rule is DCTCP's, RFC 8257 section 3.3) and
grows by a fixed step for the others. Rounds without any "busy" let the step double up to a sixteenth of the
whole, so that a window that was closed by a passing storm opens again within a few seconds.

Starting narrow and opening slowly was left out: the configured number is what the user knows of the server, and a
server that is slower than that says so at once.
"""


class Window:
    """At most `most` in flight; `limit` is how many are allowed now."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.lowest = float(most)
        self.in_flight = 0
        self._base = max(1.0, most / 128)
        self._step = self._base
        self._answers = self._busy = 0
        self._storms = 0

    @property
    def free(self) -> bool:
        """Whether one more may leave."""
        return self.in_flight < int(self.limit)

    def answered(self, busy: bool) -> int:
        """Count an answer.

        Returns how many rounds in a row were refused as a whole where this answer ends another such, else 0.
        """
        self._answers += 1
        self._busy += busy
        if self._answers < int(self.limit):
            return 0
        share = self._busy / self._answers
        self._answers = self._busy = 0
        self.limit = self.limit * (1.0 - share / 2.0) + self._step * (1.0 - share)
        self.limit = min(float(self.most), max(1.0, self.limit))
        self.lowest = min(self.lowest, self.limit)
        self._step = self._base if share else min(2.0 * self._step, max(self._base, self.most / 16))
        self._storms = self._storms + 1 if share == 1.0 else 0
        return self._storms
