#!/bin/sh
# PrologSlurmctld: the nodes of the job are known, and their daemons begin. A status that is not 0 would requeue the job.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
(
  printf 'comment: %s\nconstraint: %s\n' "$SLURM_JOB_COMMENT" "$SLURM_JOB_CONSTRAINTS" | head -c 8192 |
    setsid -f timeout -k 1 40 sh "${0%/*}/run-hook.sh" allocate "$SLURM_JOB_ID" --on "$SLURM_JOB_NODELIST"
) </dev/null >/dev/null 2>&1
exit 0
