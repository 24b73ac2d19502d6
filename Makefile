# fsync. `make` builds, `make install` installs, `make check` runs every check and every test.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
BINDIR  = $(DESTDIR)$(PREFIX)/bin
SHARE   = $(DESTDIR)$(PREFIX)/share

PROGRAMS = fsync fsync-diff fsync-apply fsync-snap fsync-revert fsync-tag
BUILT    = $(or $(CARGO_TARGET_DIR),target)/release
MAN1     = $(wildcard man/*.1)
MAN5     = $(wildcard man/*.5)

.PHONY: all install uninstall check lint test test-long bless clean

all:
	$(CARGO) build --release --locked --bins

install: all
	install -d "$(BINDIR)" "$(SHARE)/man/man1" "$(SHARE)/man/man5" \
		"$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	for program in $(PROGRAMS); do \
		install -m 755 "$(BUILT)/$$program" "$(BINDIR)/$$program" && \
		install -m 644 "completions/bash/$$program" "$(SHARE)/bash-completion/completions/$$program" && \
		install -m 644 "completions/zsh/_$$program" "$(SHARE)/zsh/site-functions/_$$program" && \
		install -m 644 "completions/fish/$$program.fish" "$(SHARE)/fish/vendor_completions.d/$$program.fish" || exit; \
	done
	install -m 644 $(MAN1) "$(SHARE)/man/man1"
	install -m 644 $(MAN5) "$(SHARE)/man/man5"

uninstall:
	for program in $(PROGRAMS); do \
		rm -f "$(BINDIR)/$$program" "$(SHARE)/bash-completion/completions/$$program" \
			"$(SHARE)/zsh/site-functions/_$$program" "$(SHARE)/fish/vendor_completions.d/$$program.fish"; \
	done
	rm -f $(patsubst man/%,"$(SHARE)/man/man1/%",$(MAN1)) $(patsubst man/%,"$(SHARE)/man/man5/%",$(MAN5))

check: lint test

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

test:
	$(CARGO) test --locked --no-fail-fast

# The same with the long form of what is thrown at it: every kill point, more steps, more seeds..
test-long:
	FSYNC_LONG=1 $(CARGO) test --locked --no-fail-fast

# Writes man/ and completions/ anew from the programs' own arguments.
bless:
	FSYNC_BLESS=1 $(CARGO) test --test gen

clean:
	$(CARGO) clean
