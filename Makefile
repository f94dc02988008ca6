# Two commands: `make run` to dictate, `make test` to test it. Neither needs anything by hand.
# ARGS=... goes to pytest.
# The first that starts: a version manager's shim may be there and still run nothing.
PYTHON ?= $(shell for v in 3.11 3.12 3.13; do python$$v -c '' 2>/dev/null && echo python$$v && exit; done; echo python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
# Tests at a time: most wait for a process, for sound or for a window. One after the other: JOBS=0.
JOBS   ?= $(shell n=$$((2 * $$(nproc))); echo $$((n < 8 ? n : 8)))
PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS)

# Programs in $(VENV) begin with the path of its Python, which a moved folder leaves behind.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
ifneq ($(shell it=$$(sed -n '1s/^#!//p' $(BIN)/swictation 2>/dev/null); test -z "$$it" -o -x "$$it" || echo moved),)
$(error this folder was moved, and $(VENV) does not work any more. Type: make clean run)
endif
endif

.PHONY: help install run test test-all test-desktop test-canary canary check fault-matrix fault-kills bench fmt clean test-pythons
.DELETE_ON_ERROR:

run: $(VENV)/.core
	@trap : INT; $(BIN)/swictation run --listen || :  # it has said why; Ctrl-C is no error

help install:
	@echo 'make run       set up and dictate; Ctrl-C ends it'
	@echo 'make canary    set up the engine for NVIDIA GPUs (2.2 GB)'
	@echo 'make test      test it, some minutes'
	@echo 'make clean     remove what was set up here'
	@echo 'After make run, $(BIN)/swictation service install keeps it running.'

# Some of each kind that needs no window, one real recording among them: a few minutes.
test: $(VENV)/.dev
	@$(BIN)/swictation model download --quiet tiny.en
	@$(PYTEST) -m 'not (slow or desktop or gpu)' $(ARGS)

# All that runs here without a further installation.
test-all: $(VENV)/.dev
	@$(BIN)/swictation model download --quiet tiny.en
	@$(PYTEST) $(ARGS)

# Windows, compositors and a virtual microphone, every pair of conditions: minutes.
test-desktop: $(VENV)/.desktop
	@CELLS_RUNS=$${CELLS_RUNS:-3} $(PYTEST) -m desktop $(ARGS)

# The engine on torch and NeMo, with a tiny Canary made on the spot: the first time minutes more.
test-canary: $(VENV)/.canary
	@PYTHONPATH=.:tests $(BIN)/python -m canary.tiny.store
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$$(nproc) -m canary $(ARGS)

# What the engine canary needs (2.2 GB), for `make run` and the installed service alike.
canary: $(VENV)/.canary

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache

fmt: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Every fault of a GPU and its worker, at every moment: the table of docs/vram.md.
fault-matrix: $(VENV)/.dev
	@cd tests && ../$(BIN)/python -m faults

# Hundreds of killed workers, some in pairs: where is each word? The table of docs/testing.md.
fault-kills: $(VENV)/.dev
	@cd tests && ../$(BIN)/python -m faults.kills $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

test-pythons:
	@scripts/test-pythons

clean:
	rm -rf $(VENV) .venv-3.*

$(VENV)/bin/python:
	@echo "setting up $(VENV), about a minute ..." >&2
	@PYTHON="$(PYTHON)" scripts/system-packages core
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@PYTHON="$(PYTHON)" scripts/system-packages dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.core

# torch first, and its pin once more with the rest: NeMo alone would have pip choose another.
$(VENV)/.canary: $(VENV)/.dev
	@echo "installing torch and NeMo, some minutes ..." >&2
	@pin=$$(sed -n 's/^ *"\(torch==[^"]*\)",$$/\1/p' pyproject.toml) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$pin" && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$pin" -e '.[dev,canary]'
	@touch $@

$(VENV)/.desktop: $(VENV)/.dev
	@scripts/system-packages desktop
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,desktop-test]'
	@touch $@
