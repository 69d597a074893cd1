# What the install.sh of each scheduler begins with: its arguments, and how files are put in place. Read with `.`, with $here
# (the scheduler's folder), $scheduler and $usage set. Leaves $to, $program, $home and $uninstall.
fail() {
  echo "install.sh: $*" >&2
  exit 1
}
# What of the usage is the same for all.
common_usage='  --dir DIR           where the hooks and their settings go (default: /etc/hotblock/'$scheduler')
  --hotblock PROGRAM  the program, for the settings (default: /usr/bin/hotblock)
  --home DIR          home of this machine'\''s daemon, for the settings (default: /var/lib/hotblock)
  --uninstall         takes away what was installed'

to=/etc/hotblock/$scheduler program=/usr/bin/hotblock home=/var/lib/hotblock uninstall=no
# Reads the options that all have. @returns 1 where $1 is none of them; else $taken words were used
common_option() {
  taken=2
  case $1 in
    --dir | --hotblock | --home) absolute "$1" "${2:-}" ;;
  esac
  case $1 in
    --dir) to=$2 ;;
    --hotblock) program=$2 ;;
    --home) home=$2 ;;
    --uninstall) uninstall=yes taken=1 ;;
    --help) printf '%s\n%s\n' "$usage" "$common_usage" && exit 0 ;;
    *) return 1 ;;
  esac
}
wrong_option() {
  printf '%s\n%s\n' "$usage" "$common_usage" >&2
  exit 2
}
# A path that may stand in settings and in a shell without quotes.
absolute() {
  case $2 in
    *[!A-Za-z0-9._/+-]*) fail "odd characters in $2" ;;
    /*) ;;
    *) fail "$1 needs an absolute path" ;;
  esac
}
# install_file MODE FILE TO: FILE is a path; TO is there afterwards, with paths of this installation in it.
install_file() {
  sed "s|/etc/hotblock/$scheduler|$to|g" "$2" >"$3.new" || fail "cannot write $3"
  if [ -f "$3" ] && cmp -s "$3.new" "$3" && [ "$(stat -c %a "$3")" = "$1" ]; then
    rm -f "$3.new"
    return
  fi
  chmod "$1" "$3.new" && mv -f "$3.new" "$3" || fail "cannot write $3"
  echo "installed $3"
}
# The files that all have; settings that are there already stay.
install_common() {
  mkdir -p "$to" || fail "cannot make $to"
  for name in tell.sh held.sh; do install_file 755 "$here/../common/$name" "$to/$name"; done
  [ -e "$to/hotblock.conf" ] && return
  sed -e "s|^HOTBLOCK=.*|HOTBLOCK=$program|" -e "s|^HOTBLOCK_HOME=.*|HOTBLOCK_HOME=$home|" "$here/hotblock.conf" \
    >"$to/hotblock.conf" || fail "cannot write $to/hotblock.conf"
  chmod 644 "$to/hotblock.conf"
  echo "installed $to/hotblock.conf: look at it"
}
uninstall_common() {
  [ -e "$to/hotblock.conf" ] || return 0
  rm -rf "$to" && echo "removed $to"
}
