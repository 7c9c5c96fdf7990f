"""One run, many formats, each read by a reader that is not ours; and what a CI server gets without being asked."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from groupcalc.costs.schema import RESULT
from groupcalc.report.document import Finding, Report, Share
from groupcalc.report.render import renderer
from groupcalc.report.render.github import github
from groupcalc.report.render.gitlab import gitlab
from groupcalc.report.render.junit import junit
from groupcalc.report.render.sarif import sarif
from groupcalc.units import show_name

CONFIG = """
models = ["*.txt"]

[[budgets]]
model = "net.txt"
limits = ["macs <= 40M", "params <= 30k", "macs <= +1G"]
message = "Ask, before: raising, this 100%."

[[budgets]]
model = "net.txt"
limits = ["params <= 1k"]
level = "warn"

[[budgets]]
model = "gone.txt"
limits = ["macs <= 1"]
"""

GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!\\./)"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}
"""What GitLab's documentation requires of a code quality report."""

COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:]*)(?:,\w+=[^,:]*)*)::(.*)")


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as the runner reads them: kind, properties, message."""

    def plain(value: str) -> str:
        for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            value = value.replace(code, character)
        return value

    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        assert match, line
        properties = dict(word.split("=", 1) for word in match[2].split(","))
        found.append((match[1], {key: plain(value) for key, value in properties.items()}, plain(match[3])))
    return found


@pytest.fixture
def run(here: Path, net: str, groupcalc: Callable[..., Any]) -> Callable[..., Any]:
    """`check` of a small network with a configuration of every outcome."""
    Path("groupcalc.toml").write_text(CONFIG)
    Path("net.txt").write_text("\n".join(Path(net).read_text().split("'")[1::2]) + "\n")
    return lambda *words: groupcalc("check", *words)


def test_all_formats_in_one_run_each_read_by_a_reader_of_its_own(run: Callable[..., Any]) -> None:
    code, out, err = run("-o", "github", "-o", "junit:a.xml", "-o", "sarif:b.json", "-o", "gitlab:c.json", "-o",
                         "json:d.json", "-o", "markdown:e.md", "-o", "csv:f.csv", "-o", "html:g.html")  # fmt: skip
    assert (code, err) == (2, "")  # "macs <= +1G" has no base: it cannot be said

    kinds = [(kind, properties["title"], properties.get("line")) for kind, properties, _ in commands(out)]
    assert kinds == [
        ("error", "groupcalc GC002", "6"),
        ("error", "groupcalc GC001", "6"),
        ("error", "groupcalc GC004", "16"),
        ("warning", "groupcalc GC001", "11"),
    ]
    [over] = [message for _, _, message in commands(out) if "macs <= 40M" in message]
    assert over == "net.txt: macs <= 40M: 43.35 MMACs, 3.352 MMACs over; Ask, before: raising, this 100%."

    suites = JUnitXml.fromfile("a.xml")
    assert (suites.tests, suites.failures, suites.errors, suites.skipped) == (5, 2, 1, 0)
    outcomes = {case.name: [type(result) for result in case.result] for suite in suites for case in suite}
    assert outcomes == {
        "macs <= 40M": [Failure], "params <= 30k": [], "macs <= +1G": [Error], "params <= 1k": [],
        "macs <= 1": [Failure],
    }  # fmt: skip

    log = Sarif.model_validate_json(Path("b.json").read_text())
    [made] = log.runs
    assert [(result.ruleId, result.level.value) for result in made.results] == [
        ("GC001", "error"), ("GC002", "error"), ("GC001", "warning"), ("GC004", "error"),
    ]  # fmt: skip
    assert {rule.id for rule in made.tool.driver.rules} == {"GC001", "GC002", "GC003", "GC004", "GC005"}
    [place] = made.results[0].locations
    assert place.physicalLocation.artifactLocation.uri == "groupcalc.toml"
    assert place.physicalLocation.region.startLine == 6

    quality = json.loads(Path("c.json").read_text())
    Draft202012Validator(GITLAB).validate(quality)
    assert [entry["severity"] for entry in quality] == ["major", "blocker", "minor", "major"]
    assert len({entry["fingerprint"] for entry in quality}) == 4

    saved = json.loads(Path("d.json").read_text())
    Draft202012Validator(RESULT).validate(saved)
    assert [check["status"] for check in saved["checks"]] == ["fail", "pass", "unknown", "warn", "fail"]

    assert "FAIL" in Path("e.md").read_text()
    assert len(Path("f.csv").read_text().splitlines()) == 1 + 5
    assert "Ask, before: raising" in Path("g.html").read_text()


def test_fingerprints_stay_when_lines_and_figures_move(run: Callable[..., Any]) -> None:
    def prints() -> list[list[str]]:
        run("-o", "gitlab:c.json", "-o", "sarif:b.json")
        results = json.loads(Path("b.json").read_text())["runs"][0]["results"]
        return [
            [entry["fingerprint"] for entry in json.loads(Path("c.json").read_text())],
            [result["partialFingerprints"]["groupcalc/v1"] for result in results],
        ]

    before = prints()
    Path("groupcalc.toml").write_text("# one more line\n" + CONFIG)
    Path("net.txt").write_text(Path("net.txt").read_text().replace("groups=16", "groups=8"))
    assert prints() == before


def test_in_actions_annotations_go_to_standard_error_and_the_summary_is_written(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("what another step wrote\n")
    code, out, err = run("-o", "json")
    assert code == 2
    Draft202012Validator(RESULT).validate(json.loads(out))  # clean
    assert [kind for kind, _, _ in commands(err)] == ["error", "error", "error", "warning"]
    summary = Path("summary.md").read_text()
    assert summary.startswith("what another step wrote\n")
    assert "### groupcalc check" in summary
    assert "| FAIL | net.txt | macs &lt;= 40M |" in summary
    assert run("-o", "github").err == ""  # asked for: they are on standard output already


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_paths_are_those_of_the_checkout(
    run: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(here.parent))
    run("-o", "github", "-o", "sarif:b.json", "-o", "gitlab:c.json", "-o", "json:d.json")
    inside = f"{here.name}/groupcalc.toml"
    assert {entry["location"]["path"] for entry in json.loads(Path("c.json").read_text())} == {inside}
    [made] = Sarif.model_validate_json(Path("b.json").read_text()).runs
    assert made.results[0].locations[0].physicalLocation.artifactLocation.uri == inside
    assert json.loads(Path("d.json").read_text())["checks"][0]["location"]["path"] == "groupcalc.toml"
    monkeypatch.setenv(variable, str(here / "elsewhere"))
    assert {properties["file"] for _, properties, _ in commands(run("-o", "github").out)} == {"groupcalc.toml"}


def test_outside_of_actions_nothing_is_announced(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert run().err == ""
    assert not Path("summary.md").exists()


def test_a_summary_that_cannot_be_written_is_a_note(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/such/folder.md")
    Path("empty.toml").write_text("")
    found = run("net.txt", "--budget", "macs >= 1", "-c", "empty.toml")
    assert found.code == 0
    assert found.err == "no/such/folder.md: the summary of this step cannot be written: No such file or directory\n"


def test_an_input_that_cannot_be_read_is_in_every_format(run: Callable[..., Any]) -> None:
    Path("bad.txt").write_text("Conv3d(")
    code, out, err = run("-o", "github", "-o", "junit:a.xml", "-o", "sarif:b.json", "-o", "gitlab:c.json")
    assert code == 2
    assert err.startswith("bad.txt:1: ")
    kind, properties, message = commands(out)[0]
    assert (kind, properties["file"]) == ("error", "bad.txt")
    assert message in err
    assert JUnitXml.fromfile("a.xml").errors == 2
    [made] = Sarif.model_validate_json(Path("b.json").read_text()).runs
    assert made.invocations[0].executionSuccessful is False
    assert made.invocations[0].toolExecutionNotifications[0].message.text in err
    assert "unreadable" in {entry["check_name"] for entry in json.loads(Path("c.json").read_text())}


@pytest.mark.parametrize("name", ["github", "gitlab", "junit", "sarif"])
@pytest.mark.parametrize("command", [("analyze", "net.txt"), ("diff", "net.txt", "net.txt")])
def test_formats_of_findings_are_those_of_check_alone(
    run: Callable[..., Any], groupcalc: Callable[..., Any], command: tuple[str, ...], name: str
) -> None:
    found = groupcalc(*command, "-o", name)
    assert (found.code, found.out) == (2, "")
    assert found.err == (f"--output: '{name}' is no format of this command (use table, json, csv, markdown, html)\n")


def finding(text: str, status: str = "fail", rule: str = "GC001", excess: Share | None = None) -> Finding:
    return Finding(
        status=status, rule=rule, model=text, name=text, message=text, path=text, line=3, key=text, excess=excess
    )


def test_at_most_ten_annotations_of_a_kind_the_worst_first() -> None:
    findings = [finding(f"m{i}", excess=Share(i, 100)) for i in range(25)]
    findings += [finding(f"w{i}", status="warn") for i in range(12)]
    findings += [finding("cannot be said", status="unknown", rule="GC005")]
    found = commands(github(Report(findings=tuple(findings))))
    messages = [message for kind, _, message in found if kind == "error"]
    assert messages == ["cannot be said", *(f"m{i}" for i in range(24, 15, -1))]
    assert sum(kind == "warning" for kind, _, _ in found) == 10


@example(["100%0A::error::x", "%25", "a::b,c=d"], "fail")
@given(
    st.lists(st.text(max_size=30), max_size=4), st.sampled_from(["pass", "fail", "warn", "unknown", "skipped", "error"])
)
def test_any_text_stays_inert_and_every_format_well_formed(texts: list[str], status: str) -> None:
    rule = "" if status == "error" else "GC001"
    report = Report(findings=tuple(finding(text, status, rule) for text in texts))
    said = [message for _, _, message in commands(github(report))]
    assert said == (list(map(show_name, texts)) if status in ("fail", "warn", "unknown", "error") else [])
    Sarif.model_validate_json(sarif(report))
    Draft202012Validator({**GITLAB, "items": {"type": "object"}}).validate(json.loads(gitlab(report)))
    root = ElementTree.fromstring(junit(report).encode())
    assert int(root.attrib["tests"]) == len(texts)
    for name in ("github", "gitlab", "junit", "sarif"):
        text = renderer(name)(report)
        assert all(line.isprintable() for line in text.split("\n"))
        if name != "github":
            assert not any(line.startswith("::") for line in text.splitlines())
            assert "##[" not in text
