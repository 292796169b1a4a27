"""The one error that a person must act on. Entries print it as one line and exit with its status."""


class RoadError(Exception):
    """Something a person must repair: the text names the thing, the cause and the next step, in one line."""

    exit_status = 1


class InputError(RoadError):
    """What was handed in cannot be used: a file, a setting or an environment key. Nothing was changed."""

    exit_status = 2
