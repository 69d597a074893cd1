#!/bin/sh
# Begun by submit.lua in the background, with well-formed references on stdin: the seeds begin.
HOTBLOCK_RACKS=
. "${0%/*}/hotblock.conf"
exec sh "${0%/*}/run-hook.sh" submit "" script ${HOTBLOCK_SEEDS:+--seeds "$HOTBLOCK_SEEDS"} \
  ${HOTBLOCK_RACKS:+--racks "$HOTBLOCK_RACKS"}
