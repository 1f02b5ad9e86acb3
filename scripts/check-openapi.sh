#!/bin/sh
# Checks that the description of the API is valid OpenAPI, with the validator
# openapi-spec-validator of the Python package index. It needs no server: the
# program that was last built prints the description.
set -eu

name=check-openapi
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

validator=openapi-spec-validator
version=0.9.0

need_cargo
make_work
program=$(target_dir)/debug/callimico
[ -x "$program" ] || cargo build --bin callimico || fail "the program, which prints the description, cannot be built"
python=$(python_with_pip) || fail "python3 with pip or venv, which the validator needs, is not here"

# Some of what it needs is compiled for one version of Python.
for_python=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
folder=$(callimico_cache)/$validator-$version-python-$for_python
if [ ! -d "$folder" ]; then
    say "installing $validator $version in $folder"
    new=$folder.new-$$
    mkdir -p "$(dirname "$folder")"
    if ! quietly "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --target "$new" "$validator==$version"; then
        rm -rf "$new"
        fail "$validator cannot be installed; what pip said stands above"
    fi
    mv "$new" "$folder"
fi

"$program" openapi >"$work/openapi.json" || fail "the program cannot print the description"
if ! PYTHONPATH=$folder "$python" -m openapi_spec_validator --schema 3.1 --subschema-errors all --validation-errors all \
    "$work/openapi.json" >"$work/said" 2>&1; then
    cat "$work/said" >&2
    fail "the description is not valid OpenAPI 3.1; what is wrong stands above"
fi
say "the description of the API is valid OpenAPI 3.1"
