"""The errors groupcalc raises: each says `place: fact (way out)` in one line."""

from __future__ import annotations


class GroupcalcError(Exception):
    """Base of every error a user can cause; the command line catches it in one place and exits 2.

    fact     what is wrong, with the offending value
    way_out  what to do about it, shown in parentheses; "" when there is nothing to add
    place    where it is: a file, a layer, a flag; "" until `within` adds it
    """

    def __init__(self, fact: str, way_out: str = "", place: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.way_out = way_out
        self.place = place

    def within(self, place: str) -> GroupcalcError:
        """Put `place` in front of what is known of the place, and return the same error."""
        self.place = f"{place}: {self.place}" if self.place else place
        return self

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        way_out = f" ({self.way_out})" if self.way_out else ""
        return f"{place}{self.fact}{way_out}"


class UsageError(GroupcalcError):
    """The command line itself is wrong: a flag, a value, an input that does not exist."""


class InputError(GroupcalcError):
    """A file or a text that cannot be read as what it claims to be."""


class GeometryError(GroupcalcError, ValueError):
    """Shapes or layer arguments that do not fit together."""


class DeviceError(GroupcalcError):
    """A GPU that is not there, cannot be used, or has too little memory."""


class MissingDimsError(InputError):
    """Dimensions that only the user can give.

    flags  the arguments to add to the command, ready to paste: `("--dim batch=1",)`
    """

    def __init__(self, fact: str, flags: tuple[str, ...] = ()) -> None:
        super().__init__(fact, way_out="add " + " ".join(flags))
        self.flags = flags


class EngineError(GroupcalcError):
    """A benchmark's engine cannot do a case: it refused, crashed, hung, or computed something else."""
