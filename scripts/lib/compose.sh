# shellcheck shell=bash
# Gateway and backend as containers, with the ordinary docker-compose.yml.
# The native start is native.sh; both leave a mark in the run folder that tells `down` what to stop.

compose() { docker compose --file "$root/docker-compose.yml" "$@"; }

compose_is_possible() { have docker && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

compose_up() {
  compose_is_possible || fail "no Docker engine with the compose plugin answers here; scripts/up --native needs none"
  mkdir --parents "$run"
  # Any setting of the backend that is in the environment; those that the compose file sets itself win.
  export HOLDLINE_ENV_FILE=$run/backend.env
  env | grep '^HOLDLINE__' >"$HOLDLINE_ENV_FILE" || true
  printf '%s\n' "${COMPOSE_PROJECT_NAME:-}" >"$run/compose"
  compose up --build --detach --wait >&2
  compose_print
}

# Both services are told at once: the backend says goodbye through the gateway.
compose_down() {
  local project
  project=$(cat "$run/compose")
  HOLDLINE_ENV_FILE=$run/backend.env compose ${project:+--project-name "$project"} down >&2
  rm --force "$run/compose" "$run/backend.env"
}

compose_print() {
  local port=${GATEWAY_PORT:-8080}
  port=${port##*:}
  cat <<END
Holdline is up.
  echo     ws://localhost:$port/ws/echo
  rooms    ws://localhost:$port/ws/rooms/{room}
  health   http://localhost:$port/healthz
  logs     docker compose logs
Try it:    \$(scripts/tool wscat) --slash --show-ping-pong --connect ws://localhost:$port/ws/echo
Stop it:   scripts/down
END
}
