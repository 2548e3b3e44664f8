# Works with GNU make 3.81, which is what macOS has.
#   make run ARGS="--port 8000"     make test ARGS="-k storage"     make test JOBS=0 (one process)
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
JOBS ?= 3

# Stamps carry a checksum of what they installed: a second run starts at once, also after a checkout.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.txt | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt requirements-mcp.txt docs/requirements.txt | cksum | cut -d' ' -f1)

.PHONY: run test hostile soak lint parity bench docs screenshots clean

run: $(RUN_STAMP)
	@$(PY) app.py $(ARGS)

test: $(DEV_STAMP)
	@chromium="$$(scripts/ensure_browser $(PY))" && LOOM_CHROMIUM="$$chromium" $(PY) -m toyworld.pause $(PY) -m tests.second_try -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

hostile: $(DEV_STAMP)
	@LOOM_HOSTILE_TABLE=docs/benchmarks/hostile.md $(PY) -m pytest tests/hostile -n 0 -v -m "slow or not slow" --durations=0 --durations-min=0.05 $(ARGS)

soak: $(DEV_STAMP)
	@$(PY) -m bench.crowd $(ARGS)

lint: $(DEV_STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright --warnings
	@$(PY) scripts/check_scripts

parity: $(DEV_STAMP)
	@$(PY) -m pytest -m parity -v $(ARGS)

bench: $(DEV_STAMP)
	@$(PY) -m toyworld.pause $(PY) -m bench $(ARGS)

docs: $(DEV_STAMP)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict && echo "Open build/docs/index.html."

screenshots: $(DEV_STAMP)
	@chromium="$$(scripts/ensure_browser $(PY))" && LOOM_CHROMIUM="$$chromium" $(PY) scripts/screenshots $(ARGS)

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@scripts/make_venv $(VENV)

$(RUN_STAMP): $(PY)
	@echo "Installing what the studio needs; the first time this takes some minutes."
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(PY) -m compileall -q app.py backend ui
	@rm -f $(VENV)/.run-* && touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing what the tests need."
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* && touch $@
