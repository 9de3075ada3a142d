#!/usr/bin/env bash
# Checks native/model/sleep.pml with spin (apt install spin): the protocol must hold, every mutant must be caught.
set -euo pipefail
cd "$(dirname "$0")"
model=$PWD/sleep.pml

command -v spin >/dev/null || { echo 'skip: spin is not installed'; exit 0; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"

# $1: what to define; prints spin's number of errors
errors() {
  spin -a ${1:+"-D$1"} -DMESSAGES="${MESSAGES:-3}" "$model" >spin.log || { cat spin.log >&2; exit 1; }
  "${CC:-cc}" -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
  ./pan -m2000000 -n >pan.log
  if grep -q 'max search depth too small\|out of memory' pan.log; then cat pan.log >&2; exit 1; fi
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

found=$(errors '')
echo "protocol: $found errors, $(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log) states"
[ "$found" = 0 ] || { grep -i 'pan:' pan.log; exit 1; }
for mutant in NO_CONSUMER_FENCE NO_PRODUCER_FENCE NO_SPACE_FENCE NO_RECHECK NO_SPACE_RECHECK NO_BELL_FOR_SPACE NO_REASSERT NO_REASSERT_ORDER; do
  found=$(errors "$mutant")
  [ "$found" != 0 ] || { echo "mutant $mutant was not caught"; exit 1; }
  echo "mutant $mutant: caught"
done
