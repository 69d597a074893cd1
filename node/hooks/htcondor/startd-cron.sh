#!/bin/sh
# Startd cron job: puts into the machine's ClassAd which images it holds, so that jobs can ask for a machine that has theirs:
#   Rank = stringListMember("web", TARGET.HotblockImages)
if names=$("${0%/*}/held.sh" htcondor 2>/dev/null); then
  ready=true
else
  ready=false names=
fi
printf 'HotblockReady = %s\nHotblockImages = "%s"\n-\n' "$ready" "$(printf '%s' "$names" | tr '\n' ',')"
exit 0
