"""From verdicts to rankings, ratings and win rates."""
