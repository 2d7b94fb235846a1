# shellcheck shell=bash
# The nginx line after the one that is built: Debian sid's binary, unpacked beside its own libraries.
# It only proves that the shipped configuration is valid there too; nothing is installed.

nginx_next_dir=$tools/nginx-1.30

tool_nginx_next() {
  with_lock nginx-1.30 nginx_next_unpack
  printf '%s\n' "$nginx_next_dir/nginx"
}

nginx_next_unpack() {
  [ -x "$nginx_next_dir/nginx" ] && return
  have dpkg-deb || fail "nginx 1.30 comes as a Debian package, and this is no Debian-like machine"
  say "unpacking Debian sid's nginx with its libraries"
  local work
  work=$(mktemp --directory "$tools/nginx-next.XXXXXX")
  mkdir --parents "$work/lists/partial" "$work/archives/partial" "$work/root"
  : >"$work/status"
  nginx_next_sources >"$work/sources.list"
  if ! nginx_next_download "$work" >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    fail "could not get nginx from Debian sid"
  fi
  local package
  for package in "$work"/archives/*.deb; do
    dpkg-deb --extract "$package" "$work/root"
  done
  nginx_next_wrapper "$work/root"
  local version
  version=$("$work/root/nginx" -v 2>&1 | sed 's|.*/\([0-9.]*\).*|\1|')
  version_at_least "${version:-0}" 1.30 || fail "Debian sid has nginx ${version:-of an unknown version}, not 1.30"
  chmod 755 "$work/root"
  rm --recursive --force "$nginx_next_dir"
  mv "$work/root" "$nginx_next_dir"
  rm --recursive --force "$work"
}

# The machine's own mirror, whatever it is called: the first that carries a main Debian release.
nginx_next_sources() {
  local mirror keyring
  # shellcheck disable=SC2016 # the names are apt's, not the shell's
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$1 ~ /\/debian\/?$/ && $3 == "main" { print $1; exit }')
  [ -n "$mirror" ] || fail "no Debian mirror among this machine's package sources"
  keyring=$(ls /usr/share/keyrings/debian-archive-keyring.gpg 2>/dev/null || true)
  printf 'deb %s%s sid main\n' "${keyring:+[signed-by=$keyring] }" "$mirror"
}

# Everything apt would read or write is under $1, so the machine's own package state stays as it is.
# With an empty status file the closure includes sid's libc and loader.
nginx_next_download() {
  local work=$1
  local options=(
    -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache::archives=$work/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Parts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=true
  )
  apt-get "${options[@]}" update && apt-get "${options[@]}" --yes --download-only install nginx
}

# Through sid's own loader, because the host's libc may be older than the binary wants.
nginx_next_wrapper() {
  cat >"$1/nginx" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
machine=$(uname -m)
loader=$(find "$here/usr/lib" "$here/lib" "$here/lib64" "$here/usr/lib64" -name "ld-linux-*.so.*" 2>/dev/null | head -n 1)
exec "$loader" --library-path "$here/usr/lib/$machine-linux-gnu:$here/lib/$machine-linux-gnu" "$here/usr/sbin/nginx" "$@"
WRAPPER
  chmod +x "$1/nginx"
}
