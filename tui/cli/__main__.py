"""Makes `python -m tui.cli` the same as `k8sagent`."""

import sys

from tui.cli.main import main

sys.exit(main())
