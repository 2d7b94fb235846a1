# shellcheck shell=bash
# Compose v2 and buildx where no Docker with these plugins is installed: trixie's programs, which run alone and as plugins.
# Starting containers needs an engine, which is engine.sh's business.

plugins=$tools/docker/cli-plugins

# tool_docker_plugin compose|buildx
tool_docker_plugin() {
  with_lock "docker-$1" docker_plugin_unpack "docker-$1"
  printf '%s\n' "$plugins/docker-$1"
}

docker_plugin_unpack() {
  [ -x "$plugins/$1" ] && return
  say "unpacking Debian trixie's $1"
  local work
  work=$(mktemp --directory "$tools/plugin.XXXXXX")
  debian_unpack trixie "$work" alone "$1"
  mkdir --parents "$plugins"
  mv "$work/usr/libexec/docker/cli-plugins/$1" "$plugins/$1"
  rm --recursive --force "$work"
}
