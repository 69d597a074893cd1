#!/bin/sh
# Installs what the tests of the builder need on Debian, and says what it installs. Needs root. Nothing is done where
# everything is there.
#   --list   prints the packages and installs nothing
#   --check  prints those that are missing; status 1 where there are any
set -eu

packages='
  mmdebstrap debian-archive-keyring gnupg
  e2fsprogs fdisk dosfstools mtools qemu-utils
  qemu-system-x86 ovmf systemd-boot-efi binutils
  btrfs-progs xfsprogs attr libcap2-bin
  dnf python3-dnf rpm createrepo-c
  util-linux mount procps tar gzip
'

missing=''
for package in $packages; do
  status="$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)"
  [ "$status" = installed ] || missing="$missing $package"
done

case "${1:-}" in
  --list)
    for package in $packages; do echo "$package"; done
    exit 0
    ;;
  --check)
    for package in $missing; do echo "$package"; done
    [ -z "$missing" ]
    exit
    ;;
esac

[ -n "$missing" ] || exit 0
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 -- one word is one package
exec apt-get install -y -qq --no-install-recommends $missing >/dev/null
