#!/bin/bash
# The value by which this platform's CloudFront is known, for the proxy alone, in memory alone.
set -euo pipefail
umask 077
value=$(aws secretsmanager get-secret-value --secret-id "$ORIGIN_SECRET" --query SecretString --output text)
printf '"%s" 1;\n' "$value" > /run/groundwork/origin.conf
