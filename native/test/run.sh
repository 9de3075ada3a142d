#!/usr/bin/env bash
# Builds native/core with its tests under sanitizers and runs them (DESIGN D11): gcc and, if there is one, clang;
# ASan + UBSan for everything, TSan for the threaded test. The Node-API side is compiled with warnings as errors.
#   CC=gcc native/test/run.sh     one compiler only
set -euo pipefail
cd "$(dirname "$0")"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

warnings=(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wvla)
common=(-std=c11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer -pthread "${warnings[@]}")

compilers=()
for compiler in ${CC:-gcc clang}; do
  if command -v "$compiler" >/dev/null; then compilers+=("$compiler"); else echo "skip $compiler: not installed"; fi
done
[ ${#compilers[@]} -gt 0 ] || { echo 'no C compiler'; exit 1; }

# $1 compiler, $2 name, rest: flags
build() {
  local compiler=$1 name=$2
  shift 2
  "$compiler" "${common[@]}" "$@" ../core/*.c ./*.c -o "$out/$name"
}

headers=$(node -p 'require("node:path").join(process.execPath, "../../include/node")')

for compiler in "${compilers[@]}"; do
  echo "== $compiler: warnings"
  if [ -f "$headers/node_api.h" ]; then
    for file in ../napi/*.c; do
      "$compiler" -std=c11 -D_GNU_SOURCE -DNAPI_VERSION=8 -O2 "${warnings[@]}" -isystem "$headers" -fsyntax-only "$file"
    done
  else
    echo "skip napi: no headers in $headers"
  fi
  echo "== $compiler: address and undefined behaviour"
  build "$compiler" address -fsanitize=address,undefined -fno-sanitize-recover=all
  UBSAN_OPTIONS=print_stacktrace=1 "$out/address"
  echo "== $compiler: threads"
  build "$compiler" thread -fsanitize=thread
  # Some kernels place mappings where TSan's runtime cannot cope; without randomisation it can.
  setarch "$(uname -m)" -R "$out/thread" threads
done
echo 'native tests passed'
