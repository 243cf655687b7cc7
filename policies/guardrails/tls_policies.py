"""What the security policies of load balancers admit, as AWS publishes it.

Elastic Load Balancing user guides, "Security policies for your Application Load Balancer" and "… Network Load Balancer"
(describe-ssl-policies.html), tables "Protocols by policy" and "Ciphers by policy" as of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

_PREFIX = "ELBSecurityPolicy-"
_BY_LOWEST_VERSION = {
    "1.3": """
        TLS13-1-3-2021-06 TLS13-1-3-PQ-2025-09 TLS13-1-3-FIPS-2023-04 TLS13-1-3-FIPS-PQ-2025-09 TLS13-1-3-RFC9151-FIPS-2023-07
    """,
    "1.2": """
        TLS13-1-2-2021-06 TLS13-1-2-PQ-2025-09 TLS13-1-2-Res-2021-06 TLS13-1-2-Res-PQ-2025-09
        TLS13-1-2-Ext1-2021-06 TLS13-1-2-Ext1-PQ-2025-09 TLS13-1-2-Ext2-2021-06 TLS13-1-2-Ext2-PQ-2025-09
        TLS13-1-2-FIPS-2023-04 TLS13-1-2-FIPS-PQ-2025-09 TLS13-1-2-Res-FIPS-2023-04 TLS13-1-2-Res-FIPS-PQ-2025-09
        TLS13-1-2-Ext0-FIPS-2023-04 TLS13-1-2-Ext0-FIPS-PQ-2025-09 TLS13-1-2-Ext1-FIPS-2023-04 TLS13-1-2-Ext1-FIPS-PQ-2025-09
        TLS13-1-2-Ext2-FIPS-2023-04 TLS13-1-2-Ext2-FIPS-PQ-2025-09 TLS13-1-2-RFC9151-FIPS-2023-07
        TLS13-1-2-Ext0-RFC9151-FIPS-2023-07
        TLS-1-2-2017-01 TLS-1-2-Ext-2018-06 FS-1-2-2019-08 FS-1-2-Res-2019-08 FS-1-2-Res-2020-10
    """,
    "1.1": "TLS13-1-1-2021-06 TLS13-1-1-FIPS-2023-04 TLS-1-1-2017-01 FS-1-1-2019-08",
    "1.0": """
        TLS13-1-0-2021-06 TLS13-1-0-PQ-2025-09 TLS13-1-0-FIPS-2023-04 TLS13-1-0-FIPS-PQ-2025-09
        2016-08 2015-05 FS-2018-06 TLS-1-0-2015-04
    """,
}
LOWEST_VERSION: Mapping[str, str] = {
    f"{_PREFIX}{name}": version for version, names in _BY_LOWEST_VERSION.items() for name in names.split()
}
"""The lowest version of TLS that each policy speaks."""
CURRENT_VERSIONS = ("1.2", "1.3")
UNSAID = f"{_PREFIX}2016-08"
"""The policy of a listener that names none and was not made in the console."""


def forward_secret(policy: str) -> bool:
    """Tell whether every cipher of a policy makes keys of its own for each connection (TLS 1.3, and ECDHE before
    it)."""
    name = policy.removeprefix(_PREFIX)
    extended = "-Ext1-" in name or "-Ext2-" in name
    return name.startswith(("TLS13-1-3-", "FS-")) or (name.startswith("TLS13-1-2-") and not extended)
