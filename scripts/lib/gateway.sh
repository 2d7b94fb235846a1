# shellcheck shell=bash
# The gateway's run folder: the shipped nginx.conf linked into it, its includes rendered beside the link.
# Starting and stopping it is native.sh.

# gateway_folder RUN: reads the variables that deploy/nginx/render documents.
gateway_folder() {
  mkdir --parents "$1"
  ln --symbolic --force "$root/deploy/nginx/nginx.conf" "$1/nginx.conf"
  "$root/deploy/nginx/render" "$1/holdline.d"
}

# Fewer descriptors than the shipped number, where this machine gives no more: nginx would log an alert at each start.
gateway_worker_files() {
  local shipped limit
  shipped=$(sed -n 's/^worker_rlimit_nofile \([0-9]*\);$/\1/p' "$root/deploy/nginx/holdline.d/workers.conf")
  limit=$(ulimit -Hn)
  if [ "$limit" = unlimited ] || [ "$limit" -gt "$shipped" ]; then echo "$shipped"; else echo "$limit"; fi
}
