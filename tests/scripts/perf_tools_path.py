"""Where the tools behind scripts/perf are found: importing this makes them importable."""

import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "scripts/perf_tools"
sys.path.insert(0, str(TOOLS))
