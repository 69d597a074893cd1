#!/bin/sh
# Installs hotblock's hooks for HTCondor on this machine, and says what it changes; a second run changes nothing.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
scheduler=htcondor
usage='usage: install.sh [--config-dir DIR] [--dir DIR] [--hotblock PROGRAM] [--home DIR] [--uninstall]

  --config-dir DIR    LOCAL_CONFIG_DIR of HTCondor (default: /etc/condor/config.d)'
. "$here/../common/install.sh"
config=/etc/condor/config.d
while [ $# -gt 0 ]; do
  if common_option "$@"; then
    shift "$taken"
    continue
  fi
  case $1 in
    --config-dir) absolute "$1" "${2:-}" && config=$2 && shift 2 ;;
    *) wrong_option ;;
  esac
done

if [ $uninstall = yes ]; then
  # First what names the files, then the files: a hook that is named and missing would abort jobs.
  if [ -e "$config/90-hotblock.conf" ]; then
    rm -f "$config/90-hotblock.conf" || fail "cannot remove $config/90-hotblock.conf"
    echo "removed $config/90-hotblock.conf; now: condor_reconfig, then install.sh --uninstall once more"
    exit 0
  fi
  uninstall_common
  exit 0
fi
[ -d "$config" ] || fail "no directory $config: is HTCondor here? See --config-dir"
install_common
for name in prepare-job.sh schedd-cron.sh startd-cron.sh transfer-plugin.sh; do
  install_file 755 "$here/$name" "$to/$name"
done
install_file 644 "$here/90-hotblock.conf" "$config/90-hotblock.conf"
