# shellcheck shell=bash
# What the page is checked with, from npm at fixed versions: axe-core for accessibility, Biome for its scripts and style.
# What they are run on is the business of checks.sh and of tests/browser.

page_packages=(axe-core@4.14.1 @biomejs/biome@2.6.8)

tool_page() {
  with_lock page page_install
  printf '%s\n' "$(page_dir)/node_modules"
}

# Named after the list, so that a changed version is a new folder.
page_dir() { printf '%s/page-%s\n' "$tools" "$(cksum <<<"${page_packages[*]}" | cut -d ' ' -f 1)"; }

page_install() {
  [ -d "$(page_dir)" ] && return
  have node || install_packages "to check the page's scripts" nodejs
  have npm || install_packages "to install what the page is checked with" npm
  say "installing ${page_packages[*]}"
  local work
  work=$(mktemp --directory "$tools/page.XXXXXX")
  npm install --prefix "$work" --no-audit --no-fund --no-save "${page_packages[@]}" >&2 ||
    fail "could not install ${page_packages[*]}"
  chmod 755 "$work"
  mv "$work" "$(page_dir)"
}
