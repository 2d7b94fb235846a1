# shellcheck shell=bash
# The fast stages: what can be said about the files without starting the system.
# scripts/check runs them alone, scripts/test before everything else.

run_checks() {
  stage "rust: format" cargo fmt --all --check
  stage "rust: clippy" cargo clippy --locked --all-targets --quiet -- -D warnings
  stage "rust: documentation" check_rustdoc
  stage "rust: unit tests" cargo test --locked --quiet --lib --bins
  stage "rust: cargo deny (licences, bans, sources)" check_crates
  stage "rust: cargo deny (advisories)" "$root/scripts/lib/check_advisories"
  stage "gateway: nginx 1.28 accepts the configuration" check_nginx nginx
  stage "gateway: nginx 1.30 accepts the configuration" check_nginx nginx-1.30
  stage "gateway: render" check_rendering
  stage "gateway: holdline lint" check_lint
  stage "gateway: gixy" check_gixy
  stage "shell: shellcheck" check_shell
  stage "containers: hadolint" check_dockerfile
  stage "containers: compose accepts the file" check_compose
  stage "toml and yaml" check_toml_and_yaml
  stage "page: biome, and the module to copy" check_page
}

check_rustdoc() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --document-private-items; }

# What deny.toml allows. A warning is a refusal: an exception that nothing needs any more has to go.
check_crates() {
  local deny
  deny=$("$root/scripts/tool" deny) || cannot_run "no cargo-deny"
  cd "$root"
  "$deny" --locked --color never check --deny warnings --hide-inclusion-graph licenses bans sources
}

# check_nginx TOOL: by the very binary, the file as it lies and rendered with everything set, TLS and long host names included.
check_nginx() {
  local nginx
  nginx=$("$root/scripts/tool" "$1") || cannot_run "no $1"
  run=$(mktemp --directory)
  # A stage is a shell of its own, so this ends with it.
  trap 'rm --recursive --force "$run"' EXIT
  # The nobody that a worker becomes creates temporary folders in here.
  chmod 755 "$run"
  "$nginx" -v
  nginx_accepts "$nginx" "$run" "$root/deploy/nginx/nginx.conf"
  HOLDLINE_READ_TIMEOUT=90s HOLDLINE_BACKENDS="localhost:9000 127.0.0.1:9002 [::1]:9003" HOLDLINE_RESOLVER=127.0.0.11 \
    HOLDLINE_TRUSTED_CDN="203.0.113.0/24, 2001:db8::/32" GATEWAY_TLS_FOLDER="$run/tls" gateway_folder_with_tls
  nginx_accepts "$nginx" "$run" "$run/nginx.conf"
}

# The gateway's folder in $run, and a certificate made for it.
gateway_folder_with_tls() {
  local label=a-label-that-is-as-long-as-one-may-be-in-the-domain-name-systm
  have openssl || install_packages "to make a certificate" openssl
  mkdir --parents "$run/tls"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=check \
    -addext "subjectAltName=DNS:localhost,DNS:*.chat.example,DNS:$label.$label.$label.example,IP:127.0.0.1" \
    -keyout "$run/tls/privkey.pem" -out "$run/tls/fullchain.pem" 2>/dev/null
  gateway_folder "$run"
}

# A warning is a refusal: a shipped file has none.
nginx_accepts() {
  local output
  output=$("$1" -e stderr -t -p "$2" -c "$3" 2>&1) || {
    printf '%s\n' "$output"
    return 1
  }
  printf '%s\n' "$output"
  ! grep --quiet '\[warn\]' <<<"$output"
}

check_rendering() {
  have busybox || install_packages "the shell that render meets in the nginx image" busybox
  have openssl || install_packages "to make certificates" openssl
  "$root/scripts/lib/check_render"
}

# The same two, held against the backend's defaults: not even a note.
check_lint() {
  build_debug
  run=$(mktemp --directory)
  trap 'rm --recursive --force "$run"' EXIT
  lint_finds_nothing "$root/deploy/nginx/nginx.conf"
  HOLDLINE_READ_TIMEOUT=90s HOLDLINE_BACKENDS="localhost:9000 127.0.0.1:9002 [::1]:9003" HOLDLINE_RESOLVER=127.0.0.11 \
    HOLDLINE_TRUSTED_CDN="203.0.113.0/24, 2001:db8::/32" GATEWAY_TLS_FOLDER="$run/tls" gateway_folder_with_tls
  lint_finds_nothing "$run/nginx.conf" HOLDLINE__GATEWAY__READ_TIMEOUT=90s
}

# lint_finds_nothing FILE NAME=VALUE…: whatever the caller's own settings are.
lint_finds_nothing() {
  local output file=$1
  shift
  output=$(env --ignore-environment "$@" "${CARGO_TARGET_DIR:-$root/target}/debug/holdline" lint "$file") || {
    printf '%s\n' "$output"
    return 1
  }
  printf '%s\n' "$output"
  grep --quiet '; 0 errors, 0 warnings, 0 notes$' <<<"$output"
}

# As it lies, and with TLS. What gixy says and we do on purpose:
#   host_spoofing                        $host has no port, and the backend's same-origin check needs it
#   status_page_exposed                  the listener's address is the protection: loopback
#   worker_rlimit_nofile_vs_connections  twice is for servers of files; here a connection is one descriptor, on either side
check_gixy() {
  local bin
  bin=$("$root/scripts/tool" linters) || cannot_run "no gixy"
  run=$(mktemp --directory)
  trap 'rm --recursive --force "$run"' EXIT
  GATEWAY_TLS_FOLDER="$run/tls" gateway_folder_with_tls
  local file
  for file in "$root/deploy/nginx/nginx.conf" "$run/nginx.conf"; do
    "$bin/gixy" --nginx-version 1.30.6 --skips host_spoofing,status_page_exposed,worker_rlimit_nofile_vs_connections "$file"
  done
}

# The programs, and with each what it sources: a library alone would lack the names it is given.
check_shell() {
  local bin files libraries
  bin=$("$root/scripts/tool" linters) || cannot_run "no shellcheck"
  cd "$root"
  mapfile -t files < <(git grep --files-with-matches --perl-regexp '\A#!.*\b(sh|bash)$')
  mapfile -t libraries < <(git grep --files-with-matches --perl-regexp '\A# shellcheck shell=bash$')
  [ "${#files[@]}" -gt 5 ] || fail "found only ${#files[@]} shell programs: ${files[*]}"
  local library
  for library in "${libraries[@]}"; do
    git grep --quiet --fixed-strings "/${library#scripts/}\"" -- scripts || fail "nothing sources $library, so it is not checked"
  done
  "$bin/shellcheck" --check-sourced "${files[@]}"
  printf '%s programs, %s libraries\n' "${#files[@]}" "${#libraries[@]}"
}

check_dockerfile() {
  local bin
  bin=$("$root/scripts/tool" linters) || cannot_run "no hadolint"
  "$bin/hadolint" "$root/deploy/Dockerfile"
}

# As it lies, and with every variable set and every file added.
check_compose() {
  local compose
  compose=$("$root/scripts/tool" compose) || cannot_run "no Compose v2"
  "$compose" --file "$root/docker-compose.yml" config --quiet
  GATEWAY_PORT=127.0.0.1:8088 HOLDLINE_READ_TIMEOUT=2m HOLDLINE_REPLICAS=3 EXTRA_CA=/dev/null \
    HOLDLINE_CONTROL_PORT=9001-9003 HOLDLINE_FILES=45000 COMPOSE_PROFILES=metrics,link \
    HOLDLINE_LINK_SERVER=wss://a.example/ws HOLDLINE_LINK_PORT=7457 HOLDLINE_CONTROL_TOKEN_FILE=/dev/null \
    GATEWAY_TLS_PORT=443 GATEWAY_TLS_NAMES=chat.example \
    "$compose" --file "$root/docker-compose.yml" --file "$root/deploy/compose.control.yml" \
    --file "$root/deploy/compose.token.yml" --file "$root/deploy/compose.files.yml" \
    --file "$root/deploy/compose.tls.yml" config --quiet
}

# The scripts and the style sheet of the page, and what its reconnecting module promises.
check_page() {
  local modules
  modules=$("$root/scripts/tool" page) || cannot_run "no Biome"
  cd "$root"
  "$modules/.bin/biome" ci --colors=off --error-on-warnings src/page tests/browser
  node --test tests/browser/*.test.mjs
}

check_toml_and_yaml() {
  local bin files
  bin=$("$root/scripts/tool" linters) || cannot_run "no taplo and yamllint"
  cd "$root"
  mapfile -t files < <(git ls-files '*.toml')
  RUST_LOG=error "$bin/taplo" lint --no-schema "${files[@]}"
  mapfile -t files < <(git ls-files '*.yml' '*.yaml')
  "$bin/yamllint" --strict "${files[@]}"
}
