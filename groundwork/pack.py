"""Import the policy pack's code under the name that it has in its own process.

The pack is a folder of its own, because Pulumi runs it alone: in a clone beside this package, in a wheel inside it. Nothing
else in that folder becomes importable. ``groundwork.preview`` and ``groundwork.cli`` import this module first.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

FOLDER = next(folder for folder in (_HERE / "policies", _HERE.parent / "policies") if (folder / "guardrails").is_dir())
"""What ``pulumi preview --policy-pack`` takes."""

sys.path.insert(0, str(FOLDER))
try:
    import guardrails
finally:
    sys.path.remove(str(FOLDER))

__all__ = ["FOLDER", "guardrails"]
