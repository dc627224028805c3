# Each target does its own set-up: all it needs is Python 3.11 or newer and the package registry.
# `make test PYTHON=python3.13` uses another interpreter; each has an environment of its own.

PYTHON ?= $(shell tools/find-python)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := .venv/$(VERSION)
RUN := $(VENV)/bin/python

.PHONY: help demo test check bench torture docs pictures zipapp clean
help:
	@echo "make demo      a rolling restart under load, plain and under the agent"
	@echo "make test      all tests, on real processes, signals and servers"
	@echo "make check     lint, types, import rules, dependencies, docs"
	@echo "make bench     every figure, each beside its peer or its limit"
	@echo "make torture   the long runs: every case of the matrix, many times; a million power cuts, ten thousand kills"
	@echo "make zipapp    dist/processender-init, the init in one file"
	@echo "make docs      write the generated reference pages"
	@echo "make pictures  the pictures of the report, of runs of the demo's shop"

# The stamp of a group of packages; it is older than pyproject.toml when they must be installed again.
$(VENV)/.has-%: pyproject.toml tools/setup
	@tools/setup "$(PYTHON)" "$(VENV)" "$*"

demo: $(VENV)/.has-demo
	@$(RUN) -m demo $(ARGS)

test: $(VENV)/.has-test
	@tools/servers strace postgres redis-server mkfs.xfs systemd-analyze systemd-nspawn dbus-daemon tini dumb-init busybox nginx haproxy upsd runc crun podman prometheus chromium
	@tools/test $(RUN) $(ARGS)

check: $(VENV)/.has-check $(VENV)/.has-test
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m deptry src
	$(RUN) tools/reference.py --check
	$(RUN) -m pytest -q tests/test_architecture.py tests/test_docs.py

bench: $(VENV)/.has-bench
	@tools/servers strace postgres redis-server mkfs.xfs tini dumb-init nginx haproxy upsd runc crun wrk
	@$(RUN) -m bench $(ARGS)

torture: $(VENV)/.has-bench $(VENV)/.has-test
	@tools/servers strace postgres redis-server mkfs.xfs systemd-analyze systemd-nspawn dbus-daemon tini dumb-init nginx haproxy upsd runc crun podman prometheus
	@$(RUN) -m bench.torture --rounds 5 $(ARGS)
	@PROCESSENDER_SEEDS=1000000 $(RUN) -m pytest -q --timeout 7200 tests/integration/test_journal_power.py
	@PROCESSENDER_KILLS=10000 $(RUN) -m pytest -q tests/integration/test_random_kills.py

pictures: $(VENV)/.has-test
	@tools/servers chromium
	@$(RUN) tools/pictures.py $(ARGS)

docs: $(VENV)/.has-check
	$(RUN) tools/reference.py

zipapp:
	@$(PYTHON) tools/zipapp

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
