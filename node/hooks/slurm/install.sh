#!/bin/sh
# Installs hotblock's hooks for Slurm on this machine, and says what it changes; a second run changes nothing.
usage() {
  cat <<'END'
usage: install.sh [--slurm-dir DIR] [--hotblock PROGRAM] [--home DIR] [--files-only] [--with-prolog] [--uninstall]

  --slurm-dir DIR     where slurm.conf is (default: /etc/slurm)
  --hotblock PROGRAM  the program, for the settings (default: /usr/bin/hotblock)
  --home DIR          the daemon's home, for the settings (default: /var/lib/hotblock)
  --files-only        the files, and nothing in slurm.conf: for nodes whose slurm.conf comes from elsewhere
  --with-prolog       also slurmd's Prolog. Every node must have the files before slurm.conf names it: Slurm
                      drains a node whose Prolog is missing
  --uninstall         takes the lines out of slurm.conf; with --files-only: removes the files. In that order, with
                      scontrol reconfigure between
END
}
fail() {
  echo "install.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd) || exit 1
slurm=/etc/slurm program=/usr/bin/hotblock home=/var/lib/hotblock
lines=yes prolog=no uninstall=no
while [ $# -gt 0 ]; do
  case $1 in
    --slurm-dir | --hotblock | --home)
      case ${2:-} in /*) ;; *) fail "$1 needs an absolute path" ;; esac
      case $1 in --slurm-dir) slurm=$2 ;; --hotblock) program=$2 ;; *) home=$2 ;; esac
      shift
      ;;
    --files-only) lines=no ;;
    --with-prolog) prolog=yes ;;
    --uninstall) uninstall=yes ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done
case $slurm in *[!A-Za-z0-9._/-]*) fail "odd characters in $slurm" ;; esac
conf=$slurm/slurm.conf
to=$slurm/hotblock
BEGIN='# BEGIN hotblock'
END='# END hotblock'

# slurm.conf without hotblock's lines.
others() {
  sed "/^$BEGIN\$/,/^$END\$/d" "$conf"
}
# Is a setting there that is not hotblock's?
is_set() {
  others | grep -q -i "^[[:space:]]*$1[[:space:]]*="
}
# What is on stdin becomes slurm.conf, at once and with its owner and mode, if it differs.
replace_conf() {
  cp -p "$conf" "$conf.hotblock-new" && cat >"$conf.hotblock-new" || fail "cannot write $conf.hotblock-new"
  if cmp -s "$conf" "$conf.hotblock-new"; then
    rm -f "$conf.hotblock-new"
    return
  fi
  [ -e "$conf.before-hotblock" ] || cp -p "$conf" "$conf.before-hotblock" || fail "cannot keep a copy of $conf"
  mv -f "$conf.hotblock-new" "$conf" || fail "cannot replace $conf"
  echo "changed $conf (as it was before: $conf.before-hotblock)"
  changed=yes
}
# install_file MODE NAME DIRECTORY
install_file() {
  cmp -s "$here/$2" "$3/$2" && [ "$(stat -c %a "$3/$2")" = "$1" ] && return
  install -m "$1" "$here/$2" "$3/$2" || fail "cannot write $3/$2"
  echo "installed $3/$2"
}
is_ours() {
  head -n 1 "$slurm/job_submit.lua" 2>/dev/null | grep -q '^-- job_submit.lua of hotblock'
}

changed=no
if [ $uninstall = yes ] && [ $lines = yes ]; then
  [ -f "$conf" ] || fail "no $conf"
  others | replace_conf
  [ $changed = no ] || echo "now: restart slurmctld, scontrol reconfigure, then install.sh --uninstall --files-only"
  exit 0
fi
if [ $uninstall = yes ]; then
  if [ -f "$conf" ]; then
    grep -q "^$BEGIN\$" "$conf" && fail "$conf still names the files: first install.sh --uninstall"
    others | grep -v '^[[:space:]]*#' | grep -q -F "$to/" && fail "$conf still names files in $to: take them out first"
  fi
  if is_ours && [ ! -e "$conf" ] || is_ours && ! is_set JobSubmitPlugins; then
    rm -f "$slurm/job_submit.lua" && echo "removed $slurm/job_submit.lua"
  fi
  [ -d "$to" ] && rm -rf "$to" && echo "removed $to"
  exit 0
fi

mkdir -p "$to" || fail "cannot make $to"
for name in run-hook.sh prolog-slurmctld.sh prolog.sh submit.sh locality.sh; do install_file 755 $name "$to"; done
install_file 644 submit.lua "$to"
if [ ! -e "$slurm/job_submit.lua" ] || is_ours; then install_file 644 job_submit.lua "$slurm"; fi
if [ ! -e "$to/hotblock.conf" ]; then
  sed -e "s|^HOTBLOCK=.*|HOTBLOCK=$program|" -e "s|^HOTBLOCK_HOME=.*|HOTBLOCK_HOME=$home|" "$here/hotblock.conf" \
    >"$to/hotblock.conf" || fail "cannot write $to/hotblock.conf"
  chmod 644 "$to/hotblock.conf"
  echo "installed $to/hotblock.conf: look at it"
fi
(
  . "$to/hotblock.conf"
  user=$(sed -n 's/^[[:space:]]*SlurmUser[[:space:]]*=[[:space:]]*\([A-Za-z0-9_.-]*\).*/\1/Ip' "$conf" 2>/dev/null | tail -n 1)
  # make_for_hooks MODE DIRECTORY: with that user's group, which a socket in it gets too.
  make_for_hooks() {
    [ -d "$2" ] || { mkdir -p -m "$1" "$2" && chown "${user:-root}:" "$2" && echo "made $2"; }
  }
  [ -x "$HOTBLOCK" ] || echo "not there: $HOTBLOCK, the program that $to/hotblock.conf names"
  # Nobody else may hold the hooks up by holding their locks.
  make_for_hooks 700 "$HOTBLOCK_TURNS"
  make_for_hooks 755 "$(dirname "${HOTBLOCK_LOG:-/dev/null}")"
)
[ $lines = yes ] || exit 0

[ -f "$conf" ] || fail "no $conf; --files-only where it comes from elsewhere"
wanted=''
add() {
  wanted="$wanted$1
"
}
if is_ours; then
  is_set JobSubmitPlugins || add 'JobSubmitPlugins=lua'
else
  echo "left alone: $slurm/job_submit.lua is there; the lines that it needs are at the head of $here/job_submit.lua"
fi
if is_set JobSubmitPlugins; then echo "left alone: JobSubmitPlugins is set in $conf; lua has to be among them"; fi
if is_set PrologSlurmctld; then
  echo "left alone: PrologSlurmctld is set in $conf; have yours call $to/prolog-slurmctld.sh"
else
  add "PrologSlurmctld=$to/prolog-slurmctld.sh"
fi
if [ $prolog = yes ] && is_set Prolog; then
  echo "left alone: Prolog is set in $conf; have yours call $to/prolog.sh"
elif [ $prolog = yes ]; then
  add "Prolog=$to/prolog.sh"
fi
if [ -z "$wanted" ]; then
  others | replace_conf
else
  { others && printf '%s\n%s%s\n' "$BEGIN" "$wanted" "$END"; } | replace_conf
fi
[ $changed = no ] || echo "now: the same slurm.conf on all machines, restart slurmctld, scontrol reconfigure"
exit 0
