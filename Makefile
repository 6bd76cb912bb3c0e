# The everyday commands. Each installs what it misses first (scripts/setup.sh) and builds outside the checkout,
# in CARGO_TARGET_DIR or, by default, $VT_CACHE_DIR/target.
SHELL := /bin/bash
export VT_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vt
export CARGO_TARGET_DIR ?= $(VT_CACHE_DIR)/target
in_env := scripts/with-env.sh

.PHONY: help build print-bin-dir test bench demo demo-cluster fix setup setup-test

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

build: setup ## build all programs for release
	$(in_env) cargo build --release --workspace --bins

print-bin-dir: ## print the folder that `build` puts the programs into
	@echo "$(CARGO_TARGET_DIR)/release"

test: setup-test ## run all checks and tests, as CI does
	$(in_env) scripts/test.sh

bench: setup ## run the benchmarks, on a release build
	$(in_env) cargo bench --workspace --bench '*'

demo: build ## start a single node with sample traces in it
	$(in_env) scripts/demo.sh

demo-cluster: build ## start a cluster, kill a storage node under load, count the spans
	$(in_env) scripts/demo-cluster.sh

fix: setup-test ## format, and apply what clippy can fix by itself
	$(in_env) cargo fmt --all
	$(in_env) cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

setup:
	@scripts/setup.sh build

setup-test:
	@scripts/setup.sh test
