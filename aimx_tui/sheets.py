"""The style sheets of an app, each parsed once: Textual's own reads all of them again for every screen that is new."""

from textual.css.stylesheet import Stylesheet


class Sheets(Stylesheet):
    """What was parsed stays until the colours are others."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parsed_with = variables

    def set_variables(self, variables: dict[str, str]) -> None:
        """Others only."""
        if variables != self._parsed_with:
            self._parsed_with = variables
            super().set_variables(variables)

    def reparse(self) -> None:
        """What is new, and all where the variables are."""
        self.parse()
