#!/bin/sh
# Prepare-job hook of condor_starter: the job's ClassAd is on stdin. It prints nothing, as that would change the job, and
# ends with 0, as anything else would abort it. Images are named by the job's attribute HotblockImage (names, commas between)
# and by URLs hotblock://NAME among its input files.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
trap 'exit 0' HUP INT TERM
(
  found=$(head -c 1048576 | awk '
    { name = tolower($0); sub(/[ \t]*=.*/, "", name) }
    name == "clusterid" && $NF ~ /^[0-9]+$/ { cluster = $NF }
    name == "procid" && $NF ~ /^[0-9]+$/ { proc = $NF }
    (name == "hotblockimage" || name == "transferinput") && /=[ \t]*".*"[ \t]*$/ {
      text = $0
      sub(/^[^"]*"/, "", text)
      sub(/"[^"]*$/, "", text)
      count = split(text, words, /[ \t,]+/)
      for (i = 1; i <= count; i++) {
        word = words[i]
        if (name == "transferinput") {
          if (substr(word, 1, 11) != "hotblock://") continue
          word = substr(word, 12)
        }
        if (word != "") print "#HOTBLOCK image=" word
      }
    }
    END { if (cluster != "") print "job " cluster "." proc + 0 }
  ')
  images=$(printf '%s\n' "$found" | grep '^#HOTBLOCK ') || exit
  job=$(printf '%s\n' "$found" | sed -n 's/^job //p')
  printf '%s\n' "$images" | "${0%/*}/tell.sh" htcondor node "$job" script
) >/dev/null 2>&1
exit 0
