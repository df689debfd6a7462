.DEFAULT_GOAL := help
PYTHON ?= python3
PERSONS ?= 100000
SEED ?= 1
PROFILE ?= normal
FUZZ ?= 2000000
REQUESTS ?= 3000000
RESTARTS ?= 50
# Whose Python a Debian package is for, and what it holds besides what is always needed.
DEBIAN_PYTHON ?= /usr/bin/python3
DEB_EXTRAS ?= cluster
WHEEL_PYTHONS ?= python3.11 python3.12 python3.13
# Tests at a time: two a processor, since many of them wait for a process or a clock.
AT_ONCE ?= $(shell echo $$((2 * $$(nproc))))
export LOOKUP_BUILD ?= release
# Tests start hundreds of processes: what they run is compiled to byte code once.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/bin/
# One stamp for each way of building the core; a new one takes the place of the others.
STAMP := .venv/built-$(LOOKUP_BUILD)
# Newer than pyproject.toml when all that it asks for is installed: then the core alone is built anew.
KNOWN := .venv/dependencies
INSTALL = $(VENV)python -m pip install --quiet --disable-pip-version-check
PACKAGES := register lookup loader flr_client bench
# What runs compiled code the most. The other builds are tested with these, less what is of the plain twins: the whole
# suite takes too long in them.
CORE_TESTS := tests/test_build.py tests/audit/test_ledger.py tests/wire tests/damage tests/soap/test_soap_book.py $(wildcard $(addprefix tests/lookup/test_,key.py record.py index*.py core.py \
	canonical.py question.py soap_question.py soap_parts.py bounds.py connection.py front*.py metrics.py answers.py) $(addprefix tests/loader/test_,scan.py columns.py pack.py buckets.py compare.py \
	memberships.py pointers.py pages.py) $(addprefix tests/access/test_,tickets.py quota.py replay.py encodings.py guarded.py) \
	tests/lookup/test_blake2b.py)
ifeq ($(LOOKUP_BUILD),sanitize)
UNDER := LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1
endif
need = @$(PYTHON) -c '$(1)' 2>/dev/null || { echo "make: $(2)" >&2; exit 1; }

.PHONY: help setup demo test test-core soak fuzz faults cluster bench check format wheel wheels deb test-deb site load clean

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
	@$(UNDER) $(VENV)python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(PYTEST_ARGS)

test-core: setup ## run the tests of compiled code (LOOKUP_BUILD=debug, or sanitize for ASan and UBSan)
	@$(UNDER) $(VENV)python -m pytest -n $(AT_ONCE) --max-worker-restart 0 -k 'not plain' $(CORE_TESTS) $(PYTEST_ARGS)

soak: setup ## no answer ever reaches another caller (REQUESTS=20000000, SOAK_ARGS='--seed 7 --json'); no restart loses one (RESTARTS=50)
	@$(VENV)python -m tests.soak --requests $(REQUESTS) $(SOAK_ARGS)
	@$(VENV)python -m tests.soak.restarts --times $(RESTARTS)

fuzz: setup ## damaged index files; HTTP against strict parsers (FUZZ=2000000, FUZZ_ARGS='--seed 7 --json')
	@$(VENV)python -m tests.damage.fuzz --count $$(($(FUZZ) / 20)) $(FUZZ_ARGS)
	@$(VENV)python -m tests.wire.fuzz --count $(FUZZ) $(FUZZ_ARGS)
	@$(VENV)python -m tests.wire.fuzz_served --count $$(($(FUZZ) / 100)) $(FUZZ_ARGS)

faults: setup ## the loader harmed at every call that changes a file; the audit killed at any moment (FAULTS_ARGS='--every 1 --json')
	@$(VENV)python -m tests.faults $(FAULTS_ARGS)
	@$(VENV)python -m tests.audit.campaign

cluster: setup ## many nodes and a real object store on this machine: OpenStack Swift (CLUSTER_ARGS='--persons 50000 --json')
	@$(VENV)python -m tests.cluster $(CLUSTER_ARGS)

bench: setup ## measure it beside its peers (PERSONS=100000|national or BENCH_DATA=data, BENCH_ARGS=--quick|--full)
	@$(VENV)python -m bench.report $(if $(BENCH_DATA),--data-dir $(BENCH_DATA),--persons $(PERSONS)) $(BENCH_ARGS)

load: setup ## load it as its consumers do, to thresholds (PROFILE=normal|peak|month-start|node-loss, LOAD_ARGS=--quick)
	@$(VENV)python -m bench.operations $(PROFILE) $(LOAD_ARGS)

check: setup ## formatting, lint, types, layers, tidiness, licences (FLR_ADVISORIES=all.zip: vulnerabilities)
	$(VENV)ruff format --check . && $(VENV)ruff check .
	PATH="$(CURDIR)/$(VENV):$$PATH" cython-lint $(wildcard */_fast)
	$(VENV)mypy $(PACKAGES)
	$(VENV)lint-imports --no-logo
	$(VENV)python -m pytest -q tests/test_tidy.py
	$(VENV)python -m tests.dependencies

format: setup ## put the code in the house's format
	@$(VENV)ruff format . && $(VENV)ruff check --fix .

wheel: setup ## build the sdist, and the wheel from it, into dist/
	@rm -rf dist && $(VENV)python -m build

wheels: setup ## build and try a wheel for each Python (WHEEL_PYTHONS='python3.11 python3.12 python3.13'), into dist/
	@$(VENV)python deploy/wheels.py $(WHEEL_PYTHONS)

deb: wheel ## build the Debian package of the wheel, into dist/ (apt install chrpath debhelper; DEB_EXTRAS=cluster,parquet)
	@$(DEBIAN_PYTHON) deploy/deb.py --extras $(DEB_EXTRAS) dist/*.whl

test-deb: setup ## install, upgrade and remove that package on a Debian of its own (apt install debootstrap systemd-container)
	@$(VENV)python -m tests.deb $(DEB_ARGS)

site: setup ## make the documentation's site in site/, to be read from there or from any web server
	@$(VENV)python -m sphinx -q -W --keep-going -b html -c docs -d build/doctrees . site

clean: ## remove .venv and everything that was built
	@rm -rf .venv build dist site lookup/assets *.egg-info */_fast/*.so .*_cache .cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
