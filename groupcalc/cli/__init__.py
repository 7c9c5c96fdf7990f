"""The command line: parse words, call the boxes, write text; 0 fine, 1 over budget, 2 cannot say, 130 on Ctrl-C."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from groupcalc.cli.analyze import EXAMPLES, analyze
from groupcalc.cli.bench import EXAMPLES as BENCH_EXAMPLES
from groupcalc.cli.bench import bench
from groupcalc.cli.check import EXAMPLES as CHECKS
from groupcalc.cli.check import check
from groupcalc.cli.diff import EXAMPLES as DIFFS
from groupcalc.cli.diff import diff
from groupcalc.cli.explain import EXAMPLES as ASKED
from groupcalc.cli.explain import explain
from groupcalc.cli.export import EXAMPLES as EXPORT_EXAMPLES
from groupcalc.cli.export import export
from groupcalc.cli.init import EXAMPLES as INITS
from groupcalc.cli.init import init
from groupcalc.cli.output import STDOUT, hush, write
from groupcalc.cli.schema import EXAMPLES as SCHEMAS
from groupcalc.cli.schema import schema
from groupcalc.cli.screen import note
from groupcalc.cli.usage import Command, Commands, mistake
from groupcalc.errors import GroupcalcError

CANNOT_SAY, INTERRUPTED = 2, 130

app = typer.Typer(
    name="groupcalc",
    cls=Commands,
    help="What a convolutional network costs, and what group convolution saves of it.",
    epilog="groupcalc COMMAND --help tells more, and shows examples.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain text: nothing to load, and the same in a pipe
    pretty_exceptions_enable=False,
)
app.command(cls=Command, epilog=EXAMPLES, short_help="What a network costs, layer by layer.")(analyze)
app.command(cls=Command, epilog=BENCH_EXAMPLES, short_help="What its layers take, and how far 1/G holds.")(bench)
app.command(cls=Command, epilog=CHECKS, short_help="Whether models keep to their budgets: exit status 0, 1, 2.")(check)
app.command(cls=Command, epilog=DIFFS, short_help="What changed between two models or revisions.")(diff)
app.command(cls=Command, epilog=ASKED, short_help="The formulas of a layer, an operator, a figure, a network.")(explain)
app.command(cls=Command, epilog=EXPORT_EXAMPLES, short_help="An architecture or a layer file as ONNX.")(export)
app.command(cls=Command, epilog=INITS, short_help="Write a configuration with today's figures as budgets.")(init)
app.command(cls=Command, epilog=SCHEMAS, short_help="The JSON Schema of results, layer files, configuration.")(schema)


def _version(wanted: bool) -> None:
    if wanted:
        from groupcalc import __version__

        write(f"groupcalc {__version__}\n", STDOUT)
        raise typer.Exit


@app.callback(invoke_without_command=True)
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
        return app(words, prog_name="groupcalc", standalone_mode=False) or 0
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
