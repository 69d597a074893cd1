#!/bin/sh
# Prolog of slurmd: this node's own daemon begins. A status that is not 0, or waiting, would drain the node.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
(
  printf 'comment: %s\nconstraint: %s\n' "$SLURM_JOB_COMMENT" "$SLURM_JOB_CONSTRAINTS" | head -c 8192 |
    setsid -f timeout -k 1 40 sh "${0%/*}/run-hook.sh" node "$SLURM_JOB_ID"
) </dev/null >/dev/null 2>&1
exit 0
