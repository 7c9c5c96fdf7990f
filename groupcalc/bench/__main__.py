"""python -m groupcalc.bench: the same as `groupcalc bench`."""

import sys

from groupcalc.cli import run

if __name__ == "__main__":
    sys.exit(run(["bench", *sys.argv[1:]]))
