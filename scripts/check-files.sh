#!/bin/sh
# Checks what cargo does not: the scripts, the Dockerfile and docker-compose.yml. If a tool is
# missing and apt cannot install it without a password, its check is skipped and named; none of the
# tools is needed to work on the program.
set -eu

name=check-files
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

make_work

scripts() {
    if ! command -v shellcheck >/dev/null && ! install_packages shellcheck; then
        say "skipped the scripts: shellcheck is not here"
        return
    fi
    shellcheck --external-sources scripts/*.sh .ci/run
    say "the scripts are in order"
}

dockerfile() {
    if command -v hadolint >/dev/null; then
        hadolint Dockerfile
    elif docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
        docker buildx build --check .
    else
        say "skipped the Dockerfile: neither hadolint nor a Docker engine is here"
        return
    fi
    say "the Dockerfile is in order"
}

# Compose refuses to run without a password, so it gets one.
compose() {
    if docker compose version >/dev/null 2>&1; then
        POSTGRES_PASSWORD=checked docker compose config --quiet
    elif command -v docker-compose >/dev/null; then
        POSTGRES_PASSWORD=checked docker-compose config --quiet
    elif python3 -c 'import yaml' 2>/dev/null; then
        python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1], encoding="utf-8"))' docker-compose.yml
        say "docker-compose.yml is YAML; skipped what it means: Docker Compose is not here"
        return
    else
        say "skipped docker-compose.yml: neither Docker Compose nor PyYAML is here"
        return
    fi
    say "docker-compose.yml is in order"
}

scripts
dockerfile
compose
