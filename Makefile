# Everything that a developer or an operator types. `make play` and `make test` need nothing but git and make.

ARGS ?=
BIN := .venv/bin
# Half of these wait for libraries to load, so a file goes to each core; the others want the machine for themselves.
SHARED := $(wildcard $(foreach area,accel api control serve studio,tests/test_$(area)*.py))
CODE := src tests benchmarks examples tools

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench play test check bench bench-content bench-studio bench-accel inventory docs

help: ## Show these verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Install what playing needs and is missing: Debian packages, .venv
	@tools/setup play

setup-test: ## Install what testing needs and is missing
	@tools/setup test

setup-bench: ## Install what measuring needs and is missing
	@tools/setup bench

play: setup ## Play the demo, or ARGS="…" of `tenku play`
	@$(BIN)/tenku play $(ARGS)

test: setup-test ## Run the tests; ARGS="…" of pytest
ifeq ($(ARGS),)
	@failed=0; \
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(SHARED) || failed=1; \
	$(BIN)/python -m pytest $(addprefix --ignore=,$(SHARED)) || failed=1; \
	exit $$failed
else
	@$(BIN)/python -m pytest $(ARGS)
endif

check: setup-test ## Format, lint, types, import directions, docs
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

bench: setup-bench ## Measure playing, side by side with Selkies; ARGS="…"
	@$(BIN)/python -m benchmarks.play $(ARGS)

bench-content: setup-bench ## Measure content, side by side with casync and others; ARGS="…"
	@$(BIN)/python -m benchmarks.content $(ARGS)

bench-studio: setup-bench ## Measure the studio, side by side with llama.cpp and diffusers; ARGS="…"
	@$(BIN)/python -m benchmarks.studio $(ARGS)

bench-accel: setup-bench ## Measure how long an inventory and a report take; ARGS="…"
	@$(BIN)/python -m benchmarks.accel $(ARGS)

inventory: setup-test ## Take the inventories of operators again, after an update of torch or diffusers; ARGS="MODEL…"
	@$(BIN)/python tools/inventory.py $(ARGS)

docs: setup-test ## Write the generated pages of docs/ anew
	@$(BIN)/python tools/docs.py
