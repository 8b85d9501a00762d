"""``python -m coterie.cli``, for where the command itself is not on the path."""

import sys

from coterie.cli.command import main

sys.exit(main())
