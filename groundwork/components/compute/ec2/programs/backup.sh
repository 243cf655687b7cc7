#!/bin/bash
# A fresh snapshot of the cache, and its copy in S3.
set -euo pipefail
ask() { docker exec cache "$CACHE_CLIENT" "$@"; }

before=$(ask lastsave)
ask bgsave > /dev/null
after=$before
for _ in {1..120}; do
  after=$(ask lastsave)
  [[ $after != "$before" ]] && break
  sleep "${PAUSE:-5}"
done
[[ $after != "$before" ]]
day=$(date -u +%F)
aws s3 cp --only-show-errors /data/cache/dump.rdb "s3://$BACKUPS/cache/$day.rdb"
aws cloudwatch put-metric-data --namespace "$NAMESPACE" --metric-name CacheCopied --value 1 --dimensions "Group=$GROUP"
