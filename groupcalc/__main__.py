"""python -m groupcalc."""

from groupcalc.cli import main

if __name__ == "__main__":
    main()
