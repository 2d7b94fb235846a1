# shellcheck shell=bash
# Processes that a script started: remembered with their start time, so that a number used again is never mistaken for them.
# Which processes those are is the caller's business; they are remembered in the folder $run.

# process_remember NAME PID
process_remember() {
  printf '%s\n%s\n' "$2" "$(process_started "$2")" >"$run/$1.process"
}

process_pid() { head -n 1 "$run/$1.process" 2>/dev/null; }

# In ticks since the machine's start, the 22nd field of /proc/PID/stat (proc(5)); `ps` rounds it differently from call to call.
# Nothing for a zombie: it has ended, even where nobody collects it.
process_started() {
  local line fields
  { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  # Counted from behind the name, which may contain anything.
  read -r -a fields <<<"${line##*) }"
  [ "${fields[0]}" = Z ] || printf '%s\n' "${fields[19]}"
}

process_is_alive() {
  local pid started
  # With its number: a bare `return` in an EXIT trap gives the status from before the trap.
  pid=$(process_pid "$1") || return 1
  started=$(process_started "$pid")
  [ -n "$started" ] && [ "$started" = "$(tail -n 1 "$run/$1.process")" ]
}

# process_stop NAME SIGNAL SECONDS: signals it, waits, and kills it when it outlives the grace. Fine when it is not there.
process_stop() {
  local name=$1 signal=$2 seconds=$3 pid
  if process_is_alive "$name"; then
    pid=$(process_pid "$name")
    say "stopping the $name"
    kill -s "$signal" "$pid"
    if ! wait_until "$seconds" process_is_gone "$name"; then
      say "the $name is still there after $seconds s: killing it"
      kill -s KILL "$pid"
      wait_until 5 process_is_gone "$name" || fail "process $pid does not end"
    fi
  fi
  rm --force "$run/$name.process"
}

process_is_gone() { ! process_is_alive "$1"; }

# wait_until SECONDS COMMAND…: asks ten times a second.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# http_status PORT PATH: of a local server; nothing when there is none. Needs no client to be installed.
http_status() {
  local status=
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" &&
      printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3 &&
      read -r -t 6 _ status _ <&3
  } 2>/dev/null
  printf '%s' "$status"
  exec 3>&-
}

# port_must_be_free PORT VARIABLE: 0 is any free one.
port_must_be_free() {
  local owner
  [ "$1" != 0 ] || return 0
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
  owner=$(ss --listening --numeric --tcp --processes "sport = :$1" 2>/dev/null |
    sed --quiet 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1, process \2/p' | head -n 1)
  fail "port $1 is in use${owner:+ by $owner}; choose another with $2"
}

# A port that nobody listens on. It lies below those that the kernel takes for connections to elsewhere, of which there may be
# many before it is used.
free_port() {
  local port
  while port=$((12000 + RANDOM % 20000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
