# shellcheck shell=bash
# Gateway and backend as processes of this machine: start, ask, drain, stop.
# All they leave is in one run folder; how containers are started is compose.sh.

run=${HOLDLINE_RUN_DIR:-$root/target/run}
binary=${CARGO_TARGET_DIR:-$root/target}/release/holdline

native_up() {
  native_build
  mkdir --parents "$run"
  run=$(cd "$run" && pwd)
  # One word for both, as in the compose file. Only the gateway's variable is documented; the backend's own is respected.
  export HOLDLINE_READ_TIMEOUT=${HOLDLINE_READ_TIMEOUT:-${HOLDLINE__GATEWAY__READ_TIMEOUT:-60s}}
  export HOLDLINE__GATEWAY__READ_TIMEOUT=$HOLDLINE_READ_TIMEOUT
  export GATEWAY_PORT=${GATEWAY_PORT:-8080} GATEWAY_STATUS_LISTEN=${GATEWAY_STATUS_LISTEN:-127.0.0.1:8081}
  export GATEWAY_WORKER_FILES=${GATEWAY_WORKER_FILES:-$(gateway_worker_files)}
  native_tls
  local nginx
  nginx=$("$root/scripts/tool" nginx)

  if process_is_alive backend || process_is_alive gateway; then
    if [ "$(cat "$run/settings" 2>/dev/null)" = "$(native_settings)" ] && [ "$(http_status "$GATEWAY_PORT" /healthz)" = 200 ]; then
      say "already up"
      native_renew
      native_print
      return
    fi
    say "up, but not well or not with these settings and this build: restarting"
  fi
  native_judge
  native_down
  native_start "$nginx"
  native_print
}

# The gateway that would be started, held against the settings that the backend would have. What runs is left alone: a
# gateway that would cut or refuse everybody is no reason to stop one that does not.
native_judge() {
  local listen
  (cd "$root" && "$binary" config) >"$run/backend.next.toml" || fail "the configuration is refused"
  listen=$(setting_in "$run/backend.next.toml" server listen)
  rm --force "$run/backend.next.toml"
  # A port that the system will choose is not known yet, and does not matter here.
  case $listen in *:0) listen=127.0.0.1:9000 ;; esac
  HOLDLINE_BACKENDS=${HOLDLINE_BACKENDS:-$listen} gateway_folder "$run/next"
  (cd "$root" && "$binary" lint "$run/next/nginx.conf") >&2 || fail "the gateway is not started: see the errors above, and docs/lint.md"
  rm --recursive --force "$run/next"
}

# What render is told of TLS; the host names are the certificate's, unless they are given.
native_tls() {
  GATEWAY_TLS_FOLDER=$(gateway_tls_folder)
  export GATEWAY_TLS_FOLDER GATEWAY_TLS_PORT=${GATEWAY_TLS_PORT:-8443}
  [ -z "$GATEWAY_TLS_FOLDER" ] || have openssl || install_packages "to ask the certificate for its host names" openssl
}

# A certificate that was replaced since it was read is no reason to restart: a reload drops nobody.
native_renew() {
  [ "$(cat "$run/certificate" 2>/dev/null)" != "$(native_certificate)" ] || return 0
  say "the certificate has changed: reloading the gateway"
  native_gateway_folder
  kill -s HUP "$(process_pid gateway)"
}

native_gateway_folder() {
  HOLDLINE_BACKENDS=${HOLDLINE_BACKENDS:-$(backend_address server)} gateway_folder "$run"
  native_certificate >"$run/certificate"
}

native_certificate() {
  [ -z "$GATEWAY_TLS_FOLDER" ] || cat "$GATEWAY_TLS_FOLDER"/{fullchain,privkey}.pem | cksum
}

native_build() {
  ensure_cargo
  say "building the backend"
  build_release >&2 || fail "the backend did not build"
}

native_start() {
  local nginx=$1
  # What is in force, for the checks below, for `down`, and for whoever wonders.
  (cd "$root" && "$binary" config) >"$run/backend.toml" || fail "the configuration is refused"
  port_must_be_free "$GATEWAY_PORT" GATEWAY_PORT
  [ -z "$GATEWAY_TLS_FOLDER" ] || port_must_be_free "$GATEWAY_TLS_PORT" GATEWAY_TLS_PORT
  port_must_be_free "${GATEWAY_STATUS_LISTEN##*:}" GATEWAY_STATUS_LISTEN
  port_must_be_free "$(backend_setting server listen | sed 's/.*://')" HOLDLINE__SERVER__LISTEN
  port_must_be_free "$(backend_setting control listen | sed 's/.*://')" HOLDLINE__CONTROL__LISTEN
  # From here on, a failure or Ctrl-C must leave nothing behind.
  trap native_down EXIT

  backend_start
  wait_until 20 backend_listens || backend_failed
  native_gateway_folder
  gateway_start "$nginx"
  wait_until 20 gateway_is_ready || gateway_failed
  native_settings >"$run/settings"

  trap - EXIT
}

# In its own session, so that it outlives the terminal; in the repository's folder, where holdline.toml is.
backend_start() {
  : >"$run/backend.log"
  (
    cd "$root"
    exec env MALLOC_TRIM_THRESHOLD_=131072 setsid "$binary" serve </dev/null >>"$run/backend.log" 2>&1
  ) &
  process_remember backend $!
}

# A node leaves before its drain.timeout; 5 s more, as between the container's 25 s and 30 s.
backend_stop_grace() {
  local timeout
  timeout=$(backend_setting drain timeout)
  case $timeout in
    *ms) echo 6 ;;
    *s) echo $((${timeout%s} + 5)) ;;
    *m) echo $((${timeout%m} * 60 + 5)) ;;
    *) echo 30 ;;
  esac
}

# backend_setting SECTION KEY: the value in force when it was started, from whatever source.
backend_setting() { setting_in "$run/backend.toml" "$1" "$2"; }

# setting_in FILE SECTION KEY: from what `holdline config` prints.
setting_in() { sed --quiet "/^\\[$2\\]/,/^\\[/ s/^$3 = \"\\([^\"]*\\)\".*/\\1/p" "$1" 2>/dev/null; }

# backend_address server|control: as configured; for port 0 its log tells which one it got, in either log format.
backend_address() {
  local configured address='[0-9.:]+|\[[^]]*\]:[0-9]+'
  configured=$(backend_setting "$1" listen)
  case $configured in
    *:0) sed --quiet --regexp-extended "/\blistening\b/ s/.*\b$1\"?[=:]\"?($address).*/\\1/p" "$run/backend.log" ;;
    *) echo "$configured" ;;
  esac
}

backend_listens() {
  process_is_alive backend || backend_failed
  [ -n "$(backend_address server)" ]
}

# nginx goes to the background before it has written its number.
gateway_start() {
  rm --force "$run/nginx.pid"
  "$1" -e stderr -p "$run" -c "$run/nginx.conf" || fail "nginx did not start"
  wait_until 5 test -s "$run/nginx.pid" || gateway_failed
  process_remember gateway "$(cat "$run/nginx.pid")"
}

gateway_is_ready() {
  process_is_alive backend || backend_failed
  [ "$(http_status "$GATEWAY_PORT" /healthz)" = 200 ]
}

backend_failed() {
  tail -n 15 "$run/backend.log" >&2
  fail "the backend did not start; its log is $run/backend.log"
}

gateway_failed() {
  tail -n 15 "$run/error.log" >&2
  fail "the gateway does not reach the backend; its log is $run/error.log"
}

# The backend first: it says goodbye to every peer through a gateway that is still there.
native_down() {
  process_stop backend TERM "$(backend_stop_grace)"
  process_stop gateway QUIT 5
  rm --force "$run/settings"
}

# What a running stack was started with: another value is a reason to restart.
native_settings() {
  {
    env | grep -E '^(HOLDLINE|GATEWAY)_|^RUST_LOG=' | grep -Ev '^HOLDLINE_(RUN|TOOLS)_DIR=' | sort
    cat "$binary" "$root/deploy/nginx/nginx.conf" "$root/deploy/nginx/render"
    cat "$root/holdline.toml" 2>/dev/null || true
  } | cksum
}

native_print() {
  local names=
  [ -z "$GATEWAY_TLS_FOLDER" ] || names=$(gateway_tls_names "$GATEWAY_TLS_FOLDER")
  gateway_print "$GATEWAY_PORT" "${GATEWAY_TLS_FOLDER:+$GATEWAY_TLS_PORT}" "$names" "\
  metrics  http://$(backend_address control)/metrics
  logs     $run/{backend,access,error}.log
  config   $run/backend.toml"
}
