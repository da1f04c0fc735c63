"""An external model as judge: its requests, what they cost, and what is kept of them."""
