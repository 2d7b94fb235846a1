# shellcheck shell=bash
# Unpacks packages of another Debian release into a folder; the machine's own packages stay untouched.
# What is done with them is the caller's business.

# debian_unpack RELEASE FOLDER MODE PACKAGE…: MODE `closure` also unpacks everything they need, libc included;
# `alone` only the packages named.
debian_unpack() {
  local release=$1 folder=$2 mode=$3 work package
  shift 3
  have dpkg-deb || fail "$* comes as a Debian package, and this is no Debian-like machine"
  work=$(mktemp --directory "$tools/debian.XXXXXX")
  if ! debian_download "$release" "$work" "$mode" "$@" >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    fail "could not get $* from Debian $release"
  fi
  for package in "$work"/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder"
  done
  rm --recursive --force "$work"
}

# Everything apt would read or write is in the work folder. With an empty status file the closure is complete.
debian_download() {
  local release=$1 work=$2 mode=$3
  shift 3
  mkdir --parents "$work/lists/partial" "$work/archives/partial"
  : >"$work/status"
  debian_source "$release" >"$work/sources.list" || return
  local options=(
    -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache::archives=$work/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Parts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=true
  )
  apt-get "${options[@]}" update || return
  if [ "$mode" = closure ]; then
    apt-get "${options[@]}" --yes --download-only install "$@"
  else
    (cd "$work/archives" && apt-get "${options[@]}" download "$@")
  fi
}

# The machine's own mirror, whatever it is called: the first that carries a main Debian release.
debian_source() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  # shellcheck disable=SC2016 # the names are apt's, not the shell's
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
    awk '$1 ~ /\/debian\/?$/ && $2 == "main" { print $1; exit }')
  if [ -z "$mirror" ]; then
    echo "no Debian mirror among this machine's package sources"
    return 1
  fi
  [ -e "$keyring" ] && mirror="[signed-by=$keyring] $mirror"
  echo "deb $mirror $1 main"
}
