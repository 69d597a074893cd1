#!/bin/sh
# Pre-execution command of an LSF queue or application (PRE_EXEC): runs on the first host of a job, with the job's
# environment, as root where lsf.sudoers says so. Status 99 would end the job, any other but 0 would make it wait again.
#
# Of the environment it reads HOTBLOCK_IMAGE, LSB_JOBID, LSB_JOBINDEX and LSB_MCPU_HOSTS.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset IFS
trap 'exit 0' HUP INT TERM
(
  text=$(printf '%s' "$HOTBLOCK_IMAGE" | head -c 8192 | tr ', \t\n' '\n\n\n\n' | sed '/^$/d; s/^/hotblock=/' | paste -s -d , -)
  [ -n "$text" ] || exit
  job=$LSB_JOBID
  case $LSB_JOBINDEX in '' | 0 | *[!0-9]*) ;; *) job="$job[$LSB_JOBINDEX]" ;; esac
  # Hosts and slots in turn: hosta 4 hostb 4.
  hosts=$(printf '%s' "$LSB_MCPU_HOSTS" | head -c 262144 | tr ' \t' '\n\n' | sed '/^$/d' | sed -n 'p;n' | sort -u | paste -s -d , -)
  set -- node
  case $hosts in *,*) set -- allocate "$hosts" ;; esac
  printf '%s\n' "$text" | "${0%/*}/tell.sh" lsf "$1" "$job" comment ${2:+--on "$2"}
) </dev/null >/dev/null 2>&1
exit 0
