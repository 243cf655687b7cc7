# Starts a service anew with the image that its parameter names, and waits until it is well.
systemctl is-enabled --quiet groundwork@{{ service }} || { echo "groundwork: not here"; exit 0; }
systemctl restart groundwork@{{ service }} || exit 1
end=$(($(date +%s) + 300))
while [ "$(date +%s)" -lt "$end" ]; do
  # What restarts services that are unwell says what well means.
  /usr/bin/python3 -c 'import sys; sys.path.insert(0, "/usr/local/lib/groundwork"); import watch; sys.exit(not watch.is_well("{{ service }}"))' && exit 0
  sleep 3
done
journalctl --unit groundwork@{{ service }} --lines 20 --no-pager
docker logs --tail 20 {{ service }} 2>&1
exit 1
