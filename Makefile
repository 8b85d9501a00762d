# Everything that people and CI run. Each target installs what it needs: into .venv, and with apt what only Debian has.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# A file's tests stay together, because they share servers; the fixtures' demo and PostgreSQL run once per process.
# In the order of their names, or files with few tests came last, which are the longest. With two processes on two cores
# a third of the time goes by in which all that runs waits for a lease, a browser or a server.
PYTEST := $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder
YJS := tests/interop/yjs
AXE := tests/axe
LAB_SOURCES := $(shell find lab/src lab/style -type f) lab/package.json lab/package-lock.json lab/tsconfig.json

.PHONY: help demo test soak interop check audit format bench bench-revocation bench-opening bench-guests bench-listing bench-rooms clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.demo ## Run the demo: make demo ARGS="--port 9000"
	@exec $(BIN)/coterie demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.system $(YJS)/node_modules/.installed $(AXE)/node_modules/.installed ## Run every test, the long ones as a sample
	$(PYTEST) $(ARGS)

soak: $(VENV)/.dev $(VENV)/.system $(YJS)/node_modules/.installed $(AXE)/node_modules/.installed ## Run every test, the long ones in full length
	COTERIE_SOAK=1 $(PYTEST) $(ARGS)

interop: $(VENV)/.dev $(YJS)/node_modules/.installed ## Run what others test such servers with against our rooms
	cd tests && $(CURDIR)/$(BIN)/python -m interop.upstream.run

check: $(VENV)/.dev lab/node_modules/.installed ## Look at the code without running it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate.py --check
	cd lab && npm run --silent lint && npm run --silent format:check && npm test --silent

audit: $(VENV)/.audit ## Ask the registries for known vulnerabilities in what is installed or locked
	tools/ensure-node $(VENV)
	$(BIN)/python tools/audit.py

format: $(VENV)/.dev lab/node_modules/.installed ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	cd lab && npm run --silent format

bench: bench-revocation bench-opening bench-guests bench-listing bench-rooms ## Measure everything

bench-revocation: $(VENV)/.dev $(VENV)/.system ## Measure how fast somebody who is removed is out
	$(BIN)/python benchmarks/revocation.py

bench-guests: $(VENV)/.dev $(VENV)/.system ## Measure what many guests of one home cost
	$(BIN)/python benchmarks/guests.py $(ARGS)

bench-opening: $(VENV)/.dev $(VENV)/.system ## Measure what confining servers adds to the time they take to open
	$(BIN)/python benchmarks/opening.py $(ARGS)

bench-listing: $(VENV)/.dev $(VENV)/.system ## Measure lists of workspaces while the world grows, and publish it
	$(BIN)/python benchmarks/listing.py $(or $(ARGS),--write)

bench-rooms: $(VENV)/.dev ## Measure rooms beside other servers and publish it; to try: make bench-rooms ARGS=--quick
	$(BIN)/python -m benchmarks.rooms $(or $(ARGS),--write)

clean: ## Remove all that was built or installed here
	rm -rf $(VENV) .bench .interop $(YJS)/node_modules $(AXE)/node_modules lab/node_modules lab/lib lab/labextension

$(VENV)/.created:
	tools/make-venv "$(PYTHON)" $(VENV)
	touch $@

# Node.js is needed to build the extension, and never to run it.
lab/node_modules/.installed: lab/package-lock.json | $(VENV)/.created
	tools/ensure-node $(VENV)
	cd lab && npm ci --no-audit --no-fund
	touch $@

# The Yjs clients that rooms are tested with. What is optional is a server's database, which they do not need.
$(YJS)/node_modules/.installed: $(YJS)/package-lock.json | $(VENV)/.created
	tools/ensure-node $(VENV)
	cd $(YJS) && npm ci --omit=optional --ignore-scripts --no-audit --no-fund
	touch $@

# What the pages' accessibility is checked with.
$(AXE)/node_modules/.installed: $(AXE)/package-lock.json | $(VENV)/.created
	tools/ensure-node $(VENV)
	cd $(AXE) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

lab/labextension/package.json: $(LAB_SOURCES) lab/node_modules/.installed
	cd lab && npm run --silent build
	touch $@

$(VENV)/.demo: pyproject.toml lab/labextension/package.json | $(VENV)/.created
	$(BIN)/pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml lab/labextension/package.json | $(VENV)/.created
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo

$(VENV)/.audit: $(VENV)/.dev
	$(BIN)/pip install --quiet --editable '.[dev,audit]'
	touch $@

$(VENV)/.system: tools/system-packages
	tools/system-packages
	touch $@
