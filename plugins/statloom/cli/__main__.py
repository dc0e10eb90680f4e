"""``python -m statloom.cli`` is the ``statloom`` command."""

import sys

from statloom.cli import main

sys.exit(main())
