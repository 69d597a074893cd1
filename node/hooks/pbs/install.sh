#!/bin/sh
# Installs hotblock's hook for OpenPBS and PBS Pro on this machine, and says what it changes; a second run changes nothing.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
scheduler=pbs
usage='usage: install.sh [--files-only] [--qmgr PROGRAM] [--dir DIR] [--hotblock PROGRAM] [--home DIR] [--uninstall]

  --files-only        for execution hosts: the server sends them the hook, but not the files that it runs
  --qmgr PROGRAM      qmgr, on the server (default: /opt/pbs/bin/qmgr)'
. "$here/../common/install.sh"
qmgr=/opt/pbs/bin/qmgr files_only=no
while [ $# -gt 0 ]; do
  if common_option "$@"; then
    shift "$taken"
    continue
  fi
  case $1 in
    --files-only) files_only=yes && shift ;;
    --qmgr) absolute "$1" "${2:-}" && qmgr=$2 && shift 2 ;;
    *) wrong_option ;;
  esac
done
there_is() {
  "$qmgr" -c "list $1 $2" >/dev/null 2>&1
}
do_it() {
  "$qmgr" -c "$1" >/dev/null || fail "qmgr failed: $1"
  echo "qmgr: $1"
}
[ $files_only = yes ] || [ -x "$qmgr" ] || fail "no $qmgr: is this the server? See --qmgr and --files-only"

if [ $uninstall = yes ]; then
  if [ $files_only = no ] && there_is hook hotblock; then
    do_it 'delete hook hotblock'
    echo 'the resources hotblock and hotblock_images stay: jobs and hosts may have them'
  fi
  uninstall_common
  exit 0
fi
install_common
before=$(cat "$to/hotblock.py" 2>/dev/null)
install_file 644 "$here/hotblock.py" "$to/hotblock.py"
[ $files_only = no ] || exit 0
there_is resource hotblock || do_it 'create resource hotblock type=string'
there_is resource hotblock_images || do_it 'create resource hotblock_images type=string_array,flag=h'
if ! there_is hook hotblock; then
  do_it 'create hook hotblock'
  before=''
fi
if [ "$before" != "$(cat "$to/hotblock.py")" ]; then
  do_it "import hook hotblock application/x-python default $to/hotblock.py"
  do_it 'set hook hotblock event = "queuejob,runjob,execjob_begin,exechost_startup,exechost_periodic"'
  # fail_action stays none: nothing that goes wrong offlines a host.
  do_it 'set hook hotblock alarm = 15'
  do_it 'set hook hotblock freq = 60'
  do_it 'set hook hotblock enabled = true'
fi
echo 'for placing jobs by image: add hotblock_images to "resources" in sched_config, then kill -HUP the scheduler'
