# shellcheck shell=bash
# A Docker engine with compose and buildx, where none answers: Debian's engine, started and stopped by us.
# Which images it is given is standins; what is started with it is compose.sh.

engine=$tools/engine

engine_answers() { have docker && docker info >/dev/null 2>&1; }

# Afterwards `docker compose` and `docker buildx` work in this shell and what it starts.
engine_ensure() {
  with_lock engine engine_get
  engine_plugins
}

engine_get() {
  engine_answers && return
  have dockerd || install_packages "a Docker engine" docker.io iptables
  # Where a service manager runs, the package has started the engine.
  wait_until 5 engine_answers || engine_start
}

# In its own session, without the lock's descriptor: a daemon would hold the lock for ever.
engine_start() {
  [ "$(id -u)" -eq 0 ] || fail "no Docker engine answers, and starting one needs root"
  mkdir --parents "$engine"
  say "starting a Docker engine; its log is $engine/log"
  setsid dockerd --pidfile "$engine/dockerd.pid" </dev/null >"$engine/log" 2>&1 9>&- &
  engine_process process_remember dockerd $!
  wait_until 60 engine_answers || {
    tail -n 15 "$engine/log" >&2
    engine_process process_stop dockerd TERM 20
    fail "the Docker engine does not answer; its log is $engine/log"
  }
}

# Remembered in a folder of its own: the functions of process.sh look where $run says.
engine_process() {
  local run=$engine
  "$@"
}

# The one we started, once nobody's container runs in it.
engine_stop() {
  engine_process process_is_alive dockerd || return 0
  if [ -n "$(docker ps --quiet)" ]; then
    say "the Docker engine stays: containers run in it"
    return
  fi
  engine_process process_stop dockerd TERM 30
}

# Plugins that the machine lacks, in a folder beside its own settings, which stay in force by links.
engine_plugins() {
  docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return
  local own=${DOCKER_CONFIG:-$HOME/.docker} entry
  "$root/scripts/tool" compose >/dev/null
  "$root/scripts/tool" buildx >/dev/null
  for entry in config.json contexts; do
    [ ! -e "$own/$entry" ] || ln --symbolic --force --no-dereference "$own/$entry" "$tools/docker/$entry"
  done
  export DOCKER_CONFIG=$tools/docker
}
