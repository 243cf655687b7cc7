#!/bin/bash
# Attach the data volume as soon as the instance before has let it go, make a file system if there is none, mount it.
set -euo pipefail
device=/dev/sdf
instance=$(< /var/lib/cloud/data/instance-id)

until [[ -b $device ]]; do
  aws ec2 attach-volume --volume-id "$VOLUME" --instance-id "$instance" --device "$device" || true
  sleep 5
done
udevadm settle

kind=0
blkid --probe "$device" || kind=$?
case $kind in
  0) ;;
  2) mkfs.xfs -q -L data "$device" ;; # nothing is on it
  *) exit "$kind" ;;
esac

mkdir -p /data
mountpoint --quiet /data || mount -o nodev,nosuid,noexec LABEL=data /data
xfs_growfs /data >/dev/null
