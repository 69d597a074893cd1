#!/bin/sh
# Hands a moment of a job over to this machine's daemon: run-hook.sh MOMENT JOB KIND [ARGUMENT...], the job's text, which
# is of that kind, on stdin. It runs in the background of Slurm. A few run at the same time; the others wait for them, and
# give up after 30 s.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
moment=$1 job=$2 kind=$3
shift 3
. "${0%/*}/hotblock.conf"
[ -e "$HOTBLOCK_OFF_FILE" ] && exit 0

log=${HOTBLOCK_LOG:-/dev/null}
[ -n "$(find "$log" -type f -size +1024k 2>/dev/null)" ] && mv -f "$log" "$log.1"
# Where the log cannot be opened, the hand-over is done all the same.
{ : >>"$log"; } 2>/dev/null || log=/dev/null
exec >/dev/null 2>>"$log"

# A thousand jobs that say the same within some seconds are told once.
text=$(head -c 8192)
told=$HOTBLOCK_TURNS/told.$(printf '%s\n' "$moment" "$HOTBLOCK_HOME" "$text" "$@" | sha256sum | cut -c 1-32)
[ -n "$(find "$told" -newermt '-10 seconds' 2>/dev/null)" ] && exit 0
{ : >"$told"; } 2>/dev/null
find "$HOTBLOCK_TURNS" -name 'told.*' ! -newermt '-60 seconds' -delete 2>/dev/null

# The environment is emptied: nothing of the job's or the scheduler's means anything to hotblock.
printf '%s\n' "$text" | flock -w 30 -E 75 "$HOTBLOCK_TURNS/turn.$(($$ % 4))" \
  timeout -k 1 2 env -i PATH="$PATH" HOME=/nonexistent "$HOTBLOCK" hook "$moment" --scheduler slurm --job "$job" \
  --home "$HOTBLOCK_HOME" --socket "$HOTBLOCK_SOCKET" --spool "$HOTBLOCK_SPOOL" --off-file "$HOTBLOCK_OFF_FILE" \
  --text - --text-kind "$kind" "$@"
status=$?
[ "$status" -eq 0 ] && exit 0

echo "hotblock hook: $moment ended with status $status (75: too many at once; 124, 137: took too long)" >&2
# Counted where hotblock counts its own, if that is a place of this user's, so that no link leads elsewhere.
counts=${HOTBLOCK_SPOOL:-$HOTBLOCK_HOME/hooks}
count=$counts/failures-$(id -u).log
[ -O "$counts" ] && [ ! -L "$count" ] && [ -z "$(find "$count" -size +63k 2>/dev/null)" ] || exit 0
case $status in
  75) code=BUSY ;;
  124 | 137) code=TIMEOUT ;;
  *) code=INTERNAL ;;
esac
echo "$moment slurm $code" >>"$count"
