# One verb per job. `make help` lists them.

CARGO ?= cargo
PREFIX ?= /usr/local
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release
# The library is private to this package, so it needs no version in its name.
LIBDIR ?= $(PREFIX)/lib/pve-foresight

.PHONY: help build check lint fmt test header trend-score bench demo valgrind install deb package-test copyright clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## build library and command line, optimised
	$(CARGO) build --release --locked

check: lint test ## everything that must pass before a commit

lint: ## formatting and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

fmt: ## format the sources
	$(CARGO) fmt

test: ## all tests
	$(CARGO) test --no-fail-fast

header: ## rewrite generated files: C header, settings schema and table, man page, completion
	UPDATE=1 $(CARGO) test --test header --test settings_generated --test manual

valgrind: ## the C test program under valgrind
	$(CARGO) test --test c -- --ignored --nocapture valgrind

trend-score: ## score the trend engine on the labelled series
	$(CARGO) run --release --example trend-score

bench: ## all timings (docs/performance.md says what they mean)
	$(CARGO) bench

demo: ## simulate a cluster and advise on it
	$(CARGO) run --release -- demo

# Not the two wrappers around files of pve-manager: only the package puts them in place, since dpkg moves the originals aside.
install: build ## install below PREFIX; on a Proxmox VE node install the package instead
	install -Dm755 $(RELEASE)/pve-foresight $(DESTDIR)$(PREFIX)/bin/pve-foresight
	install -Dm644 $(RELEASE)/libpve_foresight.so $(DESTDIR)$(LIBDIR)/libpve_foresight.so
	install -Dm644 include/pve_foresight.h $(DESTDIR)$(PREFIX)/include/pve_foresight.h
	install -Dm644 share/man/pve-foresight.1 $(DESTDIR)$(PREFIX)/share/man/man1/pve-foresight.1
	install -Dm644 share/completions/pve-foresight.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pve-foresight
	test ! -e perl/Makefile || $(MAKE) -C perl install LIBDIR=$(LIBDIR) LIBRARY=$(abspath $(RELEASE)/libpve_foresight.so)
	test ! -e ui/Makefile || $(MAKE) -C ui install

deb: ## build the package into target/debian; SUITE=trixie does it in a clean system of that release (root)
	tests/package/build $(SUITE)

package-test: deb ## try the package in a clean system (root); SUITE as above
	tests/package/run $(SUITE)

copyright: ## rewrite debian/copyright from the licences of all crates
	debian/make-copyright > debian/copyright.new
	mv debian/copyright.new debian/copyright

clean: ## remove what was built
	$(CARGO) clean
