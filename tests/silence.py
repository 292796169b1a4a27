"""Progress that nobody reads."""


class Silent:
    """Takes every note and shows none."""

    def note(self, where: str, what: str) -> None:
        pass
