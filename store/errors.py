"""What can go wrong with durable facts, as one tree.

StoreError
├── BadDatabaseUrl    a URL that no supported database answers to
├── NewerDatabase     a database written by a later version of the code
├── StoreBusy         another process held the database for too long
├── RunDiffers        a run of this name exists with another configuration
├── NotFound          no run, unit or text of this name
├── AmbiguousId       a prefix or id that several units have
├── BadUnit           a unit that refers to nothing stored, or contradicts what is stored
└── KeyReused         one request's key on another request
"""


class StoreError(Exception):
    """The base of every refusal in `store`. The message says what was wrong, where, and what to do."""


class BadDatabaseUrl(StoreError):
    """The URL is not one of a supported database, or its driver or folder is missing."""


class NewerDatabase(StoreError):
    """The database was written by a later version; the code must be updated, the data is fine."""


class StoreBusy(StoreError):
    """Another process held the write lock beyond the timeout."""


class RunDiffers(StoreError):
    """A run of this name exists with another configuration; the message names the keys that differ."""


class NotFound(StoreError):
    """Nothing of this name is stored; the message names the nearest there is, or how to list."""


class AmbiguousId(StoreError):
    """Several units have this id or prefix; the message lists them."""


class BadUnit(StoreError):
    """A unit that refers to something not stored, or contradicts an immutable one."""


class KeyReused(StoreError):
    """A key that names one request was sent with another."""
