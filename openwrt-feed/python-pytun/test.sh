#!/bin/sh

[ "$1" = python3-pytun ] || exit 0

python3 - << 'EOF'
import pytun

assert pytun.IFF_TAP == 2 and pytun.IFF_NO_PI == 0x1000
assert issubclass(pytun.Error, Exception)
EOF
