# shellcheck shell=bash
# A Chromium that runs without a screen, for the proof of the page: the machine's own, else the distribution's package.
# Driving it is tests/browser's business.

tool_browser() {
  with_lock browser browser_install
  browser_find
}

browser_install() {
  browser_find >/dev/null && return
  install_packages "the page is proven in a real browser" chromium
  browser_find >/dev/null || fail "the package chromium brought no browser that starts"
}

# The first that starts: Ubuntu's `chromium` may be a stub that asks for a snap.
browser_find() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    # Standard error is full of what a machine without a desktop lacks.
    if have "$name" && "$name" --version >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  return 1
}
