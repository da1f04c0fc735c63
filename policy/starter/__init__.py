"""The embedded policy: a small language model built on the spot, with questions whose answers are known."""
