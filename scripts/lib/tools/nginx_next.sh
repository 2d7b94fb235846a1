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
  say "unpacking Debian sid's nginx with its libraries"
  local work version
  work=$(mktemp --directory "$tools/nginx-next.XXXXXX")
  chmod 755 "$work"
  debian_unpack sid "$work" closure nginx
  nginx_next_wrapper >"$work/nginx"
  chmod 755 "$work/nginx"
  version=$("$work/nginx" -v 2>&1 | sed 's|.*/\([0-9.]*\).*|\1|')
  version_at_least "${version:-0}" 1.30 || fail "Debian sid has nginx ${version:-of an unknown version}, not 1.30"
  mv "$work" "$nginx_next_dir"
}

# Through sid's own loader, because the host's libc may be older than the binary wants.
nginx_next_wrapper() {
  cat <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
libraries=$here/usr/lib/$(uname -m)-linux-gnu
for loader in "$libraries"/ld-linux-*.so.*; do
  exec "$loader" --library-path "$libraries" "$here/usr/sbin/nginx" "$@"
done
WRAPPER
}
