# shellcheck shell=bash
# What counts instructions: Debian's valgrind, and gungraun's runner at the version of benches/hot/Cargo.toml.
# What is counted is the business of benches/hot, what the counts may be that of scripts/lib/check_instructions.

gungraun_version=$(sed -n 's/^gungraun = "=\(.*\)"$/\1/p' "$root/benches/hot/Cargo.toml")
gungraun_dir=$tools/gungraun-$gungraun_version

tool_instructions() {
  have valgrind || install_packages "it counts instructions" valgrind
  with_lock instructions gungraun_install
  printf '%s\n' "$gungraun_dir/bin/gungraun-runner"
}

gungraun_install() {
  [ -x "$gungraun_dir/bin/gungraun-runner" ] && return
  say "building gungraun's runner $gungraun_version"
  local work
  work=$(mktemp --directory "$tools/instructions.XXXXXX")
  # It starts programs and reads what they wrote: not optimized it does that as well, and is there sooner.
  cargo install gungraun-runner --version "=$gungraun_version" --locked --quiet --debug --root "$work" \
    --target-dir "$work/target" --config 'profile.dev.debug=0' >&2 || {
    rm --recursive --force "$work"
    fail "could not install gungraun-runner"
  }
  rm --recursive --force "$work/target"
  chmod 755 "$work"
  mv "$work" "$gungraun_dir"
}
