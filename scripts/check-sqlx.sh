#!/bin/sh
# Checks that .sqlx, from which the program is compiled when there is no database, matches the
# queries and the migrations. `--refresh` (`make sqlx`) writes it instead. It needs no sqlx-cli.
#
# DATABASE_URL names an empty Postgres database. If it is not set, the last build of the program
# runs a private Postgres. That build may be older than the sources, which may not compile before
# .sqlx is refreshed.
set -eu

name=check-sqlx
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

refresh=false
case "$#,${1:-}" in
0,) ;;
1,--refresh) refresh=true ;;
*) fail "usage: $0 [--refresh]" ;;
esac

need_cargo
make_work

if [ -z "${DATABASE_URL:-}" ]; then
    scripts/setup-postgres.sh || exit 1
    program=$(target_dir)/debug/callimico
    [ -x "$program" ] || cargo build --bin callimico ||
        fail "the program, which runs the private Postgres, cannot be built: build it from the last commit," \
            "or set DATABASE_URL to an empty database"
    # Postgres does not run as root, and its user must be able to enter this folder.
    chmod 755 "$work"
    "$program" postgres --not-durable --data-dir "$work/data" -- scripts/check-sqlx.sh "$@"
    exit
fi

# Debian puts psql on PATH; other systems have it beside the server.
if bin=$(find_postgres); then
    PATH=$PATH:$bin
fi
command -v psql >/dev/null || fail "psql is not here; install it (Debian, Ubuntu: apt install postgresql-client)"
for migration in migrations/*.sql; do
    quietly psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction --file="$migration" "$DATABASE_URL" ||
        fail "$migration cannot be applied; the database must be empty"
done

# The macros write a query's file when they are compiled, so sources that are compiled already must
# look changed. Their time is restored afterwards unless they were edited meanwhile.
cp -p src/lib.rs "$work/lib.rs"
unchange() {
    if cmp -s src/lib.rs "$work/lib.rs"; then
        touch -r "$work/lib.rs" src/lib.rs
    fi
}
mkdir "$work/sqlx"
touch src/lib.rs
if ! SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$work/sqlx" cargo check --workspace --all-targets; then
    unchange
    fail "the queries do not compile against the migrated database; see above"
fi
unchange

mkdir -p .sqlx
if "$refresh"; then
    rm -f .sqlx/query-*.json
    cp "$work"/sqlx/query-*.json .sqlx/
    say "wrote $(find .sqlx -name 'query-*.json' | wc -l) queries; commit .sqlx with what changed them"
elif diff -r .sqlx "$work/sqlx" >&2; then
    say "$(find .sqlx -name 'query-*.json' | wc -l) queries are as .sqlx has them"
else
    fail ".sqlx does not match the queries and migrations: run \`make sqlx\` and commit the folder"
fi
