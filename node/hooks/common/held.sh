#!/bin/sh
# Prints the names of the images that this node holds, one a line, at most 256: held.sh SCHEDULER. Status 1 where the daemon
# does not say; then nothing is printed. Takes at most 3 s.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
. "${0%/*}/hotblock.conf"
[ -e "$HOTBLOCK_OFF_FILE" ] && exit 1
scheduler=$1
set --
socket=$HOTBLOCK_SOCKET
[ -z "$socket" ] && [ ! -w "$HOTBLOCK_HOME/control.sock" ] && [ -S "$HOTBLOCK_JOB_SOCKET" ] && socket=$HOTBLOCK_JOB_SOCKET
[ -n "$socket" ] && set -- --socket "$socket"
# As JSON, where no images are told from no answer.
answer=$(
  timeout -k 1 2 env -i PATH="$PATH" "$HOTBLOCK" hook images --json --scheduler "$scheduler" \
    --home "$HOTBLOCK_HOME" --off-file "$HOTBLOCK_OFF_FILE" "$@" </dev/null 2>/dev/null
) || exit 1
case $answer in \[*\]) ;; *) exit 1 ;; esac
printf '%s' "$answer" | tr -d '[]"' | tr ',' '\n' | grep -E '^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$' | sort -u | head -n 256
exit 0
