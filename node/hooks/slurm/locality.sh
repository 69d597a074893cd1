#!/bin/sh
# Tells Slurm which images this node holds, as tokens hotblock=NAME of its features, its Extra or its Comment. For cron or
# a timer on each node, as root: locality.sh [NODE]; it calls scontrol only where something changed.
#
# A job that constrains to a feature which no node has active is refused, or held if it waits already. So a feature is only
# taken from a node while one of a lesser name has it: however many run this at the same time, the last one stays. A job
# that is placed by it where the image is not any more has it fetched.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
node=${1:-${SLURMD_NODENAME:-$(hostname -s)}}
# The settings may tell several nodes of one machine apart by it.
SLURMD_NODENAME=$node
. "${0%/*}/hotblock.conf"
[ -e "$HOTBLOCK_OFF_FILE" ] && exit 0
IMAGES_MAX=32
FEATURES_MAX=128

# A daemon that does not answer says nothing of what the node holds: then all stays as it is.
answer=$(
  timeout -k 1 2 env -i PATH="$PATH" HOME=/nonexistent "$HOTBLOCK" hook images --json --scheduler slurm \
    --home "$HOTBLOCK_HOME" --socket "$HOTBLOCK_SOCKET" --off-file "$HOTBLOCK_OFF_FILE" </dev/null 2>/dev/null
) || exit 0
case $answer in \[*\]) ;; *) exit 0 ;; esac
held=$(printf '%s' "$answer" | tr -d '[]"' | tr ',' '\n' | grep -E '^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$' | sort -u |
  head -n "$IMAGES_MAX" | sed 's/^/hotblock=/')

shown=$(timeout -k 1 5 scontrol show node "$node" </dev/null 2>/dev/null) || exit 0
# What a field has now, one token a line.
now() {
  printf '%s\n' "$shown" | sed -n "s/^ *$1=//p" | head -n 1 | tr ',' '\n' | grep -v -x -e '(null)' -e ''
}
# The lines on stdin as one line with commas.
joined() {
  paste -s -d , -
}
# scontrol is told only what is not so already.
tell() {
  timeout -k 1 5 scontrol update "NodeName=$node" "$@" </dev/null >/dev/null 2>&1
}

case $HOTBLOCK_LOCALITY in
  features)
    gone=$(now ActiveFeatures | grep '^hotblock=' | grep -v -x -F -e "${held:--}")
    if [ -n "$gone" ]; then
      # Node and active features, of all nodes.
      nodes=$(timeout -k 1 5 sinfo -h -N -o '%N|%b' </dev/null 2>/dev/null) || exit 0
      before=$(printf '%s\n' "$nodes" | awk -F '|' -v node="$node" '($1 "") < (node "") { print $2 }' | tr ',' '\n')
      gone=$(printf '%s\n' "$gone" | grep -v -x -F -e "${before:--}")
    fi
    tokens=$(printf '%s\n' "$gone" "$held" | grep . | head -n "$FEATURES_MAX" | sort -u)
    active=$({ now ActiveFeatures | grep -v '^hotblock='; printf '%s\n' "$tokens"; } | grep . | joined)
    available=$({ now AvailableFeatures | grep -v '^hotblock='; printf '%s\n' "$tokens"; } | grep . | joined)
    [ "$available|$active" = "$(now AvailableFeatures | joined)|$(now ActiveFeatures | joined)" ] ||
      tell "AvailableFeatures=$available" "ActiveFeatures=$active"
    ;;
  extra | comment)
    field=Extra
    [ "$HOTBLOCK_LOCALITY" = comment ] && field=Comment
    other=$(now "$field" | grep -v '^hotblock=')
    text=$({ printf '%s\n' "$other"; printf '%s\n' "$held"; } | grep . | joined)
    [ "$text" = "$(now "$field" | joined)" ] || tell "$field=$text"
    ;;
esac
exit 0
