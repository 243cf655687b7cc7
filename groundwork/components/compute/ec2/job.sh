# Runs a job to its end with another image.
[ -f /usr/local/lib/groundwork/job.py ] || { echo "groundwork: not here"; exit 0; }
set -a
. /etc/groundwork/environment
exec /usr/bin/python3 /usr/local/lib/groundwork/job.py '{{ job }}' '{{ image }}'
