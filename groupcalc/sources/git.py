"""Files of another revision, through git.

The repository may be anybody's: objects are read by `git cat-file`, which runs no filter, no textconv and no hook;
nothing is fetched, and what comes back is bounded.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from groupcalc.errors import InputError
from groupcalc.sources.targets import KINDS, MAX_PIPED_BYTES
from groupcalc.units import show_name

PREFIX = "git:"

MAX_LISTING = 2**26
"""Bytes of the list of all files of a revision."""

MAX_REFS = 2000
"""So many branches and tags are compared with a name that is none of them."""

TIMEOUT_S = 120

SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-pager", "--no-replace-objects",
        "--literal-pathspecs")  # fmt: skip

ENVIRONMENT = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0",
               "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}  # fmt: skip
"""A partial clone would fetch what it lacks, by whatever program its configuration names: no transport is allowed."""

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize \d+\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit of a repository.

    name    as it was written: `origin/main`
    top     the folder of the working tree
    commit  its hash
    """

    name: str
    top: str
    commit: str

    @property
    def place(self) -> str:
        return f"{PREFIX}{show_name(self.name)}"

    def inside(self, path: str) -> str:
        """A path of this machine as git has it. InputError when it is outside of the working tree."""
        full = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
        found = os.path.relpath(full, os.path.realpath(self.top))
        if found.startswith(os.pardir):
            raise InputError("is outside of the repository", "name a file or a directory", show_name(path))
        return Path(found).as_posix()

    def models(self) -> dict[str, str]:
        """The path of every file that may be a model, and the hash of its content."""
        listing = _git(self.top, "ls-tree", "-r", "-z", "--full-tree", self.commit, most=MAX_LISTING)
        if listing is None:
            raise self._missing(self.commit)
        found: dict[str, str] = {}
        for entry in listing.split(b"\0"):
            head, _, path = entry.partition(b"\t")
            mode, _, rest = head.partition(b" ")
            if mode.startswith(b"100") and path[-5:].lower().endswith(tuple(map(str.encode, KINDS))):  # no links
                found[os.fsdecode(path)] = rest.rpartition(b" ")[2].decode()
        return found

    def read(self, path: str, blob: str) -> bytes:
        """The content of a file, that of a Git LFS pointer from the local store. InputError says what mends it."""
        size = _git(self.top, "cat-file", "-s", blob)
        if size is None:
            raise self._missing(blob).within(f"{self.place}:{show_name(path)}")
        if int(size) > MAX_PIPED_BYTES:
            raise InputError("is larger than 2 GiB", "name a saved result", f"{self.place}:{show_name(path)}")
        data = _git(self.top, "cat-file", "blob", blob, most=MAX_PIPED_BYTES)
        if data is None:
            raise self._missing(blob).within(f"{self.place}:{show_name(path)}")
        pointer = _POINTER.match(data) if len(data) < 1024 else None
        return self._stored(path, pointer[1].decode()) if pointer else data

    def _stored(self, path: str, oid: str) -> bytes:
        """The content that Git LFS keeps beside the repository, if it is what the pointer says."""
        common = _text(self.top, "rev-parse", "--git-common-dir") or ".git"
        file = Path(self.top, common, "lfs", "objects", oid[:2], oid[2:4], oid)
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_PIPED_BYTES + 1)
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != oid:
            way_out = f"git lfs fetch origin {self.commit[:12]}"
            raise InputError("its Git LFS content is not here", way_out, f"{self.place}:{show_name(path)}")
        return data

    def _missing(self, oid: str) -> InputError:
        """An object is not in this clone."""
        way_out = "git fetch --unshallow" if _is_shallow(self.top) else "git fetch --refetch --no-filter"
        return InputError(f"object {oid[:12]} is not in this clone", way_out)


def split(text: str) -> tuple[str, str]:
    """`git:REV` or `git:REV:PATH` -> the revision and the path, "" without one."""
    name, _, path = text.removeprefix(PREFIX).partition(":")
    return name, path


def resolve(name: str, folder: str = ".", against: str = "") -> Revision:
    """The commit that a name stands for, or its merge base with the commit `against`. InputError says what mends it."""
    place = f"{PREFIX}{show_name(name)}"
    if not name:
        raise InputError("there is no revision in it", "write git:REV or git:REV:PATH", place)
    try:
        top = _text(folder, "rev-parse", "--show-toplevel")
    except InputError as error:  # there is no git
        raise error.within(place) from error.__cause__
    if not top:
        raise InputError("there is no git repository here", _why(folder), place)
    commit = _commit(top, name)
    if not commit:
        raise InputError("there is no such revision", _fetch(top, name), place)
    if against:
        other = _commit(top, against)
        common = _text(top, "merge-base", commit, other) if other else ""
        if not common:
            way_out = "git fetch --unshallow" if _is_shallow(top) else "name a commit that both come from"
            raise InputError(f"it has no common ancestor with {show_name(against)}", way_out, place)
        commit = common.split()[0]
    return Revision(name=name, top=top, commit=commit)


def _commit(top: str, name: str) -> str:
    if "\0" in name:
        return ""
    return _text(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")


def _fetch(top: str, name: str) -> str:
    """The command that would bring a revision."""
    if _is_shallow(top):
        return "the clone is shallow: git fetch --unshallow"
    remote, slash, branch = name.partition("/")
    if slash and re.fullmatch(r"[\w.-]+", remote) and re.fullmatch(r"[\w./-]+", branch):
        return f"git fetch {remote} {branch}"
    listing = _git(top, "for-each-ref", "--format=%(refname:short)", most=MAX_LISTING) or b""
    close = get_close_matches(name, os.fsdecode(listing).splitlines()[:MAX_REFS], n=1)
    if close:
        return f"did you mean '{PREFIX}{show_name(close[0])}'?"
    return "git log shows which there are" if _commit(top, "HEAD") else "nothing is committed yet: git commit"


def _why(folder: str) -> str:
    """Why git sees no repository: there is none, or it is not this user's."""
    refused = list(_stderr(folder, "rev-parse", "--show-toplevel"))
    if any("dubious ownership" in line for line in refused):
        return f"it belongs to another user: git config --global --add safe.directory {os.path.abspath(folder)}"
    return "name a saved result, or run it in a clone"


def _is_shallow(top: str) -> bool:
    return _text(top, "rev-parse", "--is-shallow-repository") == "true"


def _text(folder: str, *words: str) -> str:
    """What git prints, less the line end; "" when it fails."""
    found = _git(folder, *words)
    return "" if found is None else os.fsdecode(found).rstrip("\n")


def _git(folder: str, *words: str, most: int = 2**16) -> bytes | None:
    """What git prints; None when it fails. InputError when there is no git, or no end of what it prints."""
    with _started(folder, words, subprocess.DEVNULL) as process:
        assert process.stdout is not None
        data = process.stdout.read(most + 1)
        if len(data) > most:
            process.kill()
            raise InputError(f"git {words[0]} prints more than {most} bytes", "name a saved result")
        return data if process.wait(TIMEOUT_S) == 0 else None


def _stderr(folder: str, *words: str) -> Iterator[str]:
    with _started(folder, words, subprocess.PIPE) as process:
        yield from os.fsdecode(process.communicate(timeout=TIMEOUT_S)[1][: 2**16]).splitlines()


def _started(folder: str, words: tuple[str, ...], errors: int) -> subprocess.Popen[bytes]:
    command = ["git", "-C", folder, *SAFE, *words]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=os.environ | ENVIRONMENT
        )
    except OSError as error:
        raise InputError("git cannot be run", "install git, or name a saved result") from error
