"""One side of a comparison: a saved result, a model, a directory, or files of a git revision, as costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
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

MAX_COMPARED = 2000
"""So many files of a revision are compared with a path that it does not have."""

PARTIAL = ("has only some of its layers", "save it without --layer and --op")

Key = Callable[[str], str]
"""From the path of a model to what it pairs by."""


@dataclass(slots=True)
class Side:
    """What there is to compare.

    failures  what could not be read, by its path; "" stands for the side as a whole
    single    it is one model, named as itself: it pairs with whatever single model is on the other side
    folder    the directory that it is; "" when it is none
    """

    costs: list[GraphCost] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    single: bool = False
    folder: str = ""

    @classmethod
    def of(cls, priced: Priced, target: Target | None = None, folder: str = "") -> Side:
        """What was read, less the results that were saved with a filter: their totals are of layers that are not
        there. `target` is the only one that was asked for."""
        partial = [cost for cost in priced.costs if not is_whole(cost)]
        failures = [Failure(path=cost.path, error=InputError(*PARTIAL, cost.path)) for cost in partial]
        # A saved result names its models itself; that it holds only one does not say that it is the one meant.
        single = target is not None and [cost.path for cost in priced.costs] == [target.path]
        costs = [cost for cost in priced.costs if is_whole(cost)]
        return cls(costs=costs, failures=[*priced.failures, *failures], single=single, folder=folder)

    def unread(self, path: str, key: Key) -> bool:
        """The counterpart of a model may be among what could not be read."""
        return any(not failure.path or key(failure.path) == key(path) for failure in self.failures)


def load_side(text: str, how: How, like: Side | None = None, against: str = "HEAD") -> Side:
    """The models of one side; what cannot be read stands in `failures`.

    like     the other side: of a revision the same files are read, and those of its directory that are gone
    against  of a revision, its merge base with this one; "": the revision itself
    """
    try:
        if text.startswith(GIT):
            return _of_revision(text, how, like or Side(), against)
        targets, failures = expand([text])
        for failure in failures:
            failure.error.way_out = _prefixed(text) or failure.error.way_out
    except GroupcalcError as error:
        return Side(failures=[Failure(path="", error=error)])
    folder = text if os.path.isdir(text) else ""
    side = Side.of(price_targets(targets, how), None if folder or not targets else targets[0], folder)
    if not folder:  # of a file there is nothing left without it
        failures, side.failures = [*failures, *side.failures], []
    side.failures += [Failure(path="", error=failure.error) for failure in failures]
    return side


def _prefixed(text: str) -> str:
    """The way out for a word that is no input and yet a revision; "" for any other."""
    from groupcalc.sources.git import resolve

    try:
        resolve(text.partition(":")[0])
    except GroupcalcError:
        return ""
    return f"for the revision write {GIT}{show_name(text)}"


def _of_revision(text: str, how: How, like: Side, against: str) -> Side:
    from groupcalc.sources.git import resolve, split

    name, inside = split(text)
    revision = resolve(name, against=against)
    blobs = revision.models()
    wanted = dict(_named(revision, blobs, inside) if inside else _alike(revision, blobs, like))
    targets: list[Target] = []
    failures: list[Failure] = []
    for path, file in wanted.items():
        try:
            data = revision.read(file, blobs[file])
        except GroupcalcError as error:
            failures.append(Failure(path=path, error=error))
        else:
            targets.append(Target(path=path, kind=KINDS[Path(file).suffix.lower()], data=data))
    priced = price_targets(targets, how)
    for failure in priced.failures:  # it is not the file of that path which is meant
        failure.error.place = failure.error.place.replace(failure.path, f"{revision.place}:{wanted[failure.path]}", 1)
    is_file = os.path.normpath(inside) in blobs
    folder = _outside(revision, inside) if inside and not is_file else ""
    side = Side.of(priced, targets[0] if is_file and targets else None, folder)
    side.failures += failures
    return side


def _named(revision: Revision, blobs: Mapping[str, str], inside: str) -> Iterator[tuple[str, str]]:
    """The file, or the models below the directory, that `git:REV:PATH` names."""
    inside = Path(os.path.normpath(inside)).as_posix()
    found = [inside] if inside in blobs else _below(blobs, "" if inside == "." else f"{inside}/")
    if not found:
        named = [file for file in blobs if Path(file).name == Path(inside).name]
        close = named or get_close_matches(inside, list(blobs)[:MAX_COMPARED], n=1)
        meant = f"did you mean '{revision.place}:{show_name(close[0])}'?" if close else ""
        way_out = meant or f"git ls-tree -r {revision.commit[:12]} lists the files"
        raise InputError("there is no such model", way_out, f"{revision.place}:{show_name(inside)}")
    yield from ((_outside(revision, file), file) for file in found)


def _alike(revision: Revision, blobs: Mapping[str, str], like: Side) -> Iterator[tuple[str, str]]:
    """The files of the other side as they were, by the paths that these have now; a file that was renamed since is
    found by its name. Without another side every ONNX file."""
    if not like.costs:
        yield from ((_outside(revision, file), file) for file in _below(blobs, ""))
        return
    taken, renamed = set(), set()
    for cost in like.costs:
        if cost.path not in (COMMAND_LINE, "-") and not cost.path.startswith("arch:"):
            file = revision.inside(cost.path)
            if file in blobs:
                taken.add(file)
                yield cost.path, file
            else:
                renamed.add(Path(cost.path).name)
    gone = [file for file in blobs if Path(file).name in renamed]
    if like.folder:
        folder = revision.inside(like.folder)
        gone += _below(blobs, "" if folder == "." else f"{folder}/")
    for file in dict.fromkeys(gone):
        path = _outside(revision, file)
        if file not in taken and not os.path.lexists(path):
            yield path, file


def _below(blobs: Mapping[str, str], prefix: str) -> list[str]:
    return [file for file in blobs if file.startswith(prefix) and file.lower().endswith(".onnx")]


def _outside(revision: Revision, file: str) -> str:
    return os.path.relpath(os.path.join(revision.top, file))


def key_of(how: How, *folders: str) -> Key:
    """By what models pair: the path relative to that of the folders which it is in, else to the configuration."""

    def key(path: str) -> str:
        for folder in folders:
            relative = os.path.relpath(path, folder)
            if not relative.startswith(os.pardir):
                return Path(relative).as_posix()
        return how.config.relative(path)

    return key
