# shellcheck shell=bash
# Runs named stages one after the other, all of them even if one fails, and sums them up.
# What a stage does is a function in checks.sh or in the script itself.

stage_names=()
stage_results=()
stage_seconds=()

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
  stage_names+=("$name")
  stage_seconds+=($((SECONDS - started)))
  case $status in
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
  local index passed=0 failed=0 skipped=0 elsewhere=0
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
