# llm-mux: one language, one command each. `make help` lists them.
#
# Everything is built out of tree in build/<variant>; V=debug|asan|tsan|fuzz picks another variant.
# The folders of src/ are listed floor by floor (docs/architecture.md draws the house): a folder may
# use only folders of lower floors, so each folder becomes one archive and a unit test of a folder
# is linked with nothing but that folder and the floors below it.

VERSION := 0.1.0
V ?= release
BUILD ?= build/$(V)
PREFIX ?= /usr/local
DESTDIR ?=

FLOOR_0 := base
FLOOR_1 := loop data
FLOOR_2 := net proc
FLOOR_3 := chat models tokens template store
FLOOR_4 := config ledger
FLOOR_5 := formats
FLOOR_6 := providers
FLOOR_7 := accounts
FLOOR_8 := mux
FLOOR_9 := gateway workflow
FLOOR_10 := cli
FLOORS := 0 1 2 3 4 5 6 7 8 9 10
FOLDERS := $(foreach f,$(FLOORS),$(FLOOR_$(f)))

# What only compiles runs on all cores; tests run one after the other.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
COMPILE = $(MAKE) --no-print-directory -j$(JOBS)

# ---- tools and flags -------------------------------------------------------------------------

ifeq ($(V),fuzz)
CC := clang
CXX := clang++
endif
CC ?= cc
CXX ?= c++
PKGS := libuv libcurl libnghttp2 openssl libfyaml zlib libpcre2-8 sqlite3
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wformat=2 -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wshadow
WARN_CXX := -Wall -Wextra
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,separate-code,-z,noexecstack

FLAGS_release := -O2 -g -DNDEBUG -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARDEN)
LD_release := $(HARDEN_LD) -Wl,--as-needed -Wl,--gc-sections
FLAGS_debug := -O0 -g3 $(HARDEN)
LD_debug := $(HARDEN_LD)
FLAGS_asan := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_asan := -fsanitize=address,undefined
FLAGS_tsan := -O1 -g3 -fsanitize=thread -fno-omit-frame-pointer
LD_tsan := -fsanitize=thread
FLAGS_fuzz := -O1 -g3 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LD_fuzz := -fsanitize=fuzzer,address,undefined
# analyze compiles everything once with gcc's analyzer; nothing it builds is run.
FLAGS_analyze := -O1 -g -fanalyzer
LD_analyze :=

COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
CPPFLAGS_ALL := -Isrc -D_GNU_SOURCE $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(WARN) -ffunction-sections -fdata-sections $(FLAGS_$(V)) $(WERROR) $(CFLAGS)
# This check needs clang's C++ runtime, and the linker here is the C compiler.
CXXFLAGS_fuzz := -fno-sanitize=function
# toml++ is header-only; errors come back as values.
CXXFLAGS_ALL := -std=c++17 $(WARN_CXX) -fno-exceptions -fno-rtti -DTOML_EXCEPTIONS=0 \
	-ffunction-sections -fdata-sections $(filter-out -fanalyzer,$(FLAGS_$(V))) $(CXXFLAGS_$(V)) \
	-DNDEBUG $(WERROR) $(CXXFLAGS)
LIBS := $(PKG_LIBS) -lstdc++ -lm -lpthread

# ---- sources ---------------------------------------------------------------------------------

objects = $(patsubst src/%,$(BUILD)/obj/%.o,$(filter-out src/cli/main.c,$(wildcard src/$(1)/*.c src/$(1)/*.cc))) \
	$(GENERATED_$(1))
# The built-in workflows are TOML files that become a C table.
GENERATED_workflow := $(BUILD)/generated/builtins.c.o
archive = $(BUILD)/lib$(1).a
# The archives of a folder and of every floor below it, top floor first.
below_0 := $(FLOOR_0)
below_1 := $(FLOOR_0)
below_2 := $(FLOOR_1) $(below_1)
below_3 := $(FLOOR_2) $(below_2)
below_4 := $(FLOOR_3) $(below_3)
below_5 := $(FLOOR_4) $(below_4)
below_6 := $(FLOOR_5) $(below_5)
below_7 := $(FLOOR_6) $(below_6)
below_8 := $(FLOOR_7) $(below_7)
below_9 := $(FLOOR_8) $(below_8)
below_10 := $(FLOOR_9) $(below_9)
floor_of = $(strip $(foreach f,$(FLOORS),$(if $(filter $(1),$(FLOOR_$(f))),$(f))))
PRESENT := $(foreach d,$(FOLDERS),$(if $(call objects,$(d)),$(d)))
linked = $(filter $(PRESENT),$(1) $(below_$(call floor_of,$(1))))
archives = $(foreach d,$(linked),$(call archive,$(d)))

ALL_ARCHIVES := $(foreach d,$(PRESENT),$(call archive,$(d)))
ALL_SOURCES := $(wildcard src/*/*.c src/*/*.cc)
TEST_FOLDERS := $(filter $(PRESENT),$(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.c))))))
FUZZERS := $(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c))

.DEFAULT_GOAL := build
.PHONY: build run test test-matrix check bench fuzz format install clean release help setup setup-test unit \
	test-only check-format check-floors check-rules check-warnings check-cppcheck check-analyzer check-asan

# ---- the program -----------------------------------------------------------------------------

# The vocabularies that tokens are counted by: fetched by scripts/setup, packed for the program to map.
# Without them the program builds all the same, and its counts are estimates.
VOCABULARIES := build/vocabularies
TOKENS_FILE := $(if $(wildcard $(VOCABULARIES)/complete),$(BUILD)/llm-mux.tokens)
$(BUILD)/llm-mux.tokens: $(BUILD)/pack-tokens $(wildcard $(VOCABULARIES)/*.tiktoken)
	$< $@ $(foreach e,o200k cl100k p50k r50k,$(e)=$(VOCABULARIES)/$(e)_base.tiktoken)

$(BUILD)/pack-tokens: tools/pack-tokens.c $(call archives,tokens) Makefile
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LD_$(V)) $(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

## build: build/release/llm-mux, also reachable as ./llm-mux
build: $(BUILD)/llm-mux $(TOKENS_FILE)
ifeq ($(V),release)
	@ln -sfn build/release/llm-mux llm-mux
endif

$(BUILD)/llm-mux: $(BUILD)/obj/cli/main.c.o $(ALL_ARCHIVES)
	$(CC) $(LD_$(V)) $(LDFLAGS) -o $@ $< -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(LIBS)

define archive_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach d,$(PRESENT),$(eval $(call archive_rule,$(d))))

$(BUILD)/obj/%.c.o: src/%.c Makefile
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

BUILTIN_WORKFLOWS := $(wildcard src/workflow/builtin/*.toml)
$(BUILD)/generated/builtins.c: $(BUILTIN_WORKFLOWS) scripts/embed-workflows
	@mkdir -p $(dir $@)
	@scripts/embed-workflows $(BUILTIN_WORKFLOWS) > $@.new && mv $@.new $@
$(BUILD)/generated/%.c.o: $(BUILD)/generated/%.c Makefile
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.cc.o: src/%.cc Makefile
	@mkdir -p $(dir $@)
	$(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/obj/cli/version.c.o: CPPFLAGS_ALL += -DLLMMUX_VERSION='"$(VERSION)"' -DLLMMUX_COMMIT='"$(COMMIT)"'

## run: set up this machine if needed, build, and start the gateway (ARGS="..." are passed on)
run: setup
	@$(COMPILE) build
	./llm-mux serve $(ARGS)

setup:
	@scripts/setup build

setup-test:
	@scripts/setup test

# ---- tests -----------------------------------------------------------------------------------

## test: set up, build and run every test; ends with "N passed, N failed, N skipped"
test: setup-test
	@$(MAKE) --no-print-directory test-only

test-only:
	@$(COMPILE) build unit-binaries fuzz-replay-binaries
	@tests/run --build $(BUILD)

## test-matrix: every client format x upstream format x case through the program; prints the table
test-matrix: setup-test build
	@LLM_MUX_BIN=$(abspath $(BUILD)/llm-mux) tests/e2e/run matrix.test.mjs
	@PATH="$(CURDIR)/build/node/bin:$$PATH" node tests/e2e/matrix/document.mjs

## unit-FOLDER: build and run the unit tests of one folder (V=asan for the sanitizer build)
unit-%: $(BUILD)/tests/%/unit | $(TOKENS_FILE)
	@$<

unit: $(foreach d,$(TEST_FOLDERS),unit-$(d))

.PHONY: unit-binaries fuzz-replay-binaries
unit-binaries: $(foreach d,$(TEST_FOLDERS),$(BUILD)/tests/$(d)/unit)
fuzz-replay-binaries: $(FUZZERS:%=$(BUILD)/fuzz/replay-%)

# Each tests/FOLDER/test_NAME.c defines `int test_NAME(void)`; the main that calls them is generated.
test_names = $(patsubst tests/$(1)/%.c,%,$(wildcard tests/$(1)/test_*.c))
define unit_rule
$(BUILD)/tests/$(1)/main.c: $(wildcard tests/$(1)/test_*.c) tests/make-main
	@mkdir -p $$(dir $$@)
	@tests/make-main $(call test_names,$(1)) > $$@
$(BUILD)/tests/$(1)/unit: $(BUILD)/tests/$(1)/main.c.o \
		$(patsubst tests/%,$(BUILD)/tests/%.o,$(wildcard tests/$(1)/*.c)) \
		$(patsubst tests/%,$(BUILD)/tests/%.o,$(wildcard tests/support/*.c)) $(call archives,$(1))
	$$(CC) $$(LD_$$(V)) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka $$(LIBS)
endef
$(foreach d,$(TEST_FOLDERS),$(eval $(call unit_rule,$(d))))

$(BUILD)/tests/%.c.o: tests/%.c Makefile
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/tests/%/main.c.o: $(BUILD)/tests/%/main.c
	$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -c -o $@ $<

# ---- fuzzing ---------------------------------------------------------------------------------

## fuzz: run every fuzz target for FUZZ_SECONDS (60) each
FUZZ_SECONDS ?= 60
fuzz:
	@$(COMPILE) V=fuzz fuzz-binaries
	@fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZERS)

.PHONY: fuzz-binaries
fuzz-binaries: $(FUZZERS:%=$(BUILD)/fuzz/%)

$(BUILD)/fuzz/%: fuzz/%.c $(wildcard fuzz/*.h) $(ALL_ARCHIVES)
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LD_$(V)) -o $@ $< -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(LIBS)

# The same target with a main that replays files: how the ordinary tests run the corpora.
$(BUILD)/fuzz/replay-%: fuzz/%.c $(wildcard fuzz/*.h) tests/support/replay_main.inc $(ALL_ARCHIVES)
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LD_$(V)) -include tests/support/replay_main.inc -o $@ $< \
		-Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(LIBS)

# ---- checks ----------------------------------------------------------------------------------

## check: format, floors, tests of the rules, warnings as errors (gcc, clang), cppcheck, gcc -fanalyzer, all tests under ASan+UBSan, units under valgrind
check: setup-test check-format check-floors check-rules check-warnings check-cppcheck check-analyzer check-asan valgrind

FORMATTED = $(shell git ls-files '*.c' '*.h' 2>/dev/null)
check-format:
	clang-format --dry-run --Werror $(FORMATTED)

check-floors:
	scripts/check-floors

check-rules:
	scripts/check-rules

check-warnings:
	$(COMPILE) V=debug BUILD=build/gcc-werror CC=gcc WERROR=-Werror \
		build/gcc-werror/llm-mux build/gcc-werror/pack-tokens unit-binaries fuzz-replay-binaries
	$(COMPILE) V=debug BUILD=build/clang-werror CC=clang CXX=clang++ WERROR=-Werror \
		build/clang-werror/llm-mux build/clang-werror/pack-tokens unit-binaries fuzz-replay-binaries

## valgrind: every unit binary under memcheck; a report or a leak is a failure
VALGRIND := valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible \
	--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=1 --suppressions=tests/valgrind.supp
.PHONY: valgrind
valgrind:
	@$(COMPILE) unit-binaries
	@$(COMPILE) $(TEST_FOLDERS:%=valgrind-%)
valgrind-%: $(BUILD)/tests/%/unit | $(TOKENS_FILE)
	@$(VALGRIND) $< >$<.valgrind.log 2>&1 \
		&& echo "valgrind-$*: clean" || { grep -aE '==[0-9]+==|FAILED' $<.valgrind.log | head -n 60; exit 1; }

check-cppcheck:
	cppcheck --quiet --std=c11 --language=c --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches -j 2 -Isrc $(filter %.c,$(ALL_SOURCES))

check-analyzer:
	$(COMPILE) V=analyze BUILD=build/analyze CC=gcc WERROR=-Werror build/analyze/llm-mux

check-asan:
	$(MAKE) --no-print-directory V=asan test-only

# ---- the rest --------------------------------------------------------------------------------

BENCH_BINARIES := $(patsubst bench/%.c,$(BUILD)/bench-%,$(wildcard bench/*.c))
$(BUILD)/bench-%: bench/%.c $(wildcard bench/*.h) $(call archives,formats) Makefile
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LD_$(V)) -o $@ $< \
		-Wl,--start-group $(call archives,formats) -Wl,--end-group $(LIBS)

## bench: CPU, latency and memory beside nginx in the same run
bench: setup-test
	@$(COMPILE) build bench-binaries
	bench/run
.PHONY: bench-binaries
bench-binaries: $(BENCH_BINARIES)

## format: clang-format every file
format:
	clang-format -i $(FORMATTED)

## install: program and completions under $(DESTDIR)$(PREFIX)
install: build
	install -D -m 0755 $(BUILD)/llm-mux $(DESTDIR)$(PREFIX)/bin/llm-mux
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(if $(TOKENS_FILE),install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/llm-mux $(TOKENS_FILE) $(VOCABULARIES)/llm-mux.tokens.LICENSE)
	$(BUILD)/llm-mux completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/llm-mux
	$(BUILD)/llm-mux completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_llm-mux
	$(BUILD)/llm-mux completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/llm-mux.fish

## release: stripped archive build/llm-mux-VERSION-ARCH.tar.gz with its SHA-256
release: build
	scripts/release $(VERSION)

## clean: remove build/
clean:
	rm -rf build llm-mux

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | sed 's/: /\t/' | awk -F'\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
