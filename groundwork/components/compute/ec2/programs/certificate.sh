#!/bin/bash
# A certificate for the names that CloudFront asks for, renewed when it nears its end; proved by DNS, so that no port opens.
set -euo pipefail
names=()
for name in $CERTIFICATE_NAMES; do
  names+=(-d "$name")
done
certificates=${CERTIFICATES:-/data/certificates}
# Five failed proofs of a name in an hour close it for that hour, and more than a thousand in a row for good:
# https://letsencrypt.org/docs/rate-limits/
pause=900
until certbot certonly --quiet --non-interactive --agree-tos --register-unsafely-without-email --dns-route53 \
  --config-dir "$certificates" --work-dir /var/lib/letsencrypt --logs-dir /var/log/groundwork/certbot \
  --cert-name origin --keep-until-expiring --renew-with-new-domains \
  --deploy-hook 'systemctl try-reload-or-restart groundwork-proxy' "${names[@]}"; do
  # The certificate that is there serves on; tomorrow's timer tries again.
  [[ ! -e $certificates/live/origin/fullchain.pem ]] || break
  sleep "$pause"
  ((pause = pause < 21600 ? pause * 2 : pause))
done
