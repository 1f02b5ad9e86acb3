#!/bin/sh
# Runs the tests of both crates, by cargo-nextest where it is here and else by
# cargo itself. Those of the server need DATABASE_URL; `make test` gives it, and
# so does
#
#     target/debug/callimico postgres --not-durable -- scripts/run-tests.sh
#
# Arguments are passed on: `--no-run` only builds, a name runs what contains it.
set -eu

cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace "$@"
fi
exec cargo test --no-fail-fast --workspace --lib --bins --tests "$@"
