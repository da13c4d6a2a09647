"""`hearsee`, and `python -m instrument`."""

import sys


def main():
    """Run the command line. To load it takes a moment, in which Ctrl-C is an end like any other."""
    try:
        from .cli import main as run

        run()
    except KeyboardInterrupt:
        from .signals import BROKEN_OFF

        sys.exit(BROKEN_OFF)


if __name__ == "__main__":
    main()
