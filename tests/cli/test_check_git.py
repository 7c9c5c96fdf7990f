"""A model that changes between two commits of a real repository, and what stands in the way of reading the older."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
models = ["models/*.onnx"]
base = "git:main"

[[budgets]]
model = "models/net.onnx"
limits = [
  "macs <= max(+2%, +5M)",
]
message = "Ask before raising this."
"""

DENSE = 128 * 128 * 9 * 56 * 56
"""A 3×3 layer of 128 channels at 56×56; with G groups a G-th of it."""


@pytest.fixture
def changed(repository: Any, convs: Callable[..., str]) -> Any:
    """Two commits: layer1.conv has 32 groups in the first, 2 in the second."""
    Path("groupcalc.toml").write_text(CONFIG)
    convs("models/net.onnx", 32, 32, 32)
    convs("models/other.onnx", 4)
    repository.commit("the first")
    convs("models/net.onnx", 32, 2, 32)
    repository.commit("the second")
    return repository


def test_a_changed_model_is_caught_and_its_layer_named(changed: Any, groupcalc: Callable[..., Any]) -> None:
    code, out, err = groupcalc("check", "--base", "git:HEAD~1")
    assert code == 1
    first, second, last = out.splitlines()
    # 3 · DENSE/32 = 43.35 M before; one of the three is 16 times as large now: 18 · DENSE/32
    assert first.split("  ")[0] == "FAIL"
    assert "models/net.onnx" in first
    assert "43.35 → 260.1 MMACs  +500.0 %, 211.8 MMACs over" in first
    assert first.endswith("groupcalc.toml:8")
    assert second == ("      └ ~ layer1.conv   groups 32 → 2   14.45 → 231.2 MMACs (×16)   Ask before raising this.")
    assert last == "2 models, 0 of 1 budget holds · 1 failed"
    assert err == ""


def test_the_figures_are_exact(changed: Any, groupcalc: Callable[..., Any]) -> None:
    [check] = json.loads(groupcalc("check", "--base", "git:HEAD~1", "--json").out)["checks"]
    base, new = 3 * DENSE // 32, 18 * DENSE // 32
    assert (check["base"], check["actual"], check["limit"]) == (base, new, base + 5_000_000)
    assert check["over"] == new - base - 5_000_000
    assert check["location"] == {"path": "groupcalc.toml", "line": 8}
    assert (check["rule"], check["status"], check["level"]) == ("GC002", "fail", "error")


def test_a_bystander_passes(changed: Any, groupcalc: Callable[..., Any]) -> None:
    Path("notes.txt").write_text("nothing about models\n")
    changed.commit("a bystander")
    assert groupcalc("check", "--base", "git:HEAD~1").code == 0
    assert groupcalc("check", "--base", "git:HEAD~2").code == 1


def test_a_branch_is_compared_with_its_merge_base(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    changed("checkout", "--quiet", "-b", "topic")
    Path("notes.txt").write_text("of the branch\n")
    changed.commit("a bystander on a branch")
    changed("checkout", "--quiet", "main")
    convs("models/net.onnx", 128, 128, 128)
    changed.commit("main has become lighter since")
    changed("checkout", "--quiet", "topic")
    assert groupcalc("check").code == 0  # base = "git:main": its merge base, not its tip


def test_the_working_tree_counts_not_only_commits(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    assert groupcalc("check", "--base", "git:HEAD").code == 0
    convs("models/net.onnx", 1, 1, 1)
    assert groupcalc("check", "--base", "git:HEAD").code == 1


def test_a_renamed_model_is_compared_with_what_it_was(changed: Any, groupcalc: Callable[..., Any]) -> None:
    changed("mv", "models/net.onnx", "net.onnx")
    code, out, _ = groupcalc("check", "net.onnx", "--budget", "net.onnx: macs <= +0%", "--base", "git:HEAD~1")
    assert code == 1
    assert "groups 32 → 2" in out


def test_a_new_model_has_no_base_and_that_is_said(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    convs("models/third.onnx", 1)
    code, out, _ = groupcalc("check", "models/third.onnx", "--budget", "macs <= +0%", "--base", "git:HEAD")
    assert code == 0
    assert "SKIP  models/third.onnx" in out
    assert "new: it is not in the base" in out


def test_it_works_from_a_folder_below(
    changed: Any, groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("models")
    code, out, _ = groupcalc("check", "--base", "git:HEAD~1")
    assert code == 1
    assert out.startswith("FAIL  ../models/net.onnx  ")
    assert "../groupcalc.toml:8" in out


def test_names_that_git_would_quote_are_read(
    repository: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    names = ["a b.onnx", "ü – 网.onnx", '"quoted".onnx', "tab\tname.onnx", ":(top)x.onnx", "-x.onnx"]
    for name in names:
        convs(name, 32)
    repository.commit()
    for name in names:
        convs(name, 16)
    found = groupcalc("check", ".", "--base", "git:HEAD", "--budget", "macs <= +0%", "--json")
    checks = json.loads(found.out)["checks"]
    assert [check["status"] for check in checks] == ["fail"] * len(names)
    assert all(check["base"] == DENSE // 32 for check in checks)


def stopped(found: Any) -> str:
    """The one line that says what stands in the way."""
    assert found.code == 2
    [line] = found.err.splitlines()
    return str(line)


RATCHET = ("--budget", "macs <= +0%")


def test_a_shallow_clone_is_named_with_the_command_that_mends_it(
    changed: Any, groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed("clone", "--quiet", "--depth=1", f"file://{changed.folder}", "clone")
    monkeypatch.chdir("clone")
    line = stopped(groupcalc("check", "--base", "git:HEAD~1"))
    assert line == ("git:HEAD~1: there is no such revision (the clone is shallow: git fetch --unshallow)")
    changed("-C", "clone", "fetch", "--quiet", "--unshallow")
    assert groupcalc("check", "--base", "git:HEAD~1").code == 1


def test_a_branch_without_a_common_ancestor_is_named(changed: Any, groupcalc: Callable[..., Any]) -> None:
    changed("checkout", "--quiet", "--orphan", "orphan")
    changed.commit()
    line = stopped(groupcalc("check", "--base", "git:main"))
    assert line == "git:main: it has no common ancestor with HEAD (name a commit that both come from)"


def test_an_unknown_revision_is_named(changed: Any, groupcalc: Callable[..., Any]) -> None:
    line = stopped(groupcalc("check", "--base", "git:origin/mian"))
    assert line == "git:origin/mian: there is no such revision (git fetch origin mian)"
    line = stopped(groupcalc("check", "--base", "git:--help"))
    assert line == "git:--help: there is no such revision (git log shows which there are)"


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("git:mian", "git:mian: there is no such revision (did you mean 'git:main'?)"),
        ("git:mian:models/net.onnx", "git:mian: there is no such revision (did you mean 'git:main'?)"),
        ("git:", "git:: there is no revision in it (write git:REV or git:REV:PATH)"),
        ("git:main:net.onnx", "git:main:net.onnx: there is no such model (did you mean 'git:main:models/net.onnx'?)"),
        ("git:main:models/nt.onnx", "git:main:models/nt.onnx: there is no such model "
         "(did you mean 'git:main:models/net.onnx'?)"),
        ("main", "main: no such file (for the revision write git:main)"),
        ("main:models/net.onnx", "main:models/net.onnx: no such file "
         "(for the revision write git:main:models/net.onnx)"),
        ("mian", "mian: no such file (check the path, or quote a layer line)"),
    ],
)  # fmt: skip
def test_what_was_meant_is_suggested(changed: Any, groupcalc: Callable[..., Any], base: str, message: str) -> None:
    assert groupcalc("diff", base, "models/net.onnx") == (2, "", f"{message}\n")
    assert stopped(groupcalc("check", "--base", base)) == message


def test_a_file_like_no_other_is_answered_with_the_list(changed: Any, groupcalc: Callable[..., Any]) -> None:
    head = changed("rev-parse", "HEAD")[:12]
    line = stopped(groupcalc("check", "--base", "git:HEAD:zz.toml"))
    assert line == f"git:HEAD:zz.toml: there is no such model (git ls-tree -r {head} lists the files)"


def test_a_repository_without_commits_has_no_revision(repository: Any, groupcalc: Callable[..., Any]) -> None:
    done = groupcalc("diff", "git:HEAD", "Conv2d(1, 1, 1) @ 1x1")
    assert done.err == "git:HEAD: there is no such revision (nothing is committed yet: git commit)\n"


def test_without_git_the_revision_is_named(
    changed: Any, groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = stopped(groupcalc("check", "--base", "git:main"))
    assert line == "git:main: git cannot be run (install git, or name a saved result)"


def test_no_repository_is_said(groupcalc: Callable[..., Any], convs: Callable[..., str]) -> None:
    convs("net.onnx", 1)
    line = stopped(groupcalc("check", "net.onnx", *RATCHET, "--base", "git:HEAD"))
    assert line == "git:HEAD: there is no git repository here (name a saved result, or run it in a clone)"


def test_a_missing_object_is_named_with_the_command_that_mends_it(changed: Any, groupcalc: Callable[..., Any]) -> None:
    oid = changed("rev-parse", "HEAD~1:models/net.onnx")
    (changed.folder / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    found = groupcalc("check", "--base", "git:HEAD~1")
    assert stopped(found) == (
        f"git:HEAD~1:models/net.onnx: object {oid[:12]} is not in this clone (git fetch --refetch --no-filter)"
    )
    assert "its base cannot be read (GC002)" in found.out


def test_a_partial_clone_fetches_nothing(
    changed: Any, groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed("config", "uploadpack.allowFilter", "true")
    changed("clone", "--quiet", "--filter=blob:none", f"file://{changed.folder}", "clone")
    changed("-C", "clone", "config", "protocol.file.allow", "always")
    oid = changed("rev-parse", "HEAD~1:models/net.onnx")
    monkeypatch.chdir("clone")
    line = stopped(groupcalc("check", "--base", "git:HEAD~1"))
    assert f"object {oid[:12]} is not in this clone (git fetch --refetch --no-filter)" in line
    changed("-C", "clone", "fetch", "--quiet", "--refetch", "--no-filter")
    assert groupcalc("check", "--base", "git:HEAD~1").code == 1


@pytest.fixture
def pointer(changed: Any) -> bytes:
    """A third commit, in which a Git LFS pointer stands for the model of the first; the content that it stands for."""
    content = Path("models/net.onnx").read_bytes()
    oid = hashlib.sha256(content).hexdigest()
    Path("models/net.onnx").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    )
    changed.commit("a pointer")
    Path("models/net.onnx").write_bytes(content)
    changed.commit("the content")
    return content


def test_a_pointer_without_content_is_named_with_the_command_that_mends_it(
    pointer: bytes, changed: Any, groupcalc: Callable[..., Any]
) -> None:
    line = stopped(groupcalc("check", "--base", "git:HEAD~1"))
    commit = changed("rev-parse", "HEAD~1")
    assert line == (f"git:HEAD~1:models/net.onnx: its Git LFS content is not here (git lfs fetch origin {commit[:12]})")


def test_a_pointer_is_followed_into_the_local_store(
    pointer: bytes, changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    oid = hashlib.sha256(pointer).hexdigest()
    store = changed.folder / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(pointer)
    assert groupcalc("check", "--base", "git:HEAD~1").code == 0
    convs("models/net.onnx", 1, 1, 1)
    assert groupcalc("check", "--base", "git:HEAD~1").code == 1
    (store / oid).write_bytes(pointer + b"!")  # not what the pointer says
    assert "its Git LFS content is not here" in stopped(groupcalc("check", "--base", "git:HEAD~1"))


def test_no_program_of_the_repository_runs(changed: Any, groupcalc: Callable[..., Any], tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    program = f"touch {trap}; cat"
    for key in (
        "filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command",
        "core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "core.editor", "core.askPass",
    ):  # fmt: skip
        changed("config", key, program)
    Path(".gitattributes").write_text("*.onnx filter=evil diff=evil\n")
    info = changed.folder / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("*.onnx filter=evil diff=evil\n")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        path = changed.folder / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
    assert groupcalc("check", "--base", "git:HEAD~1").code == 1
    assert groupcalc("diff", "git:HEAD~1", "models").code == 0
    assert not trap.exists()


def test_a_file_of_the_base_that_is_no_model_is_placed_in_its_revision(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    Path("models/net.onnx").write_text("not a model")
    changed.commit()
    convs("models/net.onnx", 32)
    line = stopped(groupcalc("check", "--base", "git:HEAD"))
    assert line.startswith("git:HEAD:models/net.onnx: ")


def test_a_model_outside_of_the_repository_is_named(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = convs(tmp_path_factory.mktemp("elsewhere") / "net.onnx", 1)
    line = stopped(groupcalc("check", outside, *RATCHET, "--base", "git:HEAD"))
    assert line.endswith("is outside of the repository (name a file or a directory)")


def test_a_base_that_cannot_be_read_leaves_absolute_budgets_judged(changed: Any, groupcalc: Callable[..., Any]) -> None:
    found = groupcalc("check", "--base", "git:nothing", "--budget", "models/net.onnx: macs <= 1", "--json")
    assert found.code == 2
    assert [check["status"] for check in json.loads(found.out)["checks"]] == ["unknown", "fail"]


def test_diff_of_revisions(changed: Any, groupcalc: Callable[..., Any]) -> None:
    code, out, err = groupcalc("diff", "git:HEAD~1", "models")
    assert (code, err) == (0, "")
    assert "~  layer1.conv  groups 32 → 2  14.45 M  231.2 M  +216.8 M  +1500.0 %  +69.12 k" in out
    assert "2 models: 1 changed · 1 the same" in out
    same = out
    for words in (
        ("git:HEAD~1:models", "git:HEAD:models"),
        ("git:HEAD~1", "git:HEAD"),
        ("git:HEAD~1:models/net.onnx", "models/net.onnx"),
    ):
        again = groupcalc("diff", *words)
        assert again.code == 0
        assert again.out.splitlines()[1:6] == same.splitlines()[1:6]


def test_diff_of_one_directory_at_a_revision_and_all_of_another(changed: Any, groupcalc: Callable[..., Any]) -> None:
    for words in (("git:HEAD~1", "git:HEAD:models"), ("git:HEAD~1:models", "models"), ("git:HEAD~1:.", "git:HEAD:.")):
        data = json.loads(groupcalc("diff", *words, "--json").out)["diff"]
        assert [(model["name"], model["status"]) for model in data] == [
            ("models/net.onnx", "changed"),
            ("models/other.onnx", "same"),
        ]


def test_diff_of_two_revisions_tells_what_was_removed_and_added(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    Path("models/other.onnx").unlink()
    convs("fresh.onnx", 8)
    changed.commit()
    data = json.loads(groupcalc("diff", "git:HEAD~1", "git:HEAD", "--json").out)["diff"]
    assert {(model["name"], model["status"]) for model in data} == {
        ("fresh.onnx", "added"),
        ("models/net.onnx", "same"),
        ("models/other.onnx", "removed"),
    }


def test_a_file_of_another_kind_that_is_gone_is_no_model_that_was_renamed(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    Path("third.json").write_text("{}")
    Path("old").mkdir()
    convs("old/net.onnx", 1)
    changed.commit()
    Path("third.json").unlink()
    Path("old/net.onnx").unlink()
    convs("models/third.onnx", 1)
    found = groupcalc("check", "--base", "git:HEAD", "--budget", "models/third.onnx: macs <= +0%")
    assert (found.code, found.err) == (0, "")


def test_a_copy_of_a_model_that_is_still_there_is_new(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    convs("copy/other.onnx", 1)
    found = groupcalc("check", "copy/other.onnx", "--base", "git:HEAD", "--budget", "macs <= +0%")
    [line] = [line for line in found.lines if "copy/other.onnx" in line]
    assert (found.code, line.split()[0]) == (0, "SKIP")
    assert "new: it is not in the base" in line


def test_a_saved_result_of_a_revision_is_a_base(changed: Any, groupcalc: Callable[..., Any]) -> None:
    groupcalc("analyze", "models", "-o", "json:base.json")
    changed.commit("a baseline")
    Path("base.json").unlink()
    assert groupcalc("check", "--base", "git:HEAD:base.json").code == 0
    groupcalc("analyze", "models/other.onnx", "-o", "json:base.json")
    changed.commit("a baseline of another model alone")
    found = groupcalc("check", "models/net.onnx", "--base", "git:HEAD:base.json")
    assert (found.code, found.out.split()[0]) == (0, "SKIP")


def test_neither_side_has_a_model(repository: Any, groupcalc: Callable[..., Any]) -> None:
    repository.commit()
    assert groupcalc("diff", "git:HEAD", "git:HEAD") == (
        2, "", "groupcalc diff: neither side has a model (name one: git:REV:PATH)\n",
    )  # fmt: skip


def test_diff_tells_what_was_removed_and_added(
    changed: Any, groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    Path("models/other.onnx").unlink()
    convs("models/fresh.onnx", 8)
    data = json.loads(groupcalc("diff", "git:HEAD", "models", "--json").out)["diff"]
    assert {(model["name"], model["status"]) for model in data} == {
        ("models/fresh.onnx", "added"),
        ("models/net.onnx", "same"),
        ("models/other.onnx", "removed"),
    }
