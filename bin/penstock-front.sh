#!/bin/sh
# Runs `penstock` for the scripts beside it: the one in this folder, the one that was built in this
# tree, or the one in the path.  PENSTOCK names another.
here=$(dirname "$(readlink -f "$0")")
if [ -n "$PENSTOCK" ]; then
  [ -f "$PENSTOCK" ] && [ -x "$PENSTOCK" ] && exec "$PENSTOCK" "$@"
  echo "$1.sh: PENSTOCK names $PENSTOCK, which cannot be run: set it to the program penstock" >&2
  exit 1
fi
for program in "$here/penstock" "$here/../build/release/bin/penstock" \
               "$here/../build/dev/bin/penstock"; do
  [ -f "$program" ] && [ -x "$program" ] && exec "$program" "$@"
done
command -v penstock > /dev/null && exec penstock "$@"
echo "$1.sh: there is no penstock, neither here nor in the path: build it, or set PENSTOCK to it" >&2
exit 1
