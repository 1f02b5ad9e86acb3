#!/bin/sh
# Measures the end of a large competition: ENTRIES (1,000) entries of MICO's size from the upload to the final board, with
# WORKERS (2) worker processes, on a private Postgres with the usual settings. It takes some minutes and 2 GB of disk.
# docs/PERFORMANCE.md has figures, and benches/final.rs says what is not as in life.
set -eu

name=bench-final
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

need_cargo
make_work
# Postgres does not run as root, and its user must be able to enter this folder.
chmod 755 "$work"
cargo build --release --bin callimico
cargo bench --bench final --no-run
"$(target_dir)/release/callimico" postgres --data-dir "$work/data" -- cargo bench --quiet --bench final
