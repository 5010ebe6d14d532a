"""The one exception a user's mistake becomes: exit code 2 and one line that says what to do."""


class UserError(Exception):
    """Bad input: the message names the file, key or device, and says what to do, in one line."""
