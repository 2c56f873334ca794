"""What the frozen binary runs: `agent-sidecar` itself."""

import sys

from sidecar.cli import main

sys.exit(main())
