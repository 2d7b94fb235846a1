# shellcheck shell=bash
# Autobahn|Testsuite, the conformance cases that WebSocket libraries are judged by; from PyPI at one version, with all it
# needs at versions that still know Python 2.7, which is what it is written in. What it is run on is check_autobahn's
# business.

autobahn_version=25.10.1
# The last that makes environments for Python 2.7; itself it runs in Python 3.
autobahn_virtualenv_version=20.15.1
autobahn_needs=(
  attrs==21.4.0 autobahn==0.10.9 Automat==22.10.0 cffi==1.15.1 constantly==15.1.0 cryptography==3.3.2 enum34==1.1.10
  hyperlink==21.0.0 idna==2.10 incremental==16.10.1 ipaddress==1.0.23 Jinja2==2.11.3 klein==17.10.0 linecache2==1.0.0
  MarkupSafe==1.1.1 pyasn1==0.5.1 pyasn1-modules==0.3.0 pycparser==2.21 PyHamcrest==1.10.1 pyOpenSSL==19.1.0
  service-identity==18.1.0 six==1.16.0 traceback2==1.4.0 Twisted==19.10.0 txaio==2.1.0 typing==3.10.0.0 ujson==2.0.3
  unittest2==1.1.0 Werkzeug==1.0.1 wsaccel==0.6.6 zope.interface==4.6.0
)
# The last Debian with Python 2.7. Its libdb, libexpat and the like are not wanted: nothing here uses them.
autobahn_debian=bullseye
autobahn_debian_packages=(
  python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libpython2.7-dev libssl1.1 libffi7
)

tool_autobahn() {
  with_lock autobahn autobahn_install
  printf '%s\n' "$(autobahn_dir)/wstest"
}

# Named after this file, so that a changed version is a new folder.
autobahn_dir() { printf '%s/autobahn-%s\n' "$tools" "$(cksum <"${BASH_SOURCE[0]}" | cut -d ' ' -f 1)"; }

autobahn_install() {
  local dir python
  dir=$(autobahn_dir)
  # What is left of an installation that was interrupted does not run; nor does an environment whose Python has gone.
  "$dir/wstest" --help >/dev/null 2>&1 && return
  have python3 || install_packages "to install Autobahn|Testsuite" python3
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "to install Autobahn|Testsuite" python3-venv
  rm --recursive --force "$dir"
  mkdir --parents "$dir"
  python=$(autobahn_python "$dir") || {
    rm --recursive --force "$dir"
    exit 1
  }
  have cc || install_packages "to build what Autobahn|Testsuite needs" gcc libc6-dev
  say "installing Autobahn|Testsuite $autobahn_version for $python, less than a minute"
  # In place: a virtual environment knows its own path and cannot be moved.
  if ! autobahn_environment "$dir" "$python" >"$dir/log" 2>&1; then
    tail -n 20 "$dir/log" >&2
    fail "could not install Autobahn|Testsuite; the log is $dir/log"
  fi
  autobahn_starter "$dir" >"$dir/wstest"
  chmod 755 "$dir/wstest"
  "$dir/wstest" --help >/dev/null || fail "Autobahn|Testsuite is installed and does not run"
}

# autobahn_python DIR: the machine's own, pyenv's, or the one of an older Debian, unpacked into DIR.
autobahn_python() {
  local candidate
  for candidate in "$(command -v python2.7 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python2.7; do
    # pyenv's shim is on the path even where no 2.7 is chosen; and without ssl nothing can be installed.
    "$candidate" -c 'import ssl, zlib, ctypes' >/dev/null 2>&1 || continue
    printf '%s\n' "$candidate"
    return
  done
  say "no Python 2.7 here: unpacking that of Debian $autobahn_debian"
  (debian_unpack "$autobahn_debian" "$1/debian" alone "${autobahn_debian_packages[@]}") &&
    LD_LIBRARY_PATH=$(autobahn_libraries "$1") "$1/debian/usr/bin/python2.7" -c 'import ssl, zlib, ctypes' >&2 &&
    printf '%s\n' "$1/debian/usr/bin/python2.7" && return
  say "PYTHON 2.7 IS MISSING, and Autobahn|Testsuite is written in it. 'pyenv install 2.7.18' builds one"
  return 1
}

# Where the unpacked Python finds what it is linked to.
autobahn_libraries() { printf '%s/debian/usr/lib/%s-linux-gnu\n' "$1" "$(uname -m)"; }

# autobahn_environment DIR PYTHON: everything is named with its version, so nothing needs to be resolved.
autobahn_environment() {
  local dir=$1 python=$2
  export VIRTUALENV_OVERRIDE_APP_DATA=$dir/maker/data
  if [ -d "$dir/debian" ]; then
    LD_LIBRARY_PATH=$(autobahn_libraries "$dir")
    # Its headers include each other from the folder that is /usr/include at home.
    export LD_LIBRARY_PATH CPATH=$dir/debian/usr/include
  fi
  env --unset LD_LIBRARY_PATH python3 -m venv "$dir/maker" &&
    env --unset LD_LIBRARY_PATH "$dir/maker/bin/pip" install --quiet "virtualenv==$autobahn_virtualenv_version" &&
    "$dir/maker/bin/virtualenv" --no-download --python "$python" "$dir/venv" &&
    autobahn_download "$dir/venv" &&
    rm --recursive --force "$dir/maker"
}

autobahn_download() {
  local try
  for try in 1 2 3; do
    "$1/bin/pip" install --no-deps --disable-pip-version-check "autobahntestsuite==$autobahn_version" \
      "${autobahn_needs[@]}" && return
    echo "that did not work ($try of 3)"
    sleep 5
  done
  return 1
}

autobahn_starter() {
  cat <<STARTER
#!/bin/sh
# The libraries of an unpacked Python, where it was unpacked.
[ ! -d "$1/debian" ] || export LD_LIBRARY_PATH="$(autobahn_libraries "$1")"
exec "$1/venv/bin/wstest" "\$@"
STARTER
}
