#!/bin/sh
# Installs hotblock's hooks for Torque on this machine, and says what it changes; a second run changes nothing.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
scheduler=torque
usage='usage: install.sh [--torque-home DIR] [--dir DIR] [--hotblock PROGRAM] [--home DIR] [--uninstall]

  --torque-home DIR   TORQUE_HOME (default: /var/spool/torque); prologues are made in mom_priv, where that is there'
. "$here/../common/install.sh"
torque=/var/spool/torque
while [ $# -gt 0 ]; do
  if common_option "$@"; then
    shift "$taken"
    continue
  fi
  case $1 in
    --torque-home) absolute "$1" "${2:-}" && torque=$2 && shift 2 ;;
    *) wrong_option ;;
  esac
done
MARK='# Made by hotblock.'
is_ours() {
  grep -q -x -F -e "$MARK" "$1" 2>/dev/null
}

if [ $uninstall = yes ]; then
  for name in prologue prologue.parallel; do
    file=$torque/mom_priv/$name
    if is_ours "$file"; then
      rm -f "$file" || fail "cannot remove $file"
      echo "removed $file"
    elif grep -q -F -e "$to/" "$file" 2>/dev/null; then
      fail "$file names $to: take that out first"
    fi
  done
  uninstall_common
  exit 0
fi
install_common
for name in prologue.sh submit-filter.sh varattr.sh; do install_file 755 "$here/$name" "$to/$name"; done
install_file 644 "$here/torque.txt" "$to/torque.txt"
if [ -d "$torque/mom_priv" ]; then
  for name in prologue prologue.parallel; do
    file=$torque/mom_priv/$name
    is_ours "$file" && continue
    if [ -e "$file" ]; then
      echo "$file is there already: see $to/torque.txt"
      continue
    fi
    # Torque takes it only where nobody but root can write to it.
    printf '#!/bin/sh\n%s\n[ -x %s ] && %s "$@"\nexit 0\n' "$MARK" "$to/prologue.sh" "$to/prologue.sh" >"$file.new" &&
      chmod 500 "$file.new" && mv -f "$file.new" "$file" || fail "cannot write $file"
    echo "installed $file"
  done
fi
echo "what else Torque's own files need is in $to/torque.txt"
