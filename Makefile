# One verb per job. `make help` lists them.

CARGO ?= cargo
PREFIX ?= /usr/local
MULTIARCH ?= $(shell $(CC) -print-multiarch)
# A directory of its own: the library has no stable version, and the Perl bridge knows where it is.
LIBDIR ?= $(PREFIX)/lib/$(MULTIARCH)/pve-foresight
RELEASE := $(abspath $(or $(CARGO_TARGET_DIR),target)/release)
TESTED := $(abspath $(or $(CARGO_TARGET_DIR),target)/debug/deps)

.PHONY: help build gate scripts check lint fmt test perl perl-check header laws trend-score bench growth demo valgrind sanitize fuzz campaign faults soak dependencies ui test-ui screenshots \
	install deb package-test copyright clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## build library and command line, optimised
	$(CARGO) build --release --locked

gate: scripts check test-ui package-test ## all that a change must pass; package-test needs root

scripts: ## lints of the shell scripts
	shellcheck -x -S warning tests/package/build tests/package/run tests/package/system tests/package/booted \
		debian/pve-foresight.preinst debian/pve-foresight.prerm debian/pve-foresight.postrm ui/build.sh fuzz/campaign .ci/run

check: lint test ## everything that must pass before a commit

lint: ## formatting, lints and rustdoc, and that what is made from the crates is current
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --lib
	docs/make-dependencies | diff -u docs/dependencies.md -
	debian/make-copyright | diff -u debian/copyright -

fmt: ## format the sources
	$(CARGO) fmt

# What the Rust tests store goes to the folder SCRATCH, where one is told.
test: ## all tests
	$(if $(SCRATCH),TMPDIR=$(SCRATCH)) $(CARGO) test --no-fail-fast
	$(MAKE) perl-check

LAWS ?= 10000

laws: ## each property test with LAWS cases, drawn anew
	PROPTEST_CASES=$(LAWS) $(CARGO) test --no-fail-fast --lib \
		$(patsubst tests/%/,--test %,$(sort $(dir $(shell grep -l 'proptest!' tests/*/*.rs))))

perl: build ## the Perl bridge for the running Perl
	$(MAKE) -C perl LIBRARY=$(RELEASE)/libpve_foresight.so

perl-check: ## tests of the Perl modules, with stand-ins for Proxmox VE's own
	$(CARGO) test --no-run --test generated # leaves the library beside the tests
	$(MAKE) -C perl clean
	$(MAKE) -C perl check LIBRARY=$(TESTED)/libpve_foresight.so

header: ## rewrite generated files: C header, settings schema and table, shape of the replies, man page, completion, the README's demo
	UPDATE=1 $(CARGO) test --test generated

valgrind: ## the C test program under valgrind
	$(CARGO) test --test c -- --ignored --nocapture valgrind

# Miri comes with nightly compilers alone: rustup component add --toolchain nightly miri rust-src
sanitize: ## the C test program with the C compiler's sanitizers; the engine's unit tests with Rust's; what follows a caller's pointers under Miri
	$(CARGO) test --test c -- sanitizers
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(abspath target/asan) \
		$(CARGO) test --lib --target $$(rustc -vV | sed -n 's/^host: //p')
	MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR=$(abspath target/miri) cargo +nightly miri test --lib ffi::call

FAULTS_ROUNDS ?= 1000

faults: ## break things on purpose for FAULTS_ROUNDS: kills, full disks, damaged files; must lose nothing. As root for all kinds
	FAULTS_ROUNDS=$(FAULTS_ROUNDS) $(CARGO) test --release --test faults -- --nocapture

SOAK_REQUESTS ?= 10000

soak: perl ## an API worker that answers SOAK_REQUESTS times
	perl/soak $(SOAK_REQUESTS)

FUZZ_SECONDS ?= 60
FUZZ_DOORS ?= $(patsubst fuzz/targets/%.rs,%,$(wildcard fuzz/targets/*.rs))

# The flags of coverage are unstable ones, which a stable compiler takes when told so.
fuzz: ## fuzz every door for FUZZ_SECONDS each (cargo install cargo-fuzz)
	for door in $(FUZZ_DOORS); do \
		mkdir -p fuzz/corpus/$$door; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run -s none $$door fuzz/corpus/$$door fuzz/seeds/$$door -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20 -max_len=65536 -print_final_stats=1 || exit 1; \
	done

campaign: ## fuzz every door for half an hour, three at a time, and print what came of it
	fuzz/campaign

trend-score: ## score the trend engine on the labelled series
	$(CARGO) run --release --example trend-score

bench: ## all timings (docs/performance.md says what they mean)
	$(CARGO) bench

growth: ## what a cluster costs by its size: CPU of append, load, trends and advice from 50 to 10,000 guests
	$(CARGO) bench --bench growth

demo: ## simulate a cluster and advise on it
	$(CARGO) run --release -- demo

ui: ## the panel for the web interface as one script (ui/build); needs no node
	$(MAKE) -C ui

test-ui: ## the panel in headless Chromium, on the engine's replies; needs node, npm, chromium
	$(CARGO) test --no-run --test cli # leaves the command line beside the tests: a build by itself has other features
	$(MAKE) -C ui test

screenshots: ## pictures of the panel for docs/screenshots, light and dark
	$(CARGO) test --no-run --test cli
	$(MAKE) -C ui screenshots

# Not the wrappers around two files of pve-manager: the package alone does that, since dpkg moves the originals aside for it.
install: build ## install below PREFIX; on a node of a cluster install the package instead
	install -Dm755 $(RELEASE)/pve-foresight $(DESTDIR)$(PREFIX)/bin/pve-foresight
	install -Dm644 $(RELEASE)/libpve_foresight.so $(DESTDIR)$(LIBDIR)/libpve_foresight.so
	install -Dm644 include/pve_foresight.h $(DESTDIR)$(PREFIX)/include/pve_foresight.h
	install -Dm644 share/man/pve-foresight.1 $(DESTDIR)$(PREFIX)/share/man/man1/pve-foresight.1
	install -Dm644 share/man/foresight.cfg.5 $(DESTDIR)$(PREFIX)/share/man/man5/foresight.cfg.5
	install -Dm644 share/completions/pve-foresight.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pve-foresight
	$(MAKE) -C perl install LIBRARY=$(RELEASE)/libpve_foresight.so LIBDIR=$(LIBDIR) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	$(MAKE) -C ui install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

deb: ## build the package into target/debian; SUITE=trixie does it in a clean system of that release (root)
	tests/package/build $(SUITE)

package-test: deb ## try the package in a clean system (root); SUITE as above
	$(if $(SUITE),,lintian --allow-root --fail-on error,warning target/debian/$$(. /etc/os-release; echo $$VERSION_CODENAME)/*.deb)
	tests/package/run $(SUITE)

copyright: ## rewrite debian/copyright from the licences of all crates
	debian/make-copyright >debian/copyright.new
	mv debian/copyright.new debian/copyright

dependencies: ## rewrite docs/dependencies.md from Cargo.toml and Cargo.lock
	docs/make-dependencies >docs/dependencies.md.new
	mv docs/dependencies.md.new docs/dependencies.md

clean: ## remove what was built
	$(CARGO) clean
	$(MAKE) -C perl clean
	$(MAKE) -C ui clean
