#!/bin/sh
# The SSH tests talk to a real sshd on loopback. Installs it where it is missing and may be installed; without it these tests are skipped
# with the reason, so nothing here fails.
PATH=$PATH:/usr/sbin:/usr/local/sbin
command -v sshd >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing openssh-server for the SSH tests …"
  # The package must start no server of its own: the tests run theirs, on loopback and with keys of their own.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openssh-server >/dev/null 2>&1 ||
    { apt-get update -qq >/dev/null 2>&1 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openssh-server >/dev/null 2>&1; } ||
    echo "openssh-server could not be installed; the SSH tests are skipped"
fi
exit 0
