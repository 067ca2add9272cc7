"""`python -m dr_sim` is `dr-sim`."""

import sys

from dr_sim.cli import main

sys.exit(main())
