# shellcheck shell=bash
# wscat, the terminal client that the documentation and the tests use, at one version.
# Node comes from the distribution where the machine has none.

wscat_version=6.1.0
wscat_dir=$tools/wscat-$wscat_version

tool_wscat() {
  with_lock wscat wscat_install
  printf '%s\n' "$wscat_dir/node_modules/.bin/wscat"
}

wscat_install() {
  [ -x "$wscat_dir/node_modules/.bin/wscat" ] && return
  have node || install_packages "to run wscat" nodejs
  have npm || install_packages "to install wscat" npm
  say "installing wscat $wscat_version"
  local work
  work=$(mktemp --directory "$tools/wscat.XXXXXX")
  npm install --prefix "$work" --no-audit --no-fund --no-save "wscat@$wscat_version" >&2 ||
    fail "could not install wscat $wscat_version"
  chmod 755 "$work"
  rm --recursive --force "$wscat_dir"
  mv "$work" "$wscat_dir"
}
