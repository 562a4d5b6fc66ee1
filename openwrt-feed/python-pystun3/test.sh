#!/bin/sh

[ "$1" = python3-pystun3 ] || exit 0

python3 - "$2" << 'EOF'
import sys

import stun

assert stun.__version__ == sys.argv[1], stun.__version__
assert stun.FullCone == "Full Cone"
EOF
