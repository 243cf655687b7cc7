#!/bin/bash
# A certificate for the names that CloudFront asks for, renewed when it nears its end; proved by DNS, so that no port opens.
set -euo pipefail
names=()
for name in $CERTIFICATE_NAMES; do
  names+=(-d "$name")
done
certbot certonly --quiet --non-interactive --agree-tos --register-unsafely-without-email --dns-route53 \
  --config-dir /data/certificates --work-dir /var/lib/letsencrypt --logs-dir /var/log/groundwork/certbot \
  --cert-name origin --keep-until-expiring --renew-with-new-domains \
  --deploy-hook 'systemctl try-reload-or-restart groundwork-proxy' "${names[@]}"
