"""`arch:NAME[,key=value]…`: no sign in it that a shell would read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from groupcalc.errors import InputError
from groupcalc.graph import Graph
from groupcalc.sources.archs.arch import Arch, Value, show_value
from groupcalc.sources.archs.net import Net
from groupcalc.sources.archs.table import ARCHS
from groupcalc.sources.arguments import cut, suggest
from groupcalc.sources.targets import ARCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An architecture with a value for each of its keys."""

    arch: Arch
    values: Mapping[str, Value]

    def __str__(self) -> str:
        """The shortest words for it: only what is not default."""
        words = (f",{k}={show_value(v)}" for k, v in self.values.items() if v != self.arch.keys[k].default)
        return f"{ARCH}{self.arch.name}{''.join(words)}"

    def graph(self, name: str = "") -> Graph:
        """The network; GeometryError when the values do not fit together."""
        values = dict(self.values)
        net = Net(name or self.arch.name, batch=values.pop("batch"), size=values.pop("input"))  # type: ignore[arg-type]
        return net.graph(self.arch.build(net, **values))


def load_arch(text: str) -> Graph:
    """The network of `arch:NAME[,key=value]…`, named after it. Raises InputError and GeometryError."""
    return parse_arch(text).graph(text)


def parse_arch(text: str) -> Variant:
    """Read `arch:NAME[,key=value]…`; InputError says what is wrong with it."""
    name, *words = text.removeprefix(ARCH).split(",")
    arch, given = _find(name)
    seen: dict[str, Value] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            example = key if key in arch.keys else next(iter(arch.keys))
            raise InputError(
                f"{cut(word)!r} is no key=value", f"write {example}={show_value(arch.keys[example].default)}"
            )
        if key not in arch.keys:
            raise InputError(f"{arch.name} has no key {cut(key)!r}", suggest(key, arch.keys))
        if key in seen:
            raise InputError(f"{key} is given twice", "give it once")
        seen[key] = arch.keys[key].parse(key, cut(value))
    defaults = {key: each.default for key, each in arch.keys.items()}
    return Variant(arch=arch, values=defaults | given | seen)


def _find(name: str) -> tuple[Arch, dict[str, Value]]:
    """The architecture of a name or an alias, and the keys that an alias holds."""
    if name in ARCHS:
        return ARCHS[name], {}
    for arch in ARCHS.values():
        for alias in arch.aliases:
            match = re.fullmatch(alias, name, re.ASCII)
            if match:
                words = {key: text for key, text in match.groupdict().items() if text is not None}
                return arch, {key: arch.keys[key].parse(key, text) for key, text in words.items()}
    way_out = suggest(name, ARCHS)
    if not way_out.startswith("did"):
        way_out = "groupcalc explain arch lists them"
    raise InputError(f"there is no architecture {cut(name)!r}", way_out)
