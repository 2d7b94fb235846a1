# shellcheck shell=bash
# The gateway's run folder: the shipped nginx.conf linked into it, its includes rendered beside the link. And what people are
# told of where it is. Starting and stopping it is native.sh.

# gateway_folder RUN: reads the variables that deploy/nginx/render documents.
gateway_folder() {
  mkdir --parents "$1"
  ln --symbolic --force "$root/deploy/nginx/nginx.conf" "$1/nginx.conf"
  "$root/deploy/nginx/render" "$1/holdline.d"
}

# Where certificate and key are: the folder that the variable names, else deploy/tls when somebody has put one of them there.
# An empty variable means no TLS.
gateway_tls_folder() {
  local folder=$root/deploy/tls
  if [ -n "${GATEWAY_TLS_FOLDER+set}" ]; then
    folder=$GATEWAY_TLS_FOLDER
  elif [ ! -e "$folder/fullchain.pem" ] && [ ! -e "$folder/privkey.pem" ]; then
    folder=
  fi
  # The gateway has another working folder.
  if [ -n "$folder" ] && [ -d "$folder" ]; then (cd "$folder" && pwd); else echo "$folder"; fi
}

# gateway_tls_names FOLDER: as its certificate has them, separated by spaces.
gateway_tls_names() {
  local scratch
  scratch=$(mktemp --directory)
  GATEWAY_TLS_FOLDER=$1 GATEWAY_PORT='' GATEWAY_TLS_PORT='' "$root/deploy/nginx/render" "$scratch"
  sed --quiet "s/^  \\([^ ]*\\) [$]host;\$/\\1/p" "$scratch/tls.conf" | paste --serial --delimiters=' '
  rm --recursive --force "$scratch"
}

# gateway_print PORT TLS_PORT NAMES MORE: where it is, MORE lines of that, and what to do next. Without TLS the port is empty.
gateway_print() {
  local at=://localhost:$1 plain='' name
  if [ -n "$2" ]; then
    # Of *.chat.example nobody can be asked.
    name=$(tr ' ' '\n' <<<"$3" | grep --max-count=1 --invert-match '^\*' || echo localhost)
    [ "$2" = 443 ] || name=$name:$2
    at=s://$name
    plain="  plain    ws://localhost:$1/ws/echo, while pages are redirected"$'\n'
  fi
  cat <<END
Holdline is up.
  page     http$at/
  echo     ws$at/ws/echo
  rooms    ws$at/ws/rooms/{room}
$plain  health   http://localhost:$1/healthz
$4
Try it:    \$(scripts/tool wscat) --slash --show-ping-pong --connect ws$at/ws/echo
Stop it:   scripts/down
END
}

# Fewer descriptors than the shipped number, where this machine gives no more: nginx would log an alert at each start.
gateway_worker_files() {
  local shipped limit
  shipped=$(sed -n 's/^worker_rlimit_nofile \([0-9]*\);$/\1/p' "$root/deploy/nginx/holdline.d/workers.conf")
  limit=$(ulimit -Hn)
  if [ "$limit" = unlimited ] || [ "$limit" -gt "$shipped" ]; then echo "$shipped"; else echo "$limit"; fi
}
