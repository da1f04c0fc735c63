"""How far a judge can be trusted: measured against people's labels."""
