.DEFAULT_GOAL := help
PYTHON ?= python3
PERSONS ?= 100000
SEED ?= 1
FUZZ ?= 2000000
REQUESTS ?= 3000000
export LOOKUP_BUILD ?= release

VENV := .venv/bin/
# One stamp for each way of building the core; a new one takes the place of the others.
STAMP := .venv/built-$(LOOKUP_BUILD)
# Newer than pyproject.toml when all that it asks for is installed: then the core alone is built anew.
KNOWN := .venv/dependencies
INSTALL = $(VENV)python -m pip install --quiet --disable-pip-version-check
PACKAGES := register lookup loader bench
# What runs compiled code the most. The other builds are tested with these: the whole suite takes too long in them.
CORE_TESTS := tests/test_build.py tests/wire tests/damage $(wildcard $(addprefix tests/lookup/test_,key.py record.py index*.py core.py \
	canonical.py question.py bounds.py connection.py front*.py metrics.py answers.py) $(addprefix tests/loader/test_,scan.py columns.py pack.py buckets.py compare.py \
	memberships.py pointers.py))
ifeq ($(LOOKUP_BUILD),sanitize)
UNDER := LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1
endif
need = @$(PYTHON) -c '$(1)' 2>/dev/null || { echo "make: $(2)" >&2; exit 1; }

.PHONY: help setup demo test test-core soak fuzz faults cluster bench check format wheel clean

help: ## show this list
	@grep -hE '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | awk -F ':.* ## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: $(STAMP) ## make .venv and build the compiled core (LOOKUP_BUILD=release|debug|sanitize)

$(STAMP): pyproject.toml setup.py $(wildcard */_fast/*.pyx */_fast/*.pxd)
	$(call need,import sys; sys.exit(sys.version_info < (3, 11)),Python 3.11 or newer is needed; name one with PYTHON=python3.11)
	$(call need,import ensurepip,$(PYTHON) has no ensurepip; on Debian: apt install python3-venv)
	$(call need,import os; import sysconfig; 1 / os.path.exists(sysconfig.get_path("include") + "/Python.h"),$(PYTHON) has no C headers; on Debian: apt install python3-dev)
	$(call need,import shutil; import sysconfig; shutil.which(sysconfig.get_config_var("CC").split()[0]) or 1 / 0,no C compiler; on Debian: apt install gcc)
	@echo "make: setting up .venv; the first time takes a minute or two"
	@if [ $(KNOWN) -nt pyproject.toml ]; then $(INSTALL) --no-deps --editable . ; \
	else $(PYTHON) -m venv .venv && $(INSTALL) --editable '.[dev]' && touch $(KNOWN); fi
	@rm -f .venv/built-* && touch $@

demo: setup ## make a population, load it, serve it, look one up (PERSONS=100000|national, SEED=1)
	@$(VENV)python -m bench.demo --persons $(PERSONS) --seed $(SEED) $(DEMO_ARGS)

test: setup ## run the tests (PYTEST_ARGS='-k index')
	@$(UNDER) $(VENV)python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

test-core: setup ## run the tests of compiled code (LOOKUP_BUILD=debug, or sanitize for ASan and UBSan)
	@$(UNDER) $(VENV)python -m pytest -n auto $(CORE_TESTS) $(PYTEST_ARGS)

soak: setup ## no answer ever reaches another caller, over many (REQUESTS=20000000, SOAK_ARGS='--seed 7 --json')
	@$(VENV)python -m tests.soak --requests $(REQUESTS) $(SOAK_ARGS)

fuzz: setup ## damaged index files; HTTP against strict parsers (FUZZ=2000000, FUZZ_ARGS='--seed 7 --json')
	@$(VENV)python -m tests.damage.fuzz --count $$(($(FUZZ) / 20)) $(FUZZ_ARGS)
	@$(VENV)python -m tests.wire.fuzz --count $(FUZZ) $(FUZZ_ARGS)
	@$(VENV)python -m tests.wire.fuzz_served --count $$(($(FUZZ) / 100)) $(FUZZ_ARGS)

faults: setup ## the loader killed, out of room, without power at every call (FAULTS_ARGS='--every 1 --json')
	@$(VENV)python -m tests.faults $(FAULTS_ARGS)

cluster: setup ## many nodes and a real object store on this machine: OpenStack Swift (CLUSTER_ARGS='--persons 50000 --json')
	@$(VENV)python -m tests.cluster $(CLUSTER_ARGS)

bench: setup ## measure it beside its peers (PERSONS=100000|national or BENCH_DATA=data, BENCH_ARGS=--quick|--full)
	@$(VENV)python -m bench.report $(if $(BENCH_DATA),--data-dir $(BENCH_DATA),--persons $(PERSONS)) $(BENCH_ARGS)

check: setup ## formatting, lint, types, layers, tidiness
	$(VENV)ruff format --check . && $(VENV)ruff check .
	PATH="$(CURDIR)/$(VENV):$$PATH" cython-lint $(wildcard */_fast)
	$(VENV)mypy $(PACKAGES)
	$(VENV)lint-imports --no-logo
	$(VENV)python -m pytest -q tests/test_tidy.py

format: setup ## put the code in the house's format
	@$(VENV)ruff format . && $(VENV)ruff check --fix .

wheel: setup ## build the sdist, and the wheel from it, into dist/
	@rm -rf dist && $(VENV)python -m build

clean: ## remove .venv and everything that was built
	@rm -rf .venv build dist lookup/assets *.egg-info */_fast/*.so .*_cache .cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
