# The words that people and CI use. Each target says what it does and installs what it needs; a second run is fast.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help demo test bench images cluster-up cluster-down gen fmt lint unit e2e

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start a cluster, install both charts, run two Tars servers and call them
	@integration/demo.sh

test: ## Run all checks and tests, those on the real cluster included
	@integration/test.sh

bench: ## Print every figure of the benchmarks (release builds)
	@integration/bench.sh

images: ## Write target/images/<component>.tar
	@integration/images/build.sh

cluster-up: ## Start the local Kubernetes and say how to use kubectl (KWOK_NODES=n adds simulated nodes)
	@integration/cluster/up.sh

cluster-down: ## Stop the local Kubernetes and remove everything that it made
	@integration/cluster/down.sh

gen: ## Write the files that are generated and checked in (the chart's CRDs)
	@integration/gen.sh

fmt: ## Format Rust and Go
	@cargo fmt && gofmt -w $$(git ls-files '*.go')

lint: ## Formatting, clippy, shellcheck, licences: the checks that need no cluster
	@integration/test.sh lint

unit: ## The tests that need no cluster
	@integration/test.sh unit

e2e: ## The tests on the real cluster only
	@integration/test.sh e2e
