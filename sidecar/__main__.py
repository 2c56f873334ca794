"""`python -m sidecar` is `agent-sidecar`."""

import sys

from sidecar.cli import main

sys.exit(main())
