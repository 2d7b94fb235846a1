# shellcheck shell=bash
# The servers that the benchmark compares with and that cargo does not build: one with gorilla's package for Go, ws for
# Node (the installation of peers.sh), and Debian's nchan in Debian's nginx, unpacked beside its own libraries.
# How they are started is benches/peers/start; what they do is benches/peers.

bench_peers_go_sources=$root/benches/peers/gorilla
# nchan is built for the nginx of its release. The rest is what the two are linked to.
bench_peers_nchan_release=bookworm
bench_peers_nchan_packages=(nginx libnginx-mod-nchan libc6 libcrypt1 libpcre2-8-0 libssl3 zlib1g)

tool_bench_peers() {
  local peers
  peers=$(tool_peers)
  with_lock bench-peers bench_peers_install "$peers"
  bench_peers_dir "$peers"
}

# Named after all it is made of, so that a changed version or source is a new folder.
bench_peers_dir() {
  local sum
  sum=$(cat "${BASH_SOURCE[0]}" "$bench_peers_go_sources"/*.go <(echo "$1") | cksum | cut -d ' ' -f 1)
  printf '%s/bench-peers-%s\n' "$tools" "$sum"
}

bench_peers_install() {
  local peers=$1 dir
  dir=$(bench_peers_dir "$peers")
  # The versions are written last: without them the folder is not whole.
  [ -e "$dir/versions.json" ] && return
  say "building with gorilla's, and unpacking Debian $bench_peers_nchan_release's nchan with its nginx"
  rm --recursive --force "$dir"
  mkdir --parents "$dir/ws"
  ln --symbolic "$peers/node_modules" "$dir/ws/node_modules"
  if ! { bench_peers_gorilla "$dir" && bench_peers_nchan "$dir/nginx-nchan"; } >&2; then
    rm --recursive --force "$dir"
    fail "could not get the servers to compare with"
  fi
  bench_peers_versions "$dir" >"$dir/versions"
  mv "$dir/versions" "$dir/versions.json"
}

# As peers.sh builds its own: offline, from the sources of the Debian package, without C.
bench_peers_gorilla() {
  (
    cd "$bench_peers_go_sources" &&
      env --unset GOFLAGS GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$1/go-cache" CGO_ENABLED=0 \
        go build -o "$1/gorilla" .
  ) && rm --recursive --force "$1/go-cache"
}

# Nothing is installed: nginx of this release must not be taken for the gateway.
bench_peers_nchan() {
  (debian_unpack "$bench_peers_nchan_release" "$1" alone "${bench_peers_nchan_packages[@]}") || return
  # The folder for long messages is compiled in, and its directive cannot be used: nchan calls it a duplicate. So it gets
  # a name as long as the old one that is relative to the run folder, and nothing outside of that is needed.
  LC_ALL=C sed --in-place 's|/var/lib/nginx/body|nchan_body_temp_dir|g' "$1/usr/lib/nginx/modules/ngx_nchan_module.so"
  bench_peers_nginx >"$1/nginx"
  chmod 755 "$1/nginx"
  "$1/nginx" -v
}

# Through the loader of its own release, because the host's libraries may be others. In the end it is nginx's process.
bench_peers_nginx() {
  cat <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
libraries=$here/usr/lib/$(uname -m)-linux-gnu:$here/lib/$(uname -m)-linux-gnu
for loader in "$here"/lib/*-linux-gnu/ld-linux-*.so.* "$here"/usr/lib/*-linux-gnu/ld-linux-*.so.*; do
  [ ! -e "$loader" ] || exec "$loader" --library-path "$libraries" "$here/usr/sbin/nginx" "$@"
done
echo "no loader in $here" >&2
exit 1
WRAPPER
}

# What was built and unpacked, and the Node that is there.
bench_peers_versions() {
  local dir=$1 go gorilla gateway nchan
  go=$(go version "$dir/gorilla" | sed 's/.*: go//')
  # shellcheck disable=SC2016 # the name is dpkg's, not the shell's
  gorilla=$(dpkg-query --show --showformat='${source:Upstream-Version}' golang-github-gorilla-websocket-dev)
  gateway=$("$dir/nginx-nchan/nginx" -v 2>&1 | sed 's|.*nginx/||')
  nchan=$(zcat "$dir/nginx-nchan/usr/share/doc/libnginx-mod-nchan/changelog.Debian.gz" |
    sed --quiet '1s/.*(\([^)]*\)).*/\1/p')
  printf '{"go": "%s", "gorilla": "%s", "node": "%s", "ws": "%s", "nginx": "%s", "nchan": "%s"}\n' \
    "$go" "$gorilla" "$(node --version | tr --delete v)" "$peers_ws" "$gateway" "$nchan"
}
