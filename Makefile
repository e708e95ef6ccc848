# The commands for people and CI. Each target installs what it needs. A second run is fast.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help demo test bench images cluster-up cluster-down gen fmt lint unit e2e sweep sweep-bugs sweep-cluster test-cert-manager

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start a cluster, install both charts, run two Tars servers and call them
	@integration/demo.sh

test: ## Run all checks and tests, including those on a real cluster
	@integration/test.sh

bench: ## Run all benchmarks and print their figures (release builds)
	@integration/bench.sh

images: ## Build the images as archives target/images/COMPONENT.tar
	@integration/images/build.sh

cluster-up: ## Start the local cluster and print how to use kubectl (KWOK_NODES=n adds simulated nodes)
	@integration/cluster/up.sh

cluster-down: ## Stop the local cluster and remove everything that it made
	@integration/cluster/down.sh

gen: ## Write the files that are generated and checked in (the chart's CRDs, pages of docs/reference)
	@integration/gen.sh

fmt: ## Format Rust and Go
	@cargo fmt && gofmt -w $$(git ls-files '*.go')

lint: ## Run the checks that need no cluster: formatting, clippy, shell scripts, dependencies, documentation
	@integration/test.sh lint

unit: ## Run the tests that need no cluster
	@integration/test.sh unit

e2e: ## Run only the tests on a real cluster
	@integration/test.sh e2e

sweep: ## Let everything go wrong at every write and event of the controller (20,000 plans; SWEEP_SEED, SWEEP_PLANS, SWEEP_ONLY)
	@integration/sweep.sh

sweep-bugs: ## Plant known bugs in a copy of the checkout, and show that the sweep finds them
	@integration/sweep-bugs.sh

sweep-cluster: ## Run a sample of the sweep with the real controller before a real API server
	@integration/sweep-cluster.sh

test-cert-manager: ## Test the charts with the real cert-manager (builds it once, which takes minutes)
	@integration/cert-manager.sh
