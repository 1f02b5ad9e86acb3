#!/bin/sh
# Runs the tests of all crates, with cargo-nextest if it is installed, else with cargo itself. The
# server's tests need DATABASE_URL; `make test` sets it, and so does
#
#     target/debug/callimico postgres --not-durable -- scripts/run-tests.sh
#
# Arguments are passed on: `--no-run` only builds, a name runs the tests whose names contain it.
set -eu

cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace "$@"
fi
exec cargo test --no-fail-fast --workspace --lib --bins --tests "$@"
