"""`python -m instrument` is `hearsee`."""

from .cli import main

if __name__ == "__main__":
    main()
