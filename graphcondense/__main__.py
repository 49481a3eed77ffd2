"""``python -m graphcondense``."""

import sys

from graphcondense.cli import main

if __name__ == "__main__":
    sys.exit(main())
