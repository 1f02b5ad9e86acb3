#!/bin/sh
# `make demo`: builds the program, which then creates and serves a small real competition. All its
# data is in ./demo-data, and running it again continues with that. Arguments are passed to
# `callimico demo`.
set -eu

name=demo
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# The demo has its own database and uploads; those of the environment may be a real competition's.
unset DATABASE_URL CALLIMICO_OBJECTS
export CALLIMICO_DATA_DIR="$PWD/demo-data"

need_cargo
scripts/setup-postgres.sh || exit 1
ORT_DYLIB_PATH=$(scripts/setup-onnxruntime.sh) || exit 1
export ORT_DYLIB_PATH
say "building the program (five to ten minutes the first time, on two cores)"
cargo build --release --locked --bin callimico ||
    fail "the program could not be built; see above"
exec "$(target_dir)/release/callimico" demo "$@"
