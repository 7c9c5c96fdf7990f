"""The command line: parse words, call the boxes, write text; 0 fine, 1 over budget, 2 cannot say, 130 on Ctrl-C."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from groupcalc.cli.analyze import analyze
from groupcalc.cli.screen import note
from groupcalc.errors import GroupcalcError
from groupcalc.units import show_name

CANNOT_SAY, INTERRUPTED = 2, 130

app = typer.Typer(
    name="groupcalc",
    help="What a convolutional network costs, and what group convolution saves of it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(analyze)


def _version(wanted: bool) -> None:
    if wanted:
        from groupcalc import __version__

        typer.echo(f"groupcalc {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _groupcalc(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


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
    except typer.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`); closing keeps Python from complaining when it flushes at exit.
        sys.stderr.close()
        return 0
    except _USAGE_ERROR as error:
        note(_one_line(getattr(error, "format_message", error.__str__)()))
    except Exception as error:  # an error of ours: Python's own exit status 1 would read as "over budget"
        note(f"internal error: {type(error).__name__}: {_one_line(str(error))} (please report it with the command)")
        if "-v" in words or "--verbose" in words:
            import traceback

            traceback.print_exc()
    return CANNOT_SAY


_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""What Typer raises for a wrong command line: the parent of its UsageError, which it does not export."""


def _one_line(text: str) -> str:
    return show_name(" ".join(text.split()))
