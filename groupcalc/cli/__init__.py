"""The command line: parse words, call the boxes, write text; 0 fine, 1 over budget, 2 cannot say, 130 on Ctrl-C."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from groupcalc.cli.output import STDOUT, hush, write
from groupcalc.cli.screen import note
from groupcalc.cli.usage import Command, Commands, mistake
from groupcalc.errors import GroupcalcError

CANNOT_SAY, INTERRUPTED = 2, 130

COMMANDS = {
    "analyze": "What a network costs, layer by layer.",
    "bench": "What its layers take, and how far 1/G holds.",
    "check": "Whether models keep to their budgets: exit status 0, 1, 2.",
    "diff": "What changed between two models or revisions.",
    "explain": "The formulas of a layer, an operator, a figure, a network.",
    "export": "An architecture or a layer file as ONNX.",
    "init": "Write a configuration with today's figures as budgets.",
    "schema": "The JSON Schema of results, layer files, configuration.",
}
"""What --help says of each command: the function of that name, in the module of that name."""


def _app(words: Sequence[str]) -> typer.Typer:
    """The command that the first word names, for a run needs no other; all of them for help, or where it names none."""
    app = typer.Typer(
        name="groupcalc",
        cls=Commands,
        help="What a convolutional network costs, and what group convolution saves of it.",
        epilog="groupcalc COMMAND --help tells more, and shows examples.",
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,  # plain text: nothing to load, and the same in a pipe
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_groupcalc)
    for name in [words[0]] if words and words[0] in COMMANDS else COMMANDS:
        module = import_module(f"groupcalc.cli.{name}")
        app.command(name, cls=Command, epilog=module.EXAMPLES, short_help=COMMANDS[name])(getattr(module, name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from groupcalc import __version__

        write(f"groupcalc {__version__}\n", STDOUT)
        raise typer.Exit


def _groupcalc(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        write(context.get_help() + "\n", STDOUT)


def main() -> None:
    """The console script: run the command of sys.argv and exit with its status."""
    # One command, then the process ends: looking for cycles among a million live values would find none.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run one command; every error is one line on standard error, and its exit status is the answer."""
    try:
        return _app(words)(words, prog_name="groupcalc", standalone_mode=False) or 0
    except GroupcalcError as error:
        note(str(error))
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except _USAGE_ERROR as error:
        note(mistake(error, words))
    except SystemExit as leaving:
        # Typer leaves with 1 when the reader of its help has gone, which would read as "over budget".
        return 0 if leaving.code == 1 else int(leaving.code or 0)
    except OSError as error:  # Typer's help on a full disk
        hush()
        note(f"{error.filename or 'standard output'}: cannot be written: {error.strerror}")
    except Exception as error:  # an error of ours: Python's own exit status 1 would read as "over budget"
        note(f"internal error: {type(error).__name__}: {error} (please report it with the command)")
        if "-v" in words or "--verbose" in words:
            import traceback

            traceback.print_exc()
    return CANNOT_SAY


_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""What Typer raises for a wrong command line: the parent of its UsageError, which it does not export."""
