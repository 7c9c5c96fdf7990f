"""Layer files, layer lines and flags that mean nothing: at the command each is one line, in place, and exit 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LINE = "Conv2d(4, 4, 1, bias=False) @ 5x5"
MACS = 4 * 4 * 25
"""Each of 4 outputs reads 4 channels at 5×5 places."""

BEYOND = "a number is beyond 2^63 (use a smaller one)"
DEEP = 100_000

CONV = 'op = "Conv2d"\nin_channels = 4\nout_channels = 4\nkernel_size = 1\ninput = [5, 5]\n'


def toml(more: str, table: str = CONV) -> str:
    return f"schema = 1\n[[layer]]\n{table}{more}\n"


TOML: dict[str, tuple[str, str]] = {
    "nothing": ("", ": there is no schema (put schema = 1 at the top)"),
    "a comment": ("# a net\n", ": there is no schema (put schema = 1 at the top)"),
    "a key twice": (toml("stride = 1\nstride = 2"), ":9: Cannot overwrite a value"),
    "a table twice": (
        "schema = 1\n[defaults]\nbatch = 1\n[defaults]\nbatch = 2\n",
        ":4: Cannot declare ('defaults',) twice",
    ),
    "a key within a value": ("schema = 1\nschema.x = 1\n", ":2: Cannot overwrite a value"),
    "not a number": (toml("groups = nan"), ":2: layer 1: groups=nan is not a whole number"),
    "infinity": (toml("stride = inf"), ":2: layer 1: stride=inf is not a whole number or a list of them"),
    "minus infinity": (toml("padding = -inf"), ":2: layer 1: padding=-inf is not a whole number, a list of them,"),
    "2^63": (toml(f"groups = {2**63}"), f":2: layer 1: groups={2**63} is not a whole number"),
    "2^63 − 1": (toml(f"groups = {2**63 - 1}"), f":2: layer 1: groups={2**63 - 1} does not divide in_channels=4"),
    "−2^63": (toml(f"groups = -{2**63}"), f":2: layer 1: groups=-{2**63} is not a whole number"),
    "ten thousand digits": (toml(f"groups = {'9' * 10_000}"), f": {BEYOND}"),
    "many hexadecimal digits": (
        toml(f"groups = 0x{'f' * 10_000}"),
        ":2: layer 1: groups=what it is given is not a whole",
    ),
    "a boolean for a number": (toml("groups = true"), ":2: layer 1: groups=True is not a whole number"),
    "a number for a boolean": (toml("bias = 1"), ":2: layer 1: bias=1 is not true or false"),
    "a text for a number": (toml('groups = "2"'), ":2: layer 1: groups='2' is not a whole number"),
    "a float for a number": (toml("groups = 2.0"), ":2: layer 1: groups=2.0 is not a whole number"),
    "a date for a number": (
        toml("groups = 2024-01-01"),
        ":2: layer 1: groups=datetime.date(2024, 1, 1) is not a whole",
    ),
    "a table for a number": (toml("groups = {a = 1}"), ":2: layer 1: groups={'a': 1} is not a whole number"),
    "a negative size": (
        CONV and toml("", CONV.replace("[5, 5]", "[-5, 5]")),
        ":2: layer 1: input=-5 is not a positive",
    ),
    "a size of 2^63": (
        toml("", CONV.replace("[5, 5]", f"[{2**63}, 5]")),
        f":2: layer 1: input={2**63} is not a positive",
    ),
    "more than 2^63 elements": (toml("", CONV.replace("[5, 5]", f"[{2**62}, 5]")), "has 2^63 elements or more"),
    "a misspelt key": (toml("strid = 1"), ":2: layer 1: Conv2d has no argument 'strid' (did you mean 'stride'?)"),
    "a misspelt op": (
        toml("", CONV.replace("Conv2d", "Covn2d")),
        ":2: layer 1: unknown layer 'Covn2d' (did you mean 'Conv2d'?)",
    ),
    "a misspelt table": ("schema = 1\n[[layr]]\n", ": the file has no key 'layr' (did you mean 'layer'?)"),
    "a misspelt default": (
        "schema = 1\nlayers = []\ndefaults.dtyp = 'float16'\n",
        ": [defaults] has no key 'dtyp' (did you mean 'dtype'?)",
    ),
    "another schema": ("schema = 2\n", ": schema=2 is not known"),
    "lists of lists": (f"schema = 1\nx = {'[' * DEEP}", ": it is nested too deeply"),
    "tables of tables": (f"schema = 1\nx = {'{a=' * DEEP}", ": it is nested too deeply"),
    "an open text": ('schema = 1\nx = "a\n', ":2: "),
    "a control character": ("schema = 1\nx = 'a\x1bb'\n", ":2: "),
    "NUL": ("schema = 1\n\x00", ":2: "),
    "a key of ten thousand parts": (
        f"schema = 1\n{'a.' * 10_000}a = 1\n",
        ":2: key 'a.a.a.a.a.a.a.a.a.a.a' has more than 10 parts",
    ),
    "a name with an escape": (
        toml('name = "\\u001b[31m"\ngroups = 3'),
        ":2: layer '\\x1b[31m': groups=3 does not divide",
    ),
}

JSON: dict[str, tuple[str, str]] = {
    "nothing": ("", ":1: Expecting value"),
    "a key twice": (
        '{"schema": 1, "layers": ["ReLU() @ 4"], "layers": []}',
        ": key 'layers' is given twice (give it once)",
    ),
    "a key twice in a layer": ('{"schema": 1, "layer": [{"op": "ReLU", "op": "Add"}]}', ": key 'op' is given twice"),
    "not a number": (
        '{"schema": 1, "layer": [{"op": "ELU", "alpha": NaN, "input": [4]}]}',
        ":1: layer 1: alpha=nan is not a number",
    ),
    "infinity": (
        '{"schema": 1, "layer": [{"op": "ELU", "alpha": -Infinity, "input": [4]}]}',
        ":1: layer 1: alpha=-inf is not a",
    ),
    "1e999": (
        '{"schema": 1, "layer": [{"op": "ELU", "alpha": 1e999, "input": [4]}]}',
        ":1: layer 1: alpha=inf is not a number",
    ),
    "ten thousand digits": (f'{{"schema": {"9" * 10_000}}}', f": {BEYOND}"),
    "a boolean for the schema": ('{"schema": true}', ": schema=True is not known"),
    "a boolean for a number": (
        '{"schema": 1, "layer": [{"op": "ReLU", "input": [true]}]}',
        ":1: layer 1: input=[True] is no input",
    ),
    "null": ("null", ": this is no table"),
    "lists of lists": ('{"schema": 1, "x": ' + "[" * DEEP, ": it is nested too deeply"),
    "tables of tables": ('{"schema": 1, "x": ' + '{"a":' * DEEP, ": it is nested too deeply"),
    "a comma too many": ('{"schema": 1,\n "layers": [],}', ":2: "),
    "half a character": ('{"schema": 1, "layers": ["\\ud800 = ReLU() @ 4", 1]}', ": layer 2: 1 is no text"),
    "two documents": ('{"schema": 1} {"schema": 1}', ":1: Extra data"),
}

LINES: dict[str, tuple[str, str]] = {
    "nothing": ("", ": the file has 0 layers (write 1 to 100,000)"),
    "a typo": (f"{LINE}\nLinera(100, 10)\n", ":2: unknown layer 'Linera' (did you mean 'Linear'?)"),
    "a misspelt argument": (LINE.replace("bias", "bais"), ":1: Conv2d has no argument 'bais' (did you mean 'bias'?)"),
    "an argument twice": (
        LINE.replace("bias=False", "bias=False, bias=False"),
        ":1: Conv2d is given bias twice (give it once)",
    ),
    "infinity": (LINE.replace("bias=False", "groups=1e999"), f":1: {BEYOND}"),
    "not a number": (LINE.replace("bias=False", "groups=nan"), ":1: 'nan' is not a plain value"),
    "2^63": (LINE.replace("bias=False", f"groups={2**63}"), f":1: {BEYOND}"),
    "a boolean": (
        LINE.replace("1, bias=False", "True"),
        ":1: kernel_size=True is not a whole number or a list of them",
    ),
    "a separator within a size": (LINE.replace("5x5", "5\x1ex5"), ""),
    "digits of another script": (LINE.replace("5x5", "٥x٥"), ":1: @ '٥x٥' is not a size"),
    "brackets": ("Conv2d(" + "(" * 4000, ":1: cannot read "),
    "a long line": ("x" * 5000, ":1: the line has 5,000 characters (use at most 4,096)"),
    "an import": ("__import__('os').system('touch here')", ":1: "),
    "a comprehension": ("ReLU([x for x in ()]) @ 4", ":1: '[x for x in ()]' is not a plain value"),
    "a NUL": ("Re\x00LU() @ 4", ":1: "),
}


@pytest.mark.parametrize(
    ("suffix", "text", "told"),
    [(suffix, *case) for suffix, cases in (("toml", TOML), ("json", JSON), ("txt", LINES)) for case in cases.values()],
    ids=[f"{suffix}: {name}" for suffix, cases in (("toml", TOML), ("json", JSON), ("txt", LINES)) for name in cases],
)
def test_a_layer_file_that_means_nothing_is_one_line(
    groupcalc: Callable[..., Any], here: Path, suffix: str, text: str, told: str
) -> None:
    path = Path(f"net.{suffix}")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = groupcalc("analyze", path.name)
    if not told:  # read, or refused: either will do
        assert found.code in (0, 2)
        assert b"internal error" not in found.err
        return
    line = found.refusal
    assert line.startswith(path.name)
    assert told in line
    assert len(line) < 500
    assert [each.name for each in here.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["toml", "json", "txt"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_other_systems_are_read(
    groupcalc: Callable[..., Any], here: Path, suffix: str, ends: str, mark: str
) -> None:
    texts = {
        "toml": f'schema = 1\nlayers = [\n"{LINE}",\n]\n',
        "json": json.dumps({"schema": 1, "layers": [LINE]}, indent=1),
    }
    text = texts.get(suffix, f"# a net\n\n{LINE}\n")
    Path(f"net.{suffix}").write_bytes((mark + text.replace("\n", ends)).encode())
    found = groupcalc("analyze", f"net.{suffix}", "--json")
    assert (found.code, found.err) == (0, b"")
    assert json.loads(found.out)["models"][0]["totals"]["macs"] == MACS


@pytest.mark.parametrize("suffix", ["toml", "json", "txt"])
@pytest.mark.parametrize("data", [b"\xff\xfes\x00c\x00", b"schema = \xff", b"\xed\xa0\x80"])
def test_what_is_no_utf_8_says_so(groupcalc: Callable[..., Any], here: Path, suffix: str, data: bytes) -> None:
    Path(f"net.{suffix}").write_bytes(data)
    assert groupcalc("analyze", f"net.{suffix}").refusal == f"net.{suffix}: is not UTF-8 text (save it as UTF-8)"


FLAGS = [
    (("--dim", "n=nan"), "--dim: 'n=nan' is not a dimension (write batch=1)"),
    (("--dim", "n=inf"), "--dim: 'n=inf' is not a dimension"),
    (("--dim", "n=true"), "--dim: 'n=true' is not a dimension"),
    (("--dim", "n=-1"), "--dim: 'n=-1' is not a dimension"),
    (("--dim", "n=1.0"), "--dim: 'n=1.0' is not a dimension"),
    (("--dim", f"n={2**63}"), f"--dim: 'n={2**63}' is not a dimension"),
    (("--dim", "n=" + "9" * 5000), "--dim: 'n=999"),
    (("--dim", "n=٥"), "--dim: 'n=٥' is not a dimension"),
    (("--dim", ""), "--dim: '' is not a dimension"),
    (("--dim", "n=1,n=2"), "--dim: 'n' is given twice, with different values (give it once)"),
    (("--dim", "n=1", "--dim", "n=2"), "--dim: 'n' is given twice, with different values (give it once)"),
    (("--dim", "bathc=1"), "--dim: no model has dimension 'bathc' (there is: none)"),
    (("--shape", "x=1x-3"), "--shape: 'x=1x-3' is not a shape (write x=1x3x224x224)"),
    (("--shape", "x=nanx3"), "--shape: 'x=nanx3' is not a shape"),
    (("--shape", f"x={2**63}x1"), f"--shape: 'x={2**63}x1' is not a shape"),
    (("--shape", "x=" + "x".join(["1"] * 65)), "--shape: 'x=1x1"),
    (("--shape", "x=1x3,x=1x4"), "--shape: 'x' is given twice, with different values (give it once)"),
    (("--shape", "a=" * 50_000), "--shape: 'a=a="),
    (("--dim", "a," * 50_000), "--dim: 'a,a,"),
    (("--groups", "0"), "--groups: '0' is not a group count (write 1,2,4,32)"),
    (("--groups", "-1"), "--groups: '-1' is not a group count"),
    (("--groups", "nan"), "--groups: 'nan' is not a group count"),
    (("--groups", "true"), "--groups: 'true' is not a group count"),
    (("--groups", "9" * 5000), "--groups: '999"),
    (("--top", "nan"), "--top: 'nan' is not a whole number from 0 up"),
    (("--top", str(2**63)), f"--top: '{2**63}' is not a whole number from 0 up"),
    (("--top", "9" * 5000), "--top: '999"),
    (("--jobs", "inf"), "--jobs: 'inf' is not a whole number from 0 up"),
    (("--sort", "mac"), "--sort: there is no column 'mac' (did you mean 'macs'?)"),
    (("--columns", "param"), "--columns: there is no column 'param' (did you mean 'params'?)"),
    (("--columns", ""), "--columns: "),
    (("-o", "jsn"), "--output: 'jsn' is no format of this command (did you mean 'json'?)"),
    (("--by", "ops"), "--by: 'ops' is none of its values (did you mean 'op'?)"),
    (("--layr", "x"), "--layr: there is no such option (did you mean '--layer'?)"),
]


@pytest.mark.parametrize(("words", "told"), FLAGS, ids=[" ".join(words)[:40] for words, _ in FLAGS])
def test_a_flag_that_means_nothing_is_one_line(
    groupcalc: Callable[..., Any], here: Path, words: tuple[str, ...], told: str
) -> None:
    assert groupcalc("analyze", LINE, *words).refusal.startswith(told)


def test_a_layer_line_runs_nothing(groupcalc: Callable[..., Any], here: Path) -> None:
    for call in (
        "__import__('os').system('touch x')",
        "open('x', 'w')",
        "Conv2d(open('x', 'w'), 1, 1)",
        "f'{open(1)}'()",
    ):
        assert groupcalc("analyze", f"{call} @ 4x4").code == 2
    assert list(here.iterdir()) == []
