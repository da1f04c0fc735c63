"""A chat server that fails on purpose, to rehearse with: planted quality, planted faults."""
