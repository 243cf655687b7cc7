"""The plugin that Pulumi starts: ``groundwork.provider.host`` of the clone that this folder is in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from groundwork.provider.host import main

main()
