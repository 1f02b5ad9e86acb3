#!/bin/sh
# `make clean-demo`: removes what `make demo` made.
set -eu

name=clean-demo
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

if [ ! -d demo-data ]; then
    say "there is no demo to remove"
    exit 0
fi
# The program holds this lock while it runs.
if [ -e demo-data/postgres.lock ] && command -v flock >/dev/null && ! flock --nonblock demo-data/postgres.lock true; then
    fail "the demo is running; end it first (Ctrl-C where it runs)"
fi
# If the user of Postgres cannot reach this folder, the database is elsewhere, behind a link.
home=$(readlink demo-data/postgres || :)
case $home in
/var/lib/callimico/?*) rm -rf "$home" ;;
esac
rm -rf demo-data
say "removed demo-data"
