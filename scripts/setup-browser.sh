#!/bin/sh
# Makes sure that the browser tests find a Chromium (or Chrome) and the chromedriver that controls
# it, and prints the driver's path. If one is missing, it installs Debian's packages where it may.
#
# Ubuntu has Chromium only as a snap, which apt cannot install and which does not run in a
# container; there a browser must be installed by hand.
set -eu

name=setup-browser
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

make_work

# Ubuntu's chromium-browser may be a script that only says to install the snap, so each program is
# asked for its version.
find_browser() {
    for program in chromium chromium-browser google-chrome google-chrome-stable chrome /snap/bin/chromium; do
        if version=$("$program" --version 2>/dev/null) && [ -n "$version" ]; then
            printf '%s\n' "$version"
            return
        fi
    done
    return 1
}

# Prints the path of the driver.
find_driver() {
    for program in ${CHROMEDRIVER:+"$CHROMEDRIVER"} chromedriver /usr/lib/chromium/chromedriver \
        /usr/lib/chromium-browser/chromedriver /snap/bin/chromium.chromedriver; do
        if "$program" --version >/dev/null 2>&1; then
            command -v "$program"
            return
        fi
    done
    return 1
}

# Chromium's package only recommends its sandbox and fonts, and recommended packages are not
# installed: the tests need no sandbox, but a font is named here.
if browser=$(find_browser) && driver=$(find_driver); then
    say "found $browser"
elif install_packages chromium chromium-driver fonts-dejavu-core && browser=$(find_browser) && driver=$(find_driver); then
    say "installed $browser"
else
    fail "the browser tests need Chromium (or Chrome) and its chromedriver; install both" \
        "(Debian: apt install chromium chromium-driver; Ubuntu: snap install chromium)," \
        "set CHROMEDRIVER if the driver is not on PATH, and run this again"
fi
printf '%s\n' "$driver"
