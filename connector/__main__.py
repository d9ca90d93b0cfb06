"""Entry point of the console script and of `python -m connector`.

All it does is left to `cli.app`.
"""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from connector.cli.app import main as run  # imported late: it brings in everything

    sys.exit(run())


if __name__ == "__main__":
    main()
