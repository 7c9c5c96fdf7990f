"""One side of a comparison: a saved result, a model, a directory, or files of a git revision, as costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from groupcalc.cli.pricing import How, Priced, price_targets
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.snapshot import is_whole
from groupcalc.errors import GroupcalcError, InputError
from groupcalc.sources.targets import COMMAND_LINE, KINDS, Failure, Target, expand
from groupcalc.units import show_name

if TYPE_CHECKING:
    from groupcalc.sources.git import Revision

GIT = "git:"

PARTIAL = ("has only some of its layers", "save it without --layer and --op")

Key = Callable[[str], str]
"""From the path of a model to what it pairs by."""


@dataclass(slots=True)
class Side:
    """What there is to compare.

    failures  what could not be read, by its path; "" stands for the side as a whole
    single    it is one model, named as itself: it pairs with whatever single model is on the other side
    """

    costs: list[GraphCost] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    single: bool = False

    @classmethod
    def of(cls, priced: Priced, single: bool = False) -> Side:
        """What was read, less the results that were saved with a filter: their totals are of layers that are not
        there."""
        partial = [cost for cost in priced.costs if not is_whole(cost)]
        failures = [Failure(path=cost.path, error=InputError(*PARTIAL, cost.path)) for cost in partial]
        costs = [cost for cost in priced.costs if is_whole(cost)]
        return cls(costs=costs, failures=[*priced.failures, *failures], single=single)

    def unread(self, path: str, key: Key) -> bool:
        """The counterpart of a model may be among what could not be read."""
        return any(not failure.path or key(failure.path) == key(path) for failure in self.failures)


def load_side(text: str, how: How, like: Sequence[GraphCost] = (), folder: str = "", against: str = "HEAD") -> Side:
    """The models of one side; what cannot be read stands in `failures`.

    like     the models of the other side: of a revision the same files are read
    folder   the directory that those are all models of, if they are: of a revision, those that are gone are read too
    against  of a revision, its merge base with this one; "": the revision itself
    """
    try:
        if text.startswith(GIT):
            return _of_revision(text, how, like, folder, against)
        targets, failures = expand([text])
    except GroupcalcError as error:
        return Side(failures=[Failure(path="", error=error)])
    priced = price_targets(targets, how)
    single = len(priced.costs) == 1 and priced.costs[0].path == targets[0].path  # a saved result has paths of its own
    side = Side.of(priced, single)
    if not os.path.isdir(text):  # of a file there is nothing left without it
        failures, side.failures = [*failures, *side.failures], []
    side.failures += [Failure(path="", error=failure.error) for failure in failures]
    return side


def _of_revision(text: str, how: How, like: Sequence[GraphCost], folder: str, against: str) -> Side:
    from groupcalc.sources.git import resolve, split

    name, inside = split(text)
    revision = resolve(name, against=against)
    blobs = revision.models()
    wanted = dict(_named(revision, blobs, inside) if inside else _alike(revision, blobs, like, folder))
    side = Side(single=bool(inside) and list(wanted.values()) == [inside])
    targets: list[Target] = []
    for path, file in wanted.items():
        try:
            data = revision.read(file, blobs[file])
        except GroupcalcError as error:
            side.failures.append(Failure(path=path, error=error))
        else:
            targets.append(Target(path=path, kind=KINDS[Path(file).suffix.lower()], data=data))
    priced = price_targets(targets, how)
    side.costs = priced.costs
    for failure in priced.failures:  # it is not the file of that path which is meant
        failure.error.place = failure.error.place.replace(failure.path, f"{revision.place}:{wanted[failure.path]}", 1)
    side.failures += priced.failures
    return side


def _named(revision: Revision, blobs: dict[str, str], inside: str) -> Iterator[tuple[str, str]]:
    """The file, or the models below the directory, that `git:REV:PATH` names."""
    inside = Path(os.path.normpath(inside)).as_posix()
    if inside in blobs:
        yield inside, inside
        return
    below = [file for file in blobs if file.startswith(f"{inside}/") and file.lower().endswith(".onnx")]
    if not below:
        raise InputError("there is no such model", f"git ls-tree -r {revision.commit[:12]} lists the files",
                         f"{revision.place}:{show_name(inside)}")  # fmt: skip
    yield from ((file[len(inside) + 1 :], file) for file in below)


def _alike(
    revision: Revision, blobs: dict[str, str], like: Sequence[GraphCost], folder: str
) -> Iterator[tuple[str, str]]:
    """The files of the other side as they were, by the paths that these have now; a file that was renamed since is
    found by its name. Without another side every ONNX file."""
    if not like:
        found = [file for file in blobs if file.lower().endswith(".onnx")]
        if not found:
            raise InputError("it has no .onnx file", "name one: git:REV:PATH", revision.place)
        yield from ((_outside(revision, file), file) for file in found)
        return
    taken = set()
    for cost in like:
        if cost.path not in (COMMAND_LINE, "-") and not cost.path.startswith("arch:"):
            file = revision.inside(cost.path)
            if file in blobs:
                taken.add(file)
                yield cost.path, file
    names = {cost.name for cost in like}
    prefix = f"{revision.inside(folder)}/".removeprefix("./") if folder else None
    for file in blobs.keys() - taken:
        path = _outside(revision, file)
        in_folder = prefix is not None and file.startswith(prefix) and file.lower().endswith(".onnx")
        if (Path(file).stem in names or in_folder) and not os.path.lexists(path):
            yield path, file


def _outside(revision: Revision, file: str) -> str:
    return os.path.relpath(os.path.join(revision.top, file))


def key_of(how: How, *folders: str) -> Key:
    """By what models pair: the path relative to that of the folders which it is in, else to the configuration."""
    inside = [folder for folder in folders if os.path.isdir(folder)]

    def key(path: str) -> str:
        for folder in inside:
            relative = os.path.relpath(path, folder)
            if not relative.startswith(os.pardir):
                return Path(relative).as_posix()
        return how.config.names(path)[0]

    return key
