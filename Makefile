# fsync. `make` builds, `make install` installs, `make check` runs every check and every test.
#
# make install PREFIX=/usr DESTDIR=/tmp/stage     below /tmp/stage, as it will lie in / (for packages)
# make install STRIP=no                           with the lines of the sources, for backtraces: several times as large
# make install STORES=no                          without the program for object storage, which brings many crates
# make install-built BUILT=target/debug           what is built already, as it is, and builds nothing
# make uninstall                                  with the same PREFIX and DESTDIR: takes away what install put
# make deb                                        a Debian package in target/debian (needs cargo-deb)

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
STRIP   ?= strip
STORES  ?= yes
BUILT   ?= $(or $(CARGO_TARGET_DIR),target)/release

.PHONY: all install install-built uninstall deb check lint test test-long bless clean

all:
	$(CARGO) build --release --locked --bins
ifneq ($(STORES),no)
	$(CARGO) build --release --locked --bins -p fsync-store-s3
endif

install: all
	STRIP="$(STRIP)" STORES="$(STORES)" ./install.sh put "$(or $(CARGO_TARGET_DIR),target)/release" "$(DESTDIR)" "$(PREFIX)"

install-built:
	STRIP=no STORES="$(filter no,$(STORES))" ./install.sh put "$(BUILT)" "$(DESTDIR)" "$(PREFIX)"

uninstall:
	./install.sh take "$(DESTDIR)" "$(PREFIX)"

deb:
	$(CARGO) build --release --locked --bins
	$(CARGO) deb --locked --strip --no-build

check: lint test

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

test:
	$(CARGO) test --locked --no-fail-fast
	$(CARGO) test -p fsync-store-s3 --locked --no-fail-fast

# The same with the long form of what is thrown at it: every kill point, more steps, more seeds..
test-long:
	FSYNC_LONG=1 $(CARGO) test --workspace --locked --no-fail-fast

# Writes man/ and completions/ anew from the programs' own arguments.
bless:
	FSYNC_BLESS=1 $(CARGO) test --test gen

clean:
	$(CARGO) clean
