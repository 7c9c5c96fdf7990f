"""The command line as Typer reads it, in our words: help that fits 80 columns, mistakes as `place: fact (way out)`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

from groupcalc.cli.options import RUN
from groupcalc.errors import UsageError
from groupcalc.sources.targets import names_input
from groupcalc.units import show_name


class Command(TyperCommand):
    """A command whose help lists its options by panel, as plain text."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`BASE` for an argument that has to be given, where Typer writes `{BASE}`."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments, then each panel under its heading."""
        _format_panels(self, ctx, formatter, rest=RUN)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples as they are written: commands do not wrap."""
        formatter.write_paragraph()
        formatter.write(self.epilog or "")


class Commands(TyperGroup):
    """The command that holds the others."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The commands, then the few options of its own."""
        self.format_commands(ctx, formatter)
        _format_panels(self, ctx, formatter, rest="Options")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word. Who forgets it is told the whole line."""
        word = args[0]
        if ctx.resilient_parsing or word in self.commands or word.startswith("-"):
            return super().resolve_command(ctx, args)
        close = get_close_matches(word, self.commands, n=1)
        if close:
            way_out = f"did you mean '{close[0]}'?"
        elif names_input(word):
            way_out = f"write groupcalc analyze {show_name(shlex.quote(word))}"
        else:
            way_out = f"use {', '.join(name for name, command in self.commands.items() if not command.hidden)}"
        raise UsageError(f"there is no command '{show_name(word)}'", way_out, "groupcalc")


def _format_panels(command: Any, ctx: Any, formatter: Any, rest: str) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        if parameter.param_type_name == "argument":
            panel, name = "Arguments", parameter.metavar
        else:
            panel, name = getattr(parameter, "rich_help_panel", None) or rest, _name(parameter)
        panels.setdefault(panel, []).append((name, parameter.help or ""))
    for panel, rows in panels.items():
        with formatter.section(panel):
            formatter.write_dl(rows)


def _name(option: Any) -> str:
    """`-o, --output FORMAT[:PATH]`."""
    names = ", ".join(sorted(option.opts, key=len))
    names = " / ".join((names, *option.secondary_opts))
    return names if option.is_flag or not option.metavar else f"{names} {option.metavar}"


def mistake(error: Any, words: list[str]) -> str:
    """What Typer says of a wrong command line, as `place: fact (way out)`."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "groupcalc"
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    if hasattr(error, "possibilities"):
        way_out = _option_meant(context, option, words) or f"{command} --help lists them"
        return f"{option}: there is no such option ({way_out})"
    if option is not None:
        fact = error.format_message().removeprefix(f"Option {option!r} ").rstrip(".")
        return f"{option}: {fact} (--help tells how)"
    if parameter is None:
        return f"{command}: {error.format_message()}"
    place = _place(parameter, context)
    if context and not error.message:  # Typer's word for an argument that is not there
        usage = " ".join([command, *(argument.metavar for argument in _required(context.command))])
        return f"{command}: {place} is missing (write {usage})"
    if getattr(parameter, "is_flag", False):
        return f"{place}: '{os.environ.get(place, '')}' is neither true nor false (write 1 or 0)"
    return f"{place}: {error.message}"


def _place(parameter: Any, context: Any) -> str:
    """The flag as people know it, or the variable of the environment that the value came from."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    source = context and context.get_parameter_source(parameter.name)
    return str(parameter.envvar if source and source.name == "ENVIRONMENT" else max(parameter.opts, key=len))


def _required(command: Any) -> Iterator[Any]:
    yield from (each for each in command.params if each.param_type_name == "argument" and each.required)


def _option_meant(context: Any, option: Any, words: list[str]) -> str:
    """What may have been meant by an option that does not exist."""
    close = get_close_matches(option, _options(context.command), n=1, cutoff=0.7)
    if close:
        return f"did you mean '{close[0]}'?"
    for name, command in getattr(context.command, "commands", {}).items():
        if option in _options(command):
            return f"write it after the command: groupcalc {name} {option}"
    path = next((word for word in words if word.startswith(option) and os.path.lexists(word)), "")
    return f"for the file write {show_name(shlex.quote(f'./{path}'))}" if path else ""


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield from (*parameter.opts, *parameter.secondary_opts)
