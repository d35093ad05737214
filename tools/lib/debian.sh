# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Functions for scripts that fetch from Debian's archive, without root and without touching the system's apt.

# Prints the path of the keys with which Debian signs its archive. Fails if this system does not have them.
find_keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    if [[ -r $file ]]; then
      printf '%s\n' "$file"
      return
    fi
  done
  return 1
}

# Prints the Debian mirrors that the system's own sources name, in the same order. Fails if they name none. The
# signature proves that a mirror really is Debian's archive.
find_mirrors() {
  local mirrors
  # shellcheck disable=SC2016 # the dollar signs are apt's
  mirrors=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' \
    'Created-By: Packages' |
    awk '$2 == "main" && $1 ~ /debian[^\/]*\/?$/ && $1 !~ /security/ && !seen[$1]++ { print $1 }') || true
  [[ -n $mirrors ]] && printf '%s\n' "$mirrors"
}

# write_apt_configuration APT TYPE SUITE MIRROR KEYRING: an apt of our own in the folder APT, for packages (TYPE deb) or
# sources (deb-src) of a suite, with nothing installed.
write_apt_configuration() {
  local apt=$1 type=$2 suite=$3 mirror=$4 keyring=$5 target=Packages
  if [[ $type == deb-src ]]; then target=Sources; fi
  mkdir -p -- "$apt"/{lists,archives}/partial "$apt/sources" "$apt/preferences"
  cat >"$apt/sources/debian.sources" <<END
Types: $type
URIs: $mirror
Suites: $suite
Components: main
Architectures: amd64
Targets: $target
Signed-By: $keyring
END
  : >"$apt/status"
  # apt reads this file after the system's own settings, which may name a proxy. The lines that
  # begin with #clear remove settings that run commands, name a suite or replace the check of
  # signatures. The lines up to the empty one undo settings that let apt use an archive without a
  # valid signature. How old a signature may be stays the system's choice: its mirror may be a
  # snapshot. If root runs apt, it would download as another user, who may not write here.
  cat >"$apt/apt.conf" <<END
#clear APT::Update;
#clear APT::Default-Release;
#clear Acquire::gpgv;
#clear Apt::Key;
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";

APT::Update::Error-Mode "any";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$apt/preferences";
Dir::State::Lists "$apt/lists";
Dir::State::Status "$apt/status";
Dir::State::Extended_States "$apt/extended_states";
Dir::Cache "$apt";
Dir::Cache::Archives "$apt/archives";
END
}
