#!/bin/sh
# Installs hotblock's hooks for LSF on this machine, and says what it changes; a second run changes nothing.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
scheduler=lsf
usage='usage: install.sh --serverdir DIR [--dir DIR] [--hotblock PROGRAM] [--home DIR] [--uninstall]

  --serverdir DIR     LSF_SERVERDIR, where LSF looks for esub and elim (default: the variable of that name)'
. "$here/../common/install.sh"
server=${LSF_SERVERDIR:-}
while [ $# -gt 0 ]; do
  if common_option "$@"; then
    shift "$taken"
    continue
  fi
  case $1 in
    --serverdir) server=${2:-} && shift 2 ;;
    *) wrong_option ;;
  esac
done
absolute --serverdir "$server"

if [ $uninstall = yes ]; then
  for name in esub.hotblock elim.hotblock; do
    [ -e "$server/$name" ] || continue
    rm -f "$server/$name" || fail "cannot remove $server/$name"
    echo "removed $server/$name"
  done
  uninstall_common
  exit 0
fi
[ -d "$server" ] || fail "no directory $server: is LSF here?"
install_common
install_file 755 "$here/pre-exec.sh" "$to/pre-exec.sh"
install_file 644 "$here/lsf.txt" "$to/lsf.txt"
for name in esub.hotblock elim.hotblock; do install_file 755 "$here/$name" "$server/$name"; done
echo "what LSF's own files need is in $to/lsf.txt"
