# Two commands for everyone: `make rehearse` and `make test`. Both create what they need in $(VENV).
VENV ?= .venv
BIN  := $(VENV)/bin
# Builds and the serving container run Python 3.12, so it is preferred; any 3.11 or newer will do.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.14 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
INSTALLER := $(shell cat buildspecs/requirements-installer.in)
ARGS ?=
# Bytecode is kept, in $(VENV) and beside our sources: without it each process compiles scikit-learn again.
unexport PYTHONDONTWRITEBYTECODE
# Tests run side by side, a file at a time, in as many processes as there are processors, four at most.
# One thread of OpenMP for each: more would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
QUICK  := tests/components tests/ml tests/snapshots tests/test_buildspecs.py tests/test_governance.py

.PHONY: help rehearse drill test roads endure quick scan benchmarks benchmark-serving snapshots check format lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

rehearse: $(VENV)/.installed ## walk the whole road with no AWS account; options in ARGS, e.g. ARGS="--data my.csv"
	@$(BIN)/python -m rehearsal $(ARGS)

drill: $(VENV)/.installed ## bring faults about and see what stops them: ARGS=weak-model, ARGS=all, ARGS="all --without-guards"
	@$(BIN)/python -m rehearsal drill $(ARGS)

test: $(VENV)/.installed $(VENV)/scanners/.installed ## the tests, with the road of `make rehearse` among them
	@$(PYTEST) --ignore tests/roads $(ARGS)

roads: $(VENV)/.installed ## every other road from push to prediction, every drill: a quarter of an hour
	@$(PYTEST) -m "not long" tests/roads $(ARGS)

endure: $(VENV)/.installed ## what takes minutes by itself: twenty deploys and five rollbacks under load, every drill without its gate
	@$(PYTEST) -m long tests/roads $(ARGS)

quick: $(VENV)/.installed ## the quicker tests, a minute: no emulated account, browser, scanner or policy pack
	@$(PYTEST) -m "not slow" $(QUICK) $(ARGS)

scan: $(VENV)/.installed $(VENV)/scanners/.installed ## others' scanners and our own policies, the brief's own stack beside ours
	@$(BIN)/python -m tests.scan $(ARGS)

benchmarks: $(VENV)/.installed ## everything but serving beside what it is compared with: ARGS=evaluation, ARGS="training --large"; half an hour
	@$(BIN)/python -m benchmarks $(ARGS)

benchmark-serving: $(VENV)/benchmarks/.installed ## our serving against the usual recipe on the container's stack; a quarter of an hour
	@PYTHONDONTWRITEBYTECODE=1 $(VENV)/benchmarks/bin/python -m benchmarks.serving $(ARGS)

snapshots: $(VENV)/.installed ## accept how each stack's resource graph looks now; read the difference before you commit it
	@$(BIN)/python -m tests.snapshots

check: $(VENV)/.installed ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed ## put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.installed ## pin every package by hash again after editing a requirements file
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes tests/requirements.txt -o tests/requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes tests/scanners.in -o tests/scanners.lock
	for name in train deploy installer; do \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate -c tests/requirements.lock \
			buildspecs/requirements-$$name.in -o buildspecs/requirements-$$name.txt || exit 1; done
	$(BIN)/uv pip compile -q --python-version 3.12 --generate-hashes --no-annotate --override benchmarks/overrides.txt \
		benchmarks/requirements.in -o benchmarks/requirements.txt
	$(BIN)/python -m tests.pure_wheels tests/requirements.lock buildspecs/requirements-train.txt

clean: ## remove what the other targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: tests/requirements.lock buildspecs/requirements-installer.in
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer on PATH. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Installing into $(VENV) with $$($(PYTHON) --version) (once; about a minute on a fast line)"
	@# What another Python installed is of no use to this one.
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(INSTALLER)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python tests/requirements.lock
	@# Lets Python compile now what the first rehearsal would otherwise compile while somebody watches.
	@$(BIN)/python -c "import components, rehearsal.road, ml.create_model_package, ml.deploy_model, matplotlib.backends.backend_svg, pip._internal.commands.install"
	@touch $@

# checkov pins packages that the tests need newer, so the scanners live in an environment of their own within the other.
$(VENV)/scanners/.installed: tests/scanners.lock $(VENV)/.installed
	@echo "Installing the scanners into $(VENV)/scanners (once)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/scanners
	@$(BIN)/uv pip sync --quiet --python $(VENV)/scanners/bin/python tests/scanners.lock
	@touch $@

# The serving container's own stack: other versions than the tests', Python 3.12 alone, and no bytecode, as in the image.
$(VENV)/benchmarks/.installed: benchmarks/requirements.txt $(VENV)/.installed
	@echo "Installing the serving container's stack into $(VENV)/benchmarks (once)"
	@$(BIN)/uv venv --quiet --clear --python 3.12 $(VENV)/benchmarks
	@$(BIN)/uv pip sync --quiet --python $(VENV)/benchmarks/bin/python benchmarks/requirements.txt
	@touch $@
