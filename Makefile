# `make test` and `make train` are all that a fresh machine needs; each makes its own environment first.

VENV ?= .venv
PYTHON_BIN := $(VENV)/bin/python
WORKERS ?= 2
PYTEST := $(PYTHON_BIN) -m pytest -n $(WORKERS)

.DEFAULT_GOAL := help
.PHONY: help setup test lint test-foraging-env test-snn-agent test-tools train quick play forage bench bench-engine bench-train bench-race bench-scaling profile study study-quick study-continual study-continual-quick image-test clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'

setup:  ## Make .venv with everything that runs and tests need
	@VENV=$(VENV) ./setup.sh test

test: setup lint test-foraging-env test-snn-agent test-tools  ## Check style and types, run all tests

lint: setup
	$(PYTHON_BIN) -m ruff check .
	$(PYTHON_BIN) -m ruff format --check .
	$(PYTHON_BIN) -m mypy packages/foraging-env/src packages/snn-agent/src tools docker

test-foraging-env: setup
	$(PYTEST) packages/foraging-env/tests --cov=foraging_env --cov-report=term

test-snn-agent: setup
	$(PYTEST) packages/snn-agent/tests --cov=snn_agent --cov-report=term

test-tools: setup
	$(PYTEST) tools/tests

train:  ## Train the default organism on the original task
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/train.py --preset default

quick:  ## Train a small organism on a small world, in about a minute
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/train.py --preset quick

play:  ## Watch the organism that comes with the project: its world, and its brain tick by tick
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/play.py

forage:  ## Forage yourself with the arrow keys
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) -m foraging_env.play

bench:  ## Measure the environment's speed beside Gymnasium's vector environments
	@VENV=$(VENV) ./setup.sh test
	$(PYTHON_BIN) tools/bench.py env

bench-engine:  ## Measure the hidden layer's speed beside Norse, snnTorch and SpikingJelly
	@VENV=$(VENV) ./setup.sh bench
	$(PYTHON_BIN) tools/bench.py engine

bench-train:  ## Measure the speed of the whole training beside PPO of Stable-Baselines3
	@VENV=$(VENV) ./setup.sh bench
	$(PYTHON_BIN) tools/bench.py train

bench-race:  ## Measure the food eaten after equal time beside PPO of Stable-Baselines3 (20 minutes)
	@VENV=$(VENV) ./setup.sh bench
	$(PYTHON_BIN) tools/bench.py race --folder runs/race

bench-scaling:  ## Measure how time and memory grow with neurons, worlds and ticks
	@VENV=$(VENV) ./setup.sh bench
	$(PYTHON_BIN) tools/bench.py scaling

image-test:  ## Build the container image with buildah and train in it (as root on Debian; 7 minutes, 10 GB)
	@VENV=$(VENV) ./setup.sh test
	$(PYTHON_BIN) docker/image_test.py

profile:  ## Show where the time of training goes, stage by stage
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/profile_run.py

study:  ## Test the hypothesis: all its arms with ten seeds (hours; what was interrupted goes on)
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/study.py hypothesis --seeds 10

study-quick:  ## The same arms in a small world, three seeds (minutes)
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/study.py quick --seeds 3 --folder runs/study-quick

study-continual:  ## Learning for life: five sequences of tasks, ten seeds (days; what was interrupted goes on)
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/study.py continual --seeds 10 --folder runs/study-continual

study-continual-quick:  ## Some of its arms on one sequence in a small world, two seeds (minutes)
	@VENV=$(VENV) ./setup.sh
	$(PYTHON_BIN) tools/study.py continual-quick --seeds 2 --folder runs/study-continual-quick

clean:  ## Remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
