# shellcheck shell=bash
# Gateway and backend as containers, with the ordinary docker-compose.yml.
# The native start is native.sh; both leave a mark in the run folder that tells `down` what to stop.

# Four files are added only when their variable asks for them.
compose() {
  local files=(--file "$root/docker-compose.yml")
  [ -z "${HOLDLINE_CONTROL_PORT:-}" ] || files+=(--file "$root/deploy/compose.control.yml")
  [ -z "${HOLDLINE_CONTROL_TOKEN_FILE:-}" ] || files+=(--file "$root/deploy/compose.token.yml")
  [ -z "${GATEWAY_TLS_FOLDER:-}" ] || files+=(--file "$root/deploy/compose.tls.yml")
  [ -z "${HOLDLINE_FILES:-}" ] || files+=(--file "$root/deploy/compose.files.yml")
  docker compose "${files[@]}" "$@"
}

compose_is_possible() { have docker && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# An engine and images are got where they are missing, saying so.
compose_up() {
  compose_check_settings
  mkdir --parents "$run"
  # Whoever started the engine ends it: `down` looks for this mark.
  engine_answers || : >"$run/engine"
  engine_ensure
  # Any setting of the backend that is in the environment; those that the compose file sets itself win.
  export HOLDLINE_ENV_FILE=$run/backend.env
  env | grep '^HOLDLINE__' >"$HOLDLINE_ENV_FILE" || true
  # A machine with certificates of its own has them for the build too.
  export EXTRA_CA=${EXTRA_CA:-${SSL_CERT_FILE:-/dev/null}}
  compose_images
  printf '%s\n' "${COMPOSE_PROJECT_NAME:-}" >"$run/compose"
  compose_judge
  compose up --build --detach --wait >&2
  compose_print
}

# A spelling that nginx and the backend would read differently ends here, before anything is built or started; so does a
# certificate without its key.
compose_check_settings() {
  GATEWAY_TLS_FOLDER=$(gateway_tls_folder)
  export GATEWAY_TLS_FOLDER
  [ -z "$GATEWAY_TLS_FOLDER" ] || have openssl || install_packages "to ask the certificate for its host names" openssl
  local scratch status=0 published=${GATEWAY_TLS_PORT:-}
  scratch=$(mktemp --directory)
  # The ports in there are fixed, and here they may have an address before them.
  GATEWAY_PORT='' GATEWAY_TLS_PORT='' GATEWAY_TLS_PUBLIC_PORT=$published HOLDLINE_BACKENDS='' HOLDLINE_RESOLVER='' \
    "$root/deploy/nginx/render" "$scratch/holdline.d" || status=$?
  rm --recursive --force "$scratch"
  [ "$status" -eq 0 ] || exit "$status"
  [ -n "$GATEWAY_TLS_FOLDER" ] || return 0
  export GATEWAY_TLS_NAMES=${GATEWAY_TLS_NAMES:-$(gateway_tls_names "$GATEWAY_TLS_FOLDER")}
  compose_key_is_readable ||
    say "$GATEWAY_TLS_FOLDER/privkey.pem is not readable by the container's user: install --owner=101 --mode=400 it there"
}

# By the user 101 of the gateway's container; an engine that maps users differently may let it pass all the same.
compose_key_is_readable() {
  local owner group mode
  read -r owner group mode < <(stat --dereference --format='%u %g %a' "$GATEWAY_TLS_FOLDER/privkey.pem")
  mode=$((8#$mode))
  { [ "$owner" = 101 ] && ((mode & 8#400)); } || { [ "$group" = 101 ] && ((mode & 8#40)); }
}

# The gateway that would be started, held against the settings that the backend's container would have.
compose_judge() {
  local next=$run/next tls_port=${GATEWAY_TLS_PORT:-}
  mkdir --parents "$next"
  cp --dereference "$root/deploy/nginx/nginx.conf" "$next/nginx.conf"
  # As docker-compose.yml and entrypoint.sh have it: the published port is the engine's business.
  GATEWAY_PORT='' GATEWAY_TLS_PORT='' GATEWAY_TLS_PUBLIC_PORT=$tls_port GATEWAY_STATUS_LISTEN=0.0.0.0:8081 \
    HOLDLINE_BACKENDS=backend:9000 HOLDLINE_ROOM_BACKENDS=$(compose_room_backends) HOLDLINE_RESOLVER=127.0.0.11 \
    "$root/deploy/nginx/render" "$next/holdline.d"
  # The container's user is nobody here.
  chmod -R a+rX "$next"
  compose build backend >&2
  compose run --rm --no-deps --no-TTY --volume "$next:/gateway:ro" backend lint /gateway/nginx.conf >&2 ||
    fail "the gateway is not started: see the errors above, and docs/lint.md; /gateway is $next"
  rm --recursive --force "$next"
}

compose_room_backends() {
  local number
  for number in $(seq "${HOLDLINE_REPLICAS:-1}"); do
    printf '%s-backend-%s:9000 ' "${COMPOSE_PROJECT_NAME:-holdline}" "$number"
  done
}

# Those that are built from, and those of the services that are asked for.
compose_images() {
  local images standins
  mapfile -t images < <(compose config --format json | compose_image_names)
  standins=$("$root/scripts/lib/standins" "${images[@]}")
  [ -z "$standins" ] ||
    say "STAND-INS are used, built from Debian's packages, because these cannot be pulled here: ${standins//$'\n'/, }"
}

compose_image_names() {
  sed --quiet --regexp-extended 's/^ +"(RUST_IMAGE|RUN_IMAGE)": "([^"]*)",?$/\2/p; s/^      "image": "([^"]*)",?$/\1/p' |
    grep --invert-match --line-regexp --fixed-strings "${HOLDLINE_IMAGE:-holdline}:${HOLDLINE_VERSION:-dev}" | sort --unique
}

# Both services are told at once: the backend says goodbye through the gateway.
compose_down() {
  local project
  project=$(cat "$run/compose")
  engine_plugins
  HOLDLINE_ENV_FILE=$run/backend.env compose ${project:+--project-name "$project"} --profile '*' down >&2
  rm --force "$run/compose" "$run/backend.env"
  if [ -e "$run/engine" ]; then engine_stop; fi
  rm --force "$run/engine"
}

compose_print() {
  local port=${GATEWAY_PORT:-8080} tls_port=${GATEWAY_TLS_PORT:-8443}
  gateway_print "${port##*:}" "${GATEWAY_TLS_FOLDER:+${tls_port##*:}}" "${GATEWAY_TLS_NAMES:-}" "  logs     docker compose logs"
}
