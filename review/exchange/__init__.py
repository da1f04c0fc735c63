"""Labels and preferences to and from files, in the formats of other tools."""
