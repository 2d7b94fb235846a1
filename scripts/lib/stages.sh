# shellcheck shell=bash
# Runs named stages one after the other, or one beside others, all of them even if one fails, and sums them up.
# What a stage does is a function in checks.sh or in the script itself, as is what may run beside what.

stage_names=()
stage_results=()
stage_seconds=()

# Those that run beside, by name: the process, which leads a group of its own, and the folder for what it says and took.
declare -A beside_process=() beside_folder=()

# What a stage exits with when the machine cannot run it; automake's word for "skipped".
cannot_run_status=77

# For use inside a stage. In CI such a stage has failed: nobody would read the warning.
cannot_run() {
  say "CANNOT RUN HERE: $*"
  exit "$cannot_run_status"
}

# What a stage exits with when it needs what no machine of this kind has, and another place does it, where it must pass.
not_checked_status=76

# For use inside a stage. No failure, in CI neither: the message says who does it.
not_checked() {
  say "NOT CHECKED HERE: $*"
  exit "$not_checked_status"
}

# stage NAME FUNCTION ARGUMENT…
# Never call it in an if or before ||: bash would switch errexit off inside the function.
stage() {
  local name=$1 status started=$SECONDS
  shift
  printf '\n== %s\n' "$name" >&2
  set +e
  (
    set -e
    "$@"
  ) </dev/null
  status=$?
  set -e
  stage_ended "$name" "$status" $((SECONDS - started))
}

# begin NAME FUNCTION ARGUMENT…: the same beside what follows, until `join NAME`.
begin() {
  local name=$1 folder
  shift
  folder=$(mktemp --directory)
  beside_folder[$name]=$folder
  trap beside_give_up EXIT
  printf '\n== %s: begins, and is shown when it has ended\n' "$name" >&2
  # With job control it leads a process group, by which it can be ended with all that it has started.
  set -m
  (
    # Told to end, both shells wait for what they have started, which may have to clean up.
    trap : TERM
    started=$SECONDS
    set +e
    (
      trap 'exit 143' TERM
      set -e
      "$@"
    )
    status=$?
    echo $((SECONDS - started)) >"$folder/seconds"
    exit "$status"
  ) </dev/null >"$folder/said" 2>&1 &
  set +m
  beside_process[$name]=$!
}

# join NAME: waits for the end of what was begun, and shows it whole.
join() {
  local name=$1 status
  local folder=${beside_folder[$name]}
  [ -e "$folder/seconds" ] || printf '\n== waiting for %s\n' "$name" >&2
  set +e
  wait "${beside_process[$name]}"
  status=$?
  set -e
  printf '\n== %s\n' "$name" >&2
  cat "$folder/said"
  # There is no number when it was killed.
  stage_ended "$name" "$status" "$(cat "$folder/seconds" 2>/dev/null || echo 0)"
  rm --recursive --force "$folder"
  unset "beside_process[$name]" "beside_folder[$name]"
}

# At the end of the script, be it by Ctrl-C: what still runs beside is ended, and may clean up.
beside_give_up() {
  local name
  for name in "${!beside_process[@]}"; do
    [ ! -e "${beside_folder[$name]}/seconds" ] || continue
    say "ending what runs beside: $name"
    kill -s TERM -- "-${beside_process[$name]}" 2>/dev/null || true
  done
  wait
  # What one said that hung is what its reader needs.
  for name in "${!beside_folder[@]}"; do
    printf '\n== %s, as far as it came\n' "$name" >&2
    tail --lines 40 "${beside_folder[$name]}/said" >&2 || true
  done
  [ "${#beside_folder[@]}" -eq 0 ] || rm --recursive --force "${beside_folder[@]}"
}

# stage_ended NAME STATUS SECONDS
stage_ended() {
  stage_names+=("$1")
  stage_seconds+=("$3")
  case $2 in
    0) stage_results+=(ok) ;;
    "$cannot_run_status")
      if [ "${CI:-}" = true ]; then stage_results+=("FAILED (cannot run here)"); else stage_results+=("NOT RUN"); fi
      ;;
    "$not_checked_status") stage_results+=("NOT CHECKED HERE") ;;
    *) stage_results+=(FAILED) ;;
  esac
}

# Prints one line per stage and the sum; fails when a stage failed. A run of no stage at all is a failure.
stages_end() {
  local name index passed=0 failed=0 skipped=0 elsewhere=0
  for name in "${!beside_process[@]}"; do join "$name"; done
  echo
  for index in "${!stage_names[@]}"; do
    printf '%-48s %s, %s s\n' "${stage_names[index]}" "${stage_results[index]}" "${stage_seconds[index]}"
    case ${stage_results[index]} in
      ok) passed=$((passed + 1)) ;;
      FAILED*) failed=$((failed + 1)) ;;
      "NOT CHECKED HERE") elsewhere=$((elsewhere + 1)) ;;
      *) skipped=$((skipped + 1)) ;;
    esac
  done
  echo
  [ "$elsewhere" -eq 0 ] || say "$elsewhere of ${#stage_names[@]} stages cannot be checked on a machine like this one; see there"
  [ "$skipped" -eq 0 ] || say "$skipped of ${#stage_names[@]} stages could not run on this machine; in CI they count as failed"
  if [ $((skipped + elsewhere)) -gt 0 ]; then
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" $((skipped + elsewhere))
  else
    printf '%s passed, %s failed\n' "$passed" "$failed"
  fi
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
