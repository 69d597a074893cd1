#!/bin/sh
# File transfer plugin of HTCondor for hotblock://NAME: brings the image to this machine and puts it where the job wants it.
# Unlike a hook it may fail, and says why: without the file that it asked for the job cannot run.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
if [ "$#" -eq 1 ] && [ "$1" = -classad ]; then
  cat <<'END'
MultipleFileSupport = true
PluginVersion = "1.0"
PluginType = "FileTransfer"
ProtocolVersion = 2
SupportedMethods = "hotblock"
END
  exit 0
fi
. "${0%/*}/hotblock.conf"
socket=''
[ ! -w "$HOTBLOCK_HOME/control.sock" ] && [ -S "$HOTBLOCK_JOB_SOCKET" ] && socket=$HOTBLOCK_JOB_SOCKET
exec env -i PATH="$PATH" "$HOTBLOCK" condor-transfer --home "$HOTBLOCK_HOME" \
  --seconds "$HOTBLOCK_TRANSFER_SECONDS" ${socket:+--socket "$socket"} -- "$@"
