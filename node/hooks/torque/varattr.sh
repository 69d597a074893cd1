#!/bin/sh
# For $varattr of pbs_mom: one line NAME:1 for each image that this node holds, which pbsnodes shows and Moab can ask for.
"${0%/*}/held.sh" torque 2>/dev/null | sed 's/^/hotblock_/; s/$/:1/'
exit 0
