# shellcheck shell=bash
# Compose v2, for checking the compose file where no Docker with the plugin is installed: trixie's static binary.
# Starting containers needs an engine, which is not this file's business.

compose_built=$tools/docker-compose

tool_compose() {
  with_lock compose compose_unpack
  printf '%s\n' "$compose_built"
}

compose_unpack() {
  [ -x "$compose_built" ] && return
  say "unpacking Debian trixie's docker-compose"
  local work
  work=$(mktemp --directory "$tools/compose.XXXXXX")
  debian_unpack trixie "$work" alone docker-compose
  mv "$work/usr/libexec/docker/cli-plugins/docker-compose" "$compose_built"
  rm --recursive --force "$work"
}
