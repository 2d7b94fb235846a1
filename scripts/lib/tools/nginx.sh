# shellcheck shell=bash
# An nginx new enough for the shipped configuration: the machine's own, else built from source.
# The newer line that is only used to check the configuration is nginx_next.sh.
#
# The one built here is for trying and testing: its line has ended and gets no fixes. In public, use the container or a
# current nginx of the distribution, which is preferred when it is there.

# `resolve` in an upstream's server lines came to the free nginx with 1.27.3.
nginx_oldest=1.27.3
# The crate carries the complete source of nginx 1.28.3, the last of the 1.28 line.
nginx_crate=nginx-src
nginx_crate_version=1.28.5
# Named after this file too, so that a cache never serves a binary with other modules.
nginx_built=$tools/nginx-1.28.3-$(cksum <"${BASH_SOURCE[0]}" | cut -d " " -f 1)

tool_nginx() {
  local found
  if found=$(nginx_on_path); then
    printf '%s\n' "$found"
    return
  fi
  with_lock nginx nginx_build
  printf '%s\n' "$nginx_built"
}

# Fails when there is none, when it is too old, or when it lacks a module the configuration uses.
nginx_on_path() {
  local candidate about version module
  for candidate in "$(command -v nginx || true)" /usr/sbin/nginx /usr/local/sbin/nginx; do
    [ -x "$candidate" ] || continue
    about=$("$candidate" -V 2>&1) || continue
    version=$(sed -n 's|^nginx version: [^/]*/\([0-9.]*\).*|\1|p' <<<"$about")
    version_at_least "${version:-0}" "$nginx_oldest" || continue
    for module in http_realip http_stub_status http_ssl http_v2; do
      [[ $about == *--with-${module}_module* ]] || continue 2
    done
    printf '%s\n' "$candidate"
    return
  done
  return 1
}

nginx_build() {
  [ -x "$nginx_built" ] && return
  install_packages "to build nginx 1.28.3" gcc make libc6-dev libpcre2-dev zlib1g-dev libssl-dev
  have cargo || fail "cargo is needed to get the nginx source; see scripts/up"
  say "no nginx ≥ $nginx_oldest here: building 1.28.3 from the crate $nginx_crate, about half a minute; not for a public gateway"
  # Under a private name first: a half-built binary must never look finished.
  local work
  work=$(mktemp --directory "$tools/nginx-build.XXXXXX")
  nginx_fetch_source "$work"
  if ! (cd "$work/source" && nginx_configure_and_make) >"$work/log" 2>&1; then
    tail -n 30 "$work/log" >&2
    fail "nginx did not build; the log is $work/log"
  fi
  mv "$work/source/objs/nginx" "$nginx_built"
  rm --recursive --force "$work"
}

# A package of its own around the one dependency lets the ordinary cargo client fetch and verify it.
nginx_fetch_source() {
  local work=$1
  mkdir --parents "$work/fetch/src"
  : >"$work/fetch/src/lib.rs"
  printf '%s\n' '[package]' 'name = "nginx-source"' 'edition = "2021"' '[workspace]' '[dependencies]' \
    "$nginx_crate = \"=$nginx_crate_version\"" >"$work/fetch/Cargo.toml"
  cargo vendor --quiet --manifest-path "$work/fetch/Cargo.toml" "$work/vendor" >/dev/null ||
    fail "could not fetch the crate $nginx_crate"
  mv "$work/vendor/$nginx_crate/nginx" "$work/source"
  rm --recursive --force "$work/vendor"
}

# The modules of the official image that the configuration and its tests use. -O1 halves the build.
# Logging to stderr until the configuration is read spares unprivileged users a warning.
nginx_configure_and_make() {
  sh auto/configure --with-cc-opt=-O1 --error-log-path=stderr \
    --with-http_ssl_module --with-http_v2_module --with-http_realip_module --with-http_stub_status_module &&
    make --jobs "$(nproc)"
}
