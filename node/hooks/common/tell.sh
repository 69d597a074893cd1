#!/bin/sh
# Tells this machine's daemon of a moment of a job: tell.sh SCHEDULER MOMENT JOB KIND [ARGUMENT...]. KIND is what the job's
# text on stdin is, script or comment; none: there is no text, and stdin is left alone. It prints nothing, takes at most
# 3 s, and ends with 0 whatever happens.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
trap 'exit 0' HUP INT TERM
# What breaks in here, the settings too, does not break the hook.
(
  # Settings of before racks were known have no such line.
  HOTBLOCK_RACKS=
  . "${0%/*}/hotblock.conf"
  [ -e "$HOTBLOCK_OFF_FILE" ] && exit
  scheduler=$1 moment=$2 job=$3 kind=$4
  shift 4
  case $kind in
    script | comment) set -- "$@" --text - --text-kind "$kind" ;;
    *) exec </dev/null ;;
  esac
  socket=$HOTBLOCK_SOCKET
  if [ -z "$socket" ] && [ ! -w "$HOTBLOCK_HOME/control.sock" ] && [ -S "$HOTBLOCK_JOB_SOCKET" ]; then
    # All that any user may say there is that this machine will need the image.
    socket=$HOTBLOCK_JOB_SOCKET moment=node
  fi
  [ -n "$HOTBLOCK_SEEDS" ] && [ "$moment" = submit ] && set -- "$@" --seeds "$HOTBLOCK_SEEDS"
  [ -n "$HOTBLOCK_RACKS" ] && [ "$moment" = submit ] && set -- "$@" --racks "$HOTBLOCK_RACKS"
  [ -n "$socket" ] && set -- "$@" --socket "$socket"

  log=${HOTBLOCK_LOG:-/dev/null}
  [ -n "$(find "$log" -type f -size +1024k 2>/dev/null)" ] && mv -f "$log" "$log.1"
  # Where the log cannot be opened, the daemon is told all the same.
  { : >>"$log"; } 2>/dev/null || log=/dev/null
  exec >/dev/null 2>>"$log"

  # The environment is emptied: it may be the job's, and would be obeyed by what runs here as root.
  timeout -k 1 2 env -i PATH="$PATH" "$HOTBLOCK" hook "$moment" --scheduler "$scheduler" --job "$job" \
    --home "$HOTBLOCK_HOME" --off-file "$HOTBLOCK_OFF_FILE" "$@"
  status=$?
  [ "$status" -eq 0 ] && exit
  echo "hotblock hook: $moment ended with status $status (124, 137: took too long; 127: not there)" >&2
  # Counted where hotblock counts its own, if that is a place of this user's, so that no link leads elsewhere.
  counts=$HOTBLOCK_HOME/hooks
  count=$counts/failures-$(id -u).log
  [ -O "$counts" ] && [ ! -L "$count" ] && [ -z "$(find "$count" -size +63k 2>/dev/null)" ] || exit
  case $status in
    124 | 137) code=TIMEOUT ;;
    *) code=INTERNAL ;;
  esac
  echo "$moment $scheduler $code" >>"$count"
) >/dev/null 2>&1
exit 0
