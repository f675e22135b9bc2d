# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VLLM := .venvs/vllm
TOGETHER := .venvs/together
FINETUNE := .venvs/finetune

.PHONY: demo test lint docs clean requirements vllm-env consumers-env finetune-env

demo: $(VENV)/demo-ready
	@$(BIN)/python -m synth.llm.embedded.download
	$(BIN)/synth run examples/text-to-sql/recipe.yaml
	$(BIN)/synth export examples/text-to-sql/recipe.yaml
	@echo
	@echo "To type synth instead of $(CURDIR)/$(BIN)/synth:  source $(BIN)/activate"
	@echo "Then make a folder of your own:  synth init my-desk"

test: $(VENV)/dev-ready
	@$(BIN)/python -m synth.llm.embedded.download
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tables of keys and of reasons in docs/, from the code.
docs: $(VENV)/dev-ready
	$(BIN)/python -m docs.write_reference

$(BIN)/python:
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "Installing (prebuilt wheels, about 300 MB; a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev-ready: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need, too ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ $(VENV)/demo-ready

# vLLM's CPU build in an environment of its own (3.5 GB), and SmolLM2 as a model directory: what the tests and
# benchmarks marked heavy serve. Without it they are skipped.
vllm-env: $(VLLM)/ready

$(VLLM)/ready: requirements/vllm.txt tests/vllm/make_model.py | $(VENV)/dev-ready
	@echo "Making vLLM's environment in $(VLLM) (several minutes) ..."
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/vllm.txt
	@$(VLLM)/bin/python tests/vllm/make_model.py "$$($(BIN)/python -m synth.llm.embedded.download)" $(VLLM)/SmolLM2-135M-Instruct
	@touch $@

# Those who read exports, for the tests marked heavy: TRL's trainers and mistral-common in the environment that
# examples/finetune trains with, and the file check of Together's client.
# tests/export/consumers/install.sh makes two larger ones.
consumers-env: $(FINETUNE)/ready $(TOGETHER)/ready

$(TOGETHER)/ready: requirements/together.txt
	@echo "Making the environment of Together's client in $(TOGETHER) ..."
	@$(PYTHON) -m venv $(TOGETHER)
	@$(TOGETHER)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/together.txt
	@touch $@

# TRL and PEFT in an environment of their own (1.5 GB), and SmolLM2 as a model directory: what examples/finetune
# and benchmarks/spoilt_data.py train with.
finetune-env: $(FINETUNE)/model-ready

$(FINETUNE)/ready: requirements/finetune.txt
	@echo "Making the trainers' environment in $(FINETUNE) (several minutes) ..."
	@$(PYTHON) -m venv $(FINETUNE)
	@$(FINETUNE)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements/finetune.txt
	@touch $@

$(FINETUNE)/model-ready: tests/vllm/make_model.py $(FINETUNE)/ready | $(VENV)/dev-ready
	@$(FINETUNE)/bin/python tests/vllm/make_model.py "$$($(BIN)/python -m synth.llm.embedded.download)" $(FINETUNE)/SmolLM2-135M-Instruct
	@touch $@

# Pins everything anew. Needs uv.
requirements:
	uv pip compile --quiet --no-emit-index-url --no-header --upgrade --extra embedded pyproject.toml -o requirements/demo.txt
	uv pip compile --quiet --no-emit-index-url --no-header --upgrade --extra embedded --extra dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --no-emit-index-url --no-header --upgrade --override requirements/finetune.overrides requirements/finetune.in -o requirements/finetune.txt

clean:
	rm -rf $(VENV) dist build
