# Runs test functions of one module on MicroPython: `micropython on_micropython.py MODULE FUNCTION...`.
# conftest.py starts it and reads the lines that begin with MARK; what stands between them is the test's own.

import sys

MARK = "\x01"

module = __import__(sys.argv[1])
for name in sys.argv[2:]:
    print(MARK + "started " + name)
    try:
        getattr(module, name)()
        print(MARK + "passed " + name)
    except Exception as error:
        sys.print_exception(error)
        print(MARK + "failed " + name)
