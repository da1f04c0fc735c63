"""Labels and preferences to and from files, in the formats of other tools.

Three things leave: *labels* as they are stored, *tasks* (questions to be answered elsewhere, blind) and *pairs* (what
people prefer, for training). What comes back are labels, answered tasks and preferences. `formats` names the formats,
`gather` reads what leaves from the store, `take_in` writes what comes back, all of a file or nothing.
"""
