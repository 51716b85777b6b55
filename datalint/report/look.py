"""How a report is to look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """What a user may choose; a format heeds what applies to it."""

    color: bool = False
    max_examples: int = 3  # findings shown for each rule, in formats for people
    excerpts: bool = True  # content of rows may be shown
    statistics: bool = False  # the summary alone
    width: int = 100  # cells of a terminal that an excerpt may fill
