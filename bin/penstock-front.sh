#!/bin/sh
# Runs `penstock` for the scripts beside it: the one in this folder, the one that was built in this
# tree, or the one in the path.  PENSTOCK names another.
here=$(dirname "$(readlink -f "$0")")
for program in "$PENSTOCK" "$here/penstock" "$here/../build/release/bin/penstock" \
               "$here/../build/dev/bin/penstock"; do
  if [ -n "$program" ] && [ -x "$program" ]; then
    exec "$program" "$@"
  fi
done
exec penstock "$@"
