#!/bin/sh
# Prologue of pbs_mom, as root and with an empty environment, on the first node of a job (mom_priv/prologue) and on the others
# (mom_priv/prologue.parallel). Status 1 would abort the job, any other but 0 would requeue it.
#
#   1 job   5 requested resources, commas between   8 path of the job's script   9 hosts of the job (since Torque 9)
#
# Images are named by lines #HOTBLOCK image=NAME of the script, or by -l software=hotblock:NAME or other=hotblock:NAME.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
trap 'exit 0' HUP INT TERM
(
  job=$1 resources=$5 script=$8 hosts=$9
  lines() {
    printf '%s\n' "$resources" | head -c 65536 | tr ',+' '\n\n' |
      sed -n -e 's/^software=hotblock:/#HOTBLOCK image=/p' -e 's/^other=hotblock:/#HOTBLOCK image=/p'
    # A path that Torque gives; what it names has to be a file of its own, and none that a link leads to.
    case $script in /*) [ -f "$script" ] && [ ! -L "$script" ] && head -c 65536 "$script" | grep '^#HOTBLOCK[[:space:]]' ;; esac
  }
  text=$(lines)
  [ -n "$text" ] || exit
  set -- node
  case $hosts in *,*) set -- allocate "$hosts" ;; esac
  printf '%s\n' "$text" | "${0%/*}/tell.sh" torque "$1" "$job" script ${2:+--on "$2"}
) </dev/null >/dev/null 2>&1
exit 0
