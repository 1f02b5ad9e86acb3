#!/bin/sh
# Makes sure that callimico finds ONNX Runtime, with which `callimico lira` and the demo run models,
# and prints the library's path. If ORT_DYLIB_PATH names no library and none was unpacked before, it
# unpacks the library of the Python wheel "onnxruntime" into callimico's cache folder. That needs
# python3, which it installs where it may.
set -eu

name=setup-onnxruntime
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

wheel='onnxruntime>=1.24,<2'
cache=$(callimico_cache)
make_work

find_library() {
    for dir in "$cache" /var/cache/callimico; do
        for library in "$dir"/onnxruntime/onnxruntime/capi/libonnxruntime.so* \
            "$dir"/onnxruntime/onnxruntime/capi/libonnxruntime.*dylib; do
            if [ -f "$library" ]; then
                printf '%s\n' "$library"
                return
            fi
        done
    done
    return 1
}

if [ -n "${ORT_DYLIB_PATH:-}" ]; then
    [ -f "$ORT_DYLIB_PATH" ] || fail "ORT_DYLIB_PATH names $ORT_DYLIB_PATH, which is not a file; unset it or set it right"
    library=$ORT_DYLIB_PATH
    say "ORT_DYLIB_PATH is set, nothing to do"
elif library=$(find_library); then
    say "found ONNX Runtime: $library"
elif unpack_wheel "$wheel" onnxruntime 'onnxruntime/capi/libonnxruntime*' && library=$(find_library); then
    say "unpacked ONNX Runtime: $library"
else
    fail "ONNX Runtime could not be set up; install it by hand (python3 -m pip install onnxruntime)" \
        "and set ORT_DYLIB_PATH to libonnxruntime.so.* in its folder onnxruntime/capi"
fi
printf '%s\n' "$library"
