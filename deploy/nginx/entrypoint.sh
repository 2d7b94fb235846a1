#!/bin/sh
# Run by the nginx image's entrypoint before nginx: makes the run folder that docker-compose.yml starts nginx in.
# The same layout as scripts/up makes natively; the logs are the container's.
set -eu

run=/run/holdline
mounted=/etc/holdline

# Replicas by the names that Compose gives their containers: NAME-1, NAME-2 and so on.
if [ -n "${HOLDLINE_REPLICA_NAME:-}" ]; then
  HOLDLINE_ROOM_BACKENDS=
  number=1
  while [ "$number" -le "${HOLDLINE_REPLICAS:-1}" ]; do
    HOLDLINE_ROOM_BACKENDS="$HOLDLINE_ROOM_BACKENDS $HOLDLINE_REPLICA_NAME-$number:9000"
    number=$((number + 1))
  done
  export HOLDLINE_ROOM_BACKENDS
fi

"$mounted/render" "$run/holdline.d"
ln -sf "$mounted/nginx.conf" "$run/nginx.conf"
ln -sf /dev/stdout "$run/access.log"
ln -sf /dev/stderr "$run/error.log"
