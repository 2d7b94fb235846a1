#!/bin/sh
# Run by the nginx image's entrypoint before nginx: makes the run folder that docker-compose.yml starts nginx in.
# The same layout as scripts/up makes natively; the logs are the container's.
set -eu

run=/run/holdline
mounted=/etc/holdline

"$mounted/render" "$run/holdline.d"
ln -sf "$mounted/nginx.conf" "$run/nginx.conf"
ln -sf /dev/stdout "$run/access.log"
ln -sf /dev/stderr "$run/error.log"
