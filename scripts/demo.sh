#!/bin/sh
# `make demo`: builds the program, and lets it make and serve a small real
# competition. Everything the demo makes lies in ./demo-data; run again, it goes
# on where it was. Arguments go to `callimico demo`.
set -eu

name=demo
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# The demo has a database and uploads of its own; what the environment names may be a real competition's.
unset DATABASE_URL CALLIMICO_OBJECTS
export CALLIMICO_DATA_DIR="$PWD/demo-data"

need_cargo
scripts/setup-postgres.sh || exit 1
ORT_DYLIB_PATH=$(scripts/setup-onnxruntime.sh) || exit 1
export ORT_DYLIB_PATH
say "building the program (five to ten minutes the first time, on two cores)"
cargo build --release --locked --bin callimico ||
    fail "the program could not be built; what is wrong stands above"
exec "$(target_dir)/release/callimico" demo "$@"
