#!/bin/sh

[ "$1" = python3-segno ] || exit 0

python3 - "$2" << 'EOF'
import sys

import segno

assert segno.__version__ == sys.argv[1], segno.__version__
assert segno.make("ipop1-AQF", error="l", micro=False).version == 1
EOF
