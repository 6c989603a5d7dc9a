# One verb per job. `make help` lists them.

CARGO ?= cargo
PREFIX ?= /usr/local

.PHONY: help build check lint fmt test header trend-score bench demo valgrind fuzz install clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## build library and command line, optimised
	$(CARGO) build --release

check: lint test ## everything that must pass before a commit

lint: ## formatting and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

fmt: ## format the sources
	$(CARGO) fmt

test: ## all tests
	$(CARGO) test --no-fail-fast

header: ## rewrite generated files: C header, settings schema and table
	UPDATE=1 $(CARGO) test --test header --test settings_generated

valgrind: ## the C test program under valgrind
	$(CARGO) test --test c -- --ignored --nocapture valgrind

FUZZ_SECONDS ?= 60
FUZZ_DOORS ?= $(patsubst fuzz/targets/%.rs,%,$(wildcard fuzz/targets/*.rs))

# The flags of coverage are unstable ones, which a stable compiler takes when told so.
fuzz: ## fuzz every door for FUZZ_SECONDS each (cargo install cargo-fuzz)
	for door in $(FUZZ_DOORS); do \
		mkdir -p fuzz/corpus/$$door; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run -s none $$door fuzz/corpus/$$door fuzz/seeds/$$door -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20 -max_len=65536 -print_final_stats=1 || exit 1; \
	done

trend-score: ## score the trend engine on the labelled series
	$(CARGO) run --release --example trend-score

bench: ## all timings (docs/performance.md says what they mean)
	$(CARGO) bench

demo: ## simulate a cluster and advise on it
	$(CARGO) run --release -- demo

install: build ## install the command line and the library below PREFIX
	install -Dm755 target/release/pve-foresight $(DESTDIR)$(PREFIX)/bin/pve-foresight
	install -Dm644 target/release/libpve_foresight.so $(DESTDIR)$(PREFIX)/lib/libpve_foresight.so
	install -Dm644 include/pve_foresight.h $(DESTDIR)$(PREFIX)/include/pve_foresight.h

clean: ## remove what was built
	$(CARGO) clean
