# One verb per job. `make help` lists them.

CARGO ?= cargo
PREFIX ?= /usr/local

MULTIARCH ?= $(shell $(CC) -print-multiarch)
# A directory of its own: the library has no stable version, and the Perl bridge knows where it is.
LIBDIR ?= $(PREFIX)/lib/$(MULTIARCH)/pve-foresight

.PHONY: help build check lint fmt test perl perl-check header trend-score bench demo valgrind install clean

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
	$(MAKE) perl-check

perl: build ## the Perl bridge for the running Perl
	$(MAKE) -C perl LIBRARY=$(CURDIR)/target/release/libpve_foresight.so

perl-check: ## tests of the Perl modules, with stand-ins for Proxmox VE's own
	$(CARGO) test --no-run --test header # leaves the library beside the tests
	$(MAKE) -C perl clean
	$(MAKE) -C perl check LIBRARY=$(CURDIR)/target/debug/deps/libpve_foresight.so

header: ## rewrite generated files: C header, settings schema and table
	UPDATE=1 $(CARGO) test --test header --test settings_generated

valgrind: ## the C test program under valgrind
	$(CARGO) test --test c -- --ignored --nocapture valgrind

trend-score: ## score the trend engine on the labelled series
	$(CARGO) run --release --example trend-score

bench: ## all timings (docs/performance.md says what they mean)
	$(CARGO) bench

demo: ## simulate a cluster and advise on it
	$(CARGO) run --release -- demo

install: build ## install command line, library, header and Perl modules below PREFIX
	install -Dm755 target/release/pve-foresight $(DESTDIR)$(PREFIX)/bin/pve-foresight
	install -Dm644 target/release/libpve_foresight.so $(DESTDIR)$(LIBDIR)/libpve_foresight.so
	install -Dm644 include/pve_foresight.h $(DESTDIR)$(PREFIX)/include/pve_foresight.h
	$(MAKE) -C perl install LIBRARY=$(CURDIR)/target/release/libpve_foresight.so LIBDIR=$(LIBDIR) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

clean: ## remove what was built
	$(CARGO) clean
	$(MAKE) -C perl clean
