"""CloudFront policies that AWS maintains; their ids are the same in every account."""

from __future__ import annotations

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""A day where the origin says nothing; neither headers, cookies nor the query make a difference."""

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""Everything that the viewer sent goes to the origin, Host among it."""

ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""The same with Host as the origin's own name, for origins that know no other."""

ALIAS_ZONE = "Z2FDTNDATAQYW2"
"""The hosted zone that alias records to any distribution name.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html
"""
