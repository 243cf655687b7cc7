#!/bin/bash
# Once, at first boot: packages, then everything that runs. An instance that cannot become well makes room for another.
set -Eeuo pipefail
trap 'sleep 600; systemctl poweroff' ERR

# shellcheck disable=SC2086 # names without spaces
for attempt in 1 2 3 4 5; do
  dnf --assumeyes --quiet install $PACKAGES && break
  ((attempt < 5)) || false
  sleep 15
done

mkdir -p /usr/local/lib/groundwork
aws ssm get-parameters-by-path --path "$PROGRAMS" --output json | python3 -c '
import json, pathlib, sys
for found in json.load(sys.stdin)["Parameters"]:
    pathlib.Path("/usr/local/lib/groundwork", found["Name"].rpartition("/")[2]).write_text(found["Value"])'

sysctl --quiet --system
systemd-tmpfiles --create /etc/tmpfiles.d/groundwork.conf
systemctl daemon-reload
systemctl enable --now docker dnf-automatic.timer
docker network inspect services >/dev/null 2>&1 || docker network create --subnet 100.64.1.0/24 services >/dev/null
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/etc/groundwork/agent.json
# shellcheck disable=SC2086 # names without spaces
systemctl enable --now --no-block $UNITS
