#!/bin/sh
# `make test`: every check, cheapest first; it ends at the first that fails. It sets up what it
# needs, uses its own Postgres, and leaves nothing running.
set -eu

name='make test'
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# The checks must not depend on the caller's settings, nor use the caller's database.
unset DATABASE_URL RUST_LOG
for variable in $(env | sed -n 's/^\(CALLIMICO_[A-Z_]*\)=.*/\1/p'); do
    [ "$variable" = CALLIMICO_CACHE_DIR ] || unset "$variable"
done

make_work
# Postgres does not run as root, and its user must be able to enter this folder.
chmod 755 "$work"
began=$(date +%s)

# Runs one check and prints its name and how long it took.
step() {
    title=$1
    shift
    step_began=$(date +%s)
    printf '\n== %s\n' "$title"
    "$@" || fail "failed: $title (see above)"
    printf '== %s: done in %s s\n' "$title" "$(($(date +%s) - step_began))"
}

need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    say "installing $2 with rustup"
    { command -v rustup >/dev/null && rustup component add "$2"; } ||
        fail "cargo $1 is not here; install Rust's component $2 (rustup component add $2)"
}

set_up() {
    need_cargo
    need_component fmt rustfmt
    need_component clippy clippy
    scripts/setup-postgres.sh && ORT_DYLIB_PATH=$(scripts/setup-onnxruntime.sh) &&
        CHROMEDRIVER=$(scripts/setup-browser.sh) && export ORT_DYLIB_PATH CHROMEDRIVER
}

with_postgres() {
    "$(target_dir)/debug/callimico" postgres --not-durable --data-dir "$work/data" -- "$@"
}

step "set-up: Rust's components, Postgres, ONNX Runtime, a browser" set_up
step "scripts and container files" scripts/check-files.sh
step "format: cargo fmt --check" cargo fmt --all --check
step "lints: cargo clippy, warnings denied" cargo clippy --locked --workspace --all-targets -- --deny warnings
# The tests of the command line need the program, so this builds it too.
step "build: the program and all tests" scripts/run-tests.sh --no-run
step "the API's description: openapi-spec-validator" scripts/check-openapi.sh
step "queries: .sqlx against a migrated database" with_postgres scripts/check-sqlx.sh
step "examples in the documentation: cargo test --doc" cargo test --workspace --doc
step "tests: unit, golden, property, hostile input, server, browser" with_postgres scripts/run-tests.sh
printf '\n== every check passed, in %s s\n' "$(($(date +%s) - began))"
