"""Headers that CloudFront adds to answers, for the browser's protection."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi_aws as aws
from pulumi_aws import cloudfront

from groundwork.components.base import Component
from groundwork.components.storage.settings import CorsSettings

_YEAR = 31_536_000
"""Seconds."""


def response_headers(
    parent: Component, key: str, cors: CorsSettings | None = None, *, cache_control: str | None = None
) -> aws.cloudfront.ResponseHeadersPolicy:
    """Create a response headers policy: security headers, and for a bucket with CORS its answer too, so that no
    origin's answer is cached for another. ``cache_control``: how long browsers keep an answer that does not say it itself.

    ``X-Content-Type-Options`` always holds; the rest gives way where a service sends its own.
    """
    return cloudfront.ResponseHeadersPolicy(
        f"{parent.name}-{key}",
        comment=f"{parent.context.platform.name} {parent.context.platform.stage}: {key}",
        security_headers_config=_SECURITY,
        remove_headers_config=cloudfront.ResponseHeadersPolicyRemoveHeadersConfigArgs(
            items=[cloudfront.ResponseHeadersPolicyRemoveHeadersConfigItemArgs(header="X-Powered-By")]
        ),
        custom_headers_config=None if cache_control is None else _headers({"Cache-Control": cache_control}),
        cors_config=None if cors is None else _cors(cors),
        opts=parent.child(),
    )


_SECURITY = cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs(
    content_type_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(override=True),
    frame_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
        frame_option="SAMEORIGIN", override=False
    ),
    referrer_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
        referrer_policy="strict-origin-when-cross-origin", override=False
    ),
    # Names below the domain that lead elsewhere may still speak HTTP; a year is what AWS's own policy says.
    strict_transport_security=cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
        access_control_max_age_sec=_YEAR, include_subdomains=False, preload=False, override=False
    ),
)


def _headers(values: Mapping[str, str]) -> cloudfront.ResponseHeadersPolicyCustomHeadersConfigArgs:
    return cloudfront.ResponseHeadersPolicyCustomHeadersConfigArgs(
        items=[
            cloudfront.ResponseHeadersPolicyCustomHeadersConfigItemArgs(header=header, value=value, override=False)
            for header, value in values.items()
        ]
    )


def _cors(cors: CorsSettings) -> cloudfront.ResponseHeadersPolicyCorsConfigArgs:
    return cloudfront.ResponseHeadersPolicyCorsConfigArgs(
        access_control_allow_credentials=False,
        access_control_allow_origins=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowOriginsArgs(
            items=sorted(cors.origins)
        ),
        # CloudFront only reads from buckets; uploads go to S3 itself, which has the bucket's own CORS rules.
        access_control_allow_methods=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowMethodsArgs(
            items=["GET", "HEAD"]
        ),
        access_control_allow_headers=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowHeadersArgs(
            items=list(cors.headers)
        ),
        access_control_max_age_sec=cors.max_age,
        origin_override=True,
    )
