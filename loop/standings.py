"""The league as it is kept and told: who stands where, after which round, by whose word."""

from judge.interval import Interval
from judge.ranks.league import League
from prompts.settings import Settings
from store.run import RunStore

LEAGUE = "league"
"""Stage name under which a round's marker keeps the league; see `loop.league`."""


class LeagueRating(Settings):
    """A policy's place in the league: Elo points above the initial policy, by the judge's word."""

    policy: str
    round: int
    """The round that trained it; 0 for the initial policy."""
    elo: Interval


class RunLeague(Settings):
    """The league after round `round`; `trained_in` are the policies' rounds, 0 for the initial one."""

    round: int
    judge: str
    trained_in: list[int]
    unscored: int
    table: League

    @property
    def standings(self) -> list[LeagueRating]:
        """By round."""
        return [
            LeagueRating(policy=rating.policy, round=trained_in, elo=rating.elo)
            for rating, trained_in in zip(self.table.ratings, self.trained_in, strict=True)
        ]


def last_league(store: RunStore) -> RunLeague | None:
    """The latest league that is finished; None where there is none."""
    kept = [marker for marker in store.markers() if marker.stage == LEAGUE]
    return RunLeague.model_validate(kept[-1].counts[LEAGUE]) if kept else None
