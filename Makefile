# The commands of this repository; each is a script, or a line of cargo's.

.DEFAULT_GOAL := help
.PHONY: help demo test fmt bench bench-final sqlx clean-demo

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: ## Build, make a small real competition with entries on its board, and serve it
	@scripts/demo.sh

test: ## Run every check: format, lints, unit, golden, property, hostile input, server, browser
	@scripts/test.sh

fmt: ## Format the code
	cargo fmt --all

bench: ## Measure how long reading, validating and scoring a submission takes
	cargo bench --package scoring

bench-final: ## Measure the end of a competition with 1,000 entries of MICO's size
	@scripts/bench-final.sh

sqlx: ## Refresh .sqlx after a change of a query or a migration
	@scripts/check-sqlx.sh --refresh

clean-demo: ## Remove what make demo made
	@scripts/clean-demo.sh
