# Targets for users: demo test bench torture sanitize fuzz lint install. Everything is built below out/.
# csrc/sources.txt and csrc/flags.txt say what the core is made of; setup.py and binding.gyp read them too.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := lib

OUT := out
GCC := gcc
CLANG := clang
SECONDS ?= 60
ONLY :=
PREFIX := /usr/local
DESTDIR :=

version_of = $(shell sed -n 's/^\#define TALLY_VERSION_$(1) //p' csrc/include/tallystick/base.h)
VERSION := $(call version_of,MAJOR).$(call version_of,MINOR).$(call version_of,PATCH)
SOURCES := $(shell cat csrc/sources.txt)
FLAGS := $(shell cat csrc/flags.txt)
INCLUDES := -Icsrc -Icsrc/include
# Each is a program of its own; stress_ ones are about threads, and what `make torture` repeats.
TESTS := $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_*.c tests/c/stress_*.c))
WRAPS := $(patsubst tests/c/wrap/%.c,%,$(wildcard tests/c/wrap/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
LIBS := -Wl,--as-needed $(shell pkg-config --libs libsodium 2>/dev/null) -Wl,--no-as-needed -pthread
VENV := $(OUT)/venv/bin/python
# Where the system's Node is too old, setup.sh puts one there.
export PATH := $(CURDIR)/$(OUT)/venv/bin:$(PATH)

comma := ,
# V=1 shows the commands.
Q := $(if $(V),,@)
SAY := $(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
# A variant is the core compiled one way, with the test programs that are linked with those objects.
# $(1) name, $(2) compiler, $(3) flags on top of flags.txt
define variant
$(1)_compile := $(2) $(FLAGS) -Werror $(3) $(INCLUDES)
$(1)_objects := $(SOURCES:%.c=$(OUT)/$(1)/core/%.o)
$(1)_wraps := $(WRAPS:%=$(OUT)/$(1)/wrap/%.o)
$(OUT)/$(1)/core/%.o: csrc/%.c csrc/flags.txt Makefile
	@mkdir -p $$(@D)
	@$(SAY) "  CC $$@"
	$(Q)$$($(1)_compile) -MMD -MP -c $$< -o $$@
$(OUT)/$(1)/wrap/%.o: tests/c/wrap/%.c csrc/flags.txt Makefile
	@mkdir -p $$(@D)
	@$(SAY) "  CC $$@"
	$(Q)$$($(1)_compile) -Itests/c -MMD -MP -c $$< -o $$@
$(OUT)/$(1)/tests/%.o: tests/c/%.c csrc/flags.txt Makefile
	@mkdir -p $$(@D)
	@$(SAY) "  CC $$@"
	$(Q)$$($(1)_compile) -Itests/c -MMD -MP -c $$< -o $$@
# Optimising the whole core again for each program would take minutes; what cffi, Python and Node load is.
$(TESTS:%=$(OUT)/$(1)/tests/%): %: %.o $$($(1)_wraps) $$($(1)_objects)
	@$(SAY) "  LD $$@"
	$(Q)$$($(1)_compile) $$(if $$(findstring -flto,$(3)),-fno-lto) $$^ -o $$@ $(LIBS)
.PHONY: tests-$(1) core-$(1)
core-$(1): $$($(1)_objects)
tests-$(1): $(TESTS:%=$(OUT)/$(1)/tests/%)
.PRECIOUS: $(OUT)/$(1)/tests/%.o
-include $$(wildcard $(OUT)/$(1)/*/*.d $(OUT)/$(1)/*/*/*.d)
endef

$(eval $(call variant,release,$(GCC),-fPIC -flto=auto -ffat-lto-objects -DTALLY_STATIC))
$(eval $(call variant,shared,$(GCC),-fPIC -flto=auto -DTALLY_BUILD))
$(eval $(call variant,debug,$(GCC),-O1 -g -DTALLY_STATIC))
$(eval $(call variant,coverage,$(GCC),-O1 -g -fPIC --coverage -fprofile-update=atomic -DTALLY_BUILD))
$(eval $(call variant,asan,$(CLANG),-fPIC -O1 -g -fno-omit-frame-pointer -fsanitize=address$(comma)undefined -fno-sanitize-recover=all -DTALLY_BUILD))
$(eval $(call variant,tsan,$(CLANG),-O1 -g -fno-omit-frame-pointer -fsanitize=thread -DTALLY_PORTABLE_FENCES=1 -DTALLY_STATIC))
$(eval $(call variant,fuzz,$(CLANG),-O1 -g -fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all -DTALLY_STATIC))
$(eval $(call variant,replay,$(GCC),-O1 -g -fsanitize=address$(comma)undefined -fno-sanitize-recover=all -DTALLY_STATIC))

# ------------------------------------------------------------------------------------- library
.PHONY: lib python node
lib: $(OUT)/libtallystick.a $(OUT)/libtallystick.so $(OUT)/tallystick.pc

$(OUT)/libtallystick.a: $(release_objects)
	@rm -f $@
	@$(SAY) "  AR $@"
	$(Q)gcc-ar rcs $@ $^

# Hosts unload plug-ins; a library with thread-locals that are still alive must not go: -z nodelete.
$(OUT)/libtallystick.so: $(shared_objects)
	@$(SAY) "  LD $@"
	$(Q)$(shared_compile) -shared -Wl,-soname,libtallystick.so.0 -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now $^ -o $@ $(LIBS)

$(OUT)/tallystick.pc: scripts/tallystick.pc.in csrc/include/tallystick/base.h Makefile
	@mkdir -p $(OUT)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

# The Python extension lies beside its package, so that out/venv imports the checkout.
python: $(OUT)/python/.built
$(OUT)/python/.built: setup.py csrc/sources.txt csrc/flags.txt csrc/include/tallystick/base.h FORCE
	@scripts/setup.sh python
	@mkdir -p $(OUT)/python
	$(VENV) setup.py -q build_ext --inplace --build-temp $(OUT)/python/temp
	@touch $@

node:
	@scripts/setup.sh node
	npm run --silent build

.PHONY: install
install: lib
	install -d $(DESTDIR)$(PREFIX)/include/tallystick $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 csrc/include/tallystick/*.h $(DESTDIR)$(PREFIX)/include/tallystick
	install -m 644 $(OUT)/libtallystick.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(OUT)/libtallystick.so $(DESTDIR)$(PREFIX)/lib/libtallystick.so.$(VERSION)
	ln -sf libtallystick.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libtallystick.so.0
	ln -sf libtallystick.so.0 $(DESTDIR)$(PREFIX)/lib/libtallystick.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' scripts/tallystick.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/tallystick.pc

# --------------------------------------------------------------------------------------- tests
.PHONY: test coverage sanitize torture lint format fuzz bench demo exports clean FORCE
# All suites, and one line at the end that totals them.
test:
	@scripts/setup.sh c headers coverage mingw python node
	@$(VENV) scripts/run_tests.py

# Branch coverage of csrc by the C tests; `make test` prints its summary.
coverage:
	@scripts/setup.sh coverage python
	@$(VENV) scripts/run_tests.py coverage

sanitize:
	@scripts/setup.sh sanitize python
	@$(VENV) scripts/run_tests.py asan tsan asan-capi asan-python

# Memory errors that the sanitizers do not see (reads of what was never written).
.PHONY: valgrind
valgrind:
	@scripts/setup.sh c valgrind python
	@$(VENV) scripts/run_tests.py valgrind

torture:
	@scripts/setup.sh sanitize python
	@$(VENV) scripts/torture.py --seconds $(SECONDS)

lint:
	@scripts/setup.sh lint
	@$(VENV) scripts/lint.py

format:
	@scripts/setup.sh lint
	@$(VENV) scripts/lint.py --fix

fuzz:
	@scripts/setup.sh fuzz python
	@$(VENV) scripts/fuzz.py --seconds $(SECONDS)

bench:
	@scripts/setup.sh bench
	@$(VENV) benchmarks/run.py $(if $(ONLY),--only $(ONLY))

demo:
	@scripts/setup.sh c python node
	@$(VENV) scripts/demo.py

# Announces a change of the exported symbols: read the diff, it is the ABI.
exports: $(OUT)/libtallystick.so
	@$(MAKE) -s --no-print-directory print-exports >csrc/exports.txt
	@git --no-pager diff --stat -- csrc/exports.txt
.PHONY: print-exports
print-exports: $(OUT)/libtallystick.so
	@nm -D --defined-only $< | awk '{print $$3}' | LC_ALL=C sort

# The tests through cffi count branches too.
$(OUT)/coverage/libtallystick.so: $(coverage_objects)
	@$(SAY) "  LD $@"
	$(Q)$(coverage_compile) -shared -Wl,-z,nodelete $^ -o $@ $(LIBS)

# The sanitizer's own library is preloaded into the host.
$(OUT)/asan/libtallystick.so: $(asan_objects)
	@$(SAY) "  LD $@"
	$(Q)$(asan_compile) -shared -Wl,-z,nodelete $^ -o $@ $(LIBS)

.PHONY: python-asan
python-asan:
	@mkdir -p $(OUT)/asan/temp
	$(Q)CC=$(CLANG) LDSHARED="$(CLANG) -shared" TALLYSTICK_LTO=0 TALLYSTICK_DEBUG=1 \
	CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" \
	$(VENV) setup.py -q build --build-lib $(OUT)/asan/python --build-temp $(OUT)/asan/temp

# What scripts/torture.py starts and kills.
$(OUT)/torture/%: tests/torture/%.c $(debug_objects)
	@mkdir -p $(@D)
	@$(SAY) "  LD $@"
	$(Q)$(debug_compile) $^ -o $@ $(LIBS)

# Corpus replay: the fuzz entry points with a plain main, built by gcc with its sanitizers.
$(OUT)/replay/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(replay_objects)
	@mkdir -p $(@D)
	@$(SAY) "  LD $@"
	$(Q)$(replay_compile) -Itests/fuzz $^ -o $@ $(LIBS)
$(OUT)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(fuzz_objects)
	@mkdir -p $(@D)
	@$(SAY) "  LD $@"
	$(Q)$(fuzz_compile) -fsanitize=fuzzer -Itests/fuzz $^ -o $@ $(LIBS)
.PHONY: replay fuzzers
replay: $(FUZZERS:%=$(OUT)/replay/%)
fuzzers: $(FUZZERS:%=$(OUT)/fuzz/%)

# The benchmark's own files are compiled without LTO, so that a call into the library stays a call; the
# library inside the archive is optimised as a whole. The peer is a Rust archive; without cargo it is left out.
PEER := $(wildcard $(OUT)/bench/registry_io/release/libregistry_io_peer.a)
bench_objects := $(patsubst benchmarks/c/%.c,$(OUT)/bench/c/%.o,$(wildcard benchmarks/c/*.c))
$(OUT)/bench/c/%.o: benchmarks/c/%.c csrc/flags.txt Makefile $(PEER)
	@mkdir -p $(@D)
	@$(SAY) "  CC $@"
	$(Q)$(GCC) $(FLAGS) -Werror -DTALLY_STATIC $(if $(PEER),-DWITH_PEER) $(INCLUDES) -Ibenchmarks/peers -MMD -MP -c $< -o $@
# The loop alone, in a library of its own: a call into another module has its own price.
$(OUT)/bench/libbare.so: benchmarks/c/bare.c csrc/flags.txt Makefile
	@mkdir -p $(@D)
	@$(SAY) "  LD $@"
	$(Q)$(GCC) $(FLAGS) -Werror -fPIC -shared -DBARE_ALONE $(INCLUDES) -Ibenchmarks/peers $< -o $@
$(OUT)/bench/registry: $(bench_objects) $(OUT)/libtallystick.a $(PEER)
	@$(SAY) "  LD $@"
	$(Q)$(GCC) $(FLAGS) -flto=auto $^ -o $@ $(LIBS) -ldl -lm
-include $(wildcard $(OUT)/bench/c/*.d)
# The logs that compete; batpak is a Rust archive, left out without cargo.
BATPAK := $(wildcard $(OUT)/bench/batpak/release/libbatpak_peer.a)
store_objects := $(patsubst benchmarks/store/%.c,$(OUT)/bench/store-objects/%.o,$(wildcard benchmarks/store/*.c))
$(OUT)/bench/store-objects/%.o: benchmarks/store/%.c csrc/flags.txt Makefile $(BATPAK)
	@mkdir -p $(@D)
	@$(SAY) "  CC $@"
	$(Q)$(GCC) $(FLAGS) -Werror -DTALLY_STATIC $(if $(BATPAK),-DWITH_BATPAK) $(INCLUDES) -Ibenchmarks/peers -MMD -MP -c $< -o $@
$(OUT)/bench/store: $(store_objects) $(OUT)/bench/c/harness.o $(OUT)/libtallystick.a $(BATPAK)
	@$(SAY) "  LD $@"
	$(Q)$(GCC) $(FLAGS) -flto=auto $^ -o $@ $(LIBS) -lsqlite3 -llmdb -ldl -lm
-include $(wildcard $(OUT)/bench/store-objects/*.d)
$(OUT)/bench/proofs-objects/%.o: benchmarks/proofs/%.c csrc/flags.txt Makefile
	@mkdir -p $(@D)
	@$(SAY) "  CC $@"
	$(Q)$(GCC) $(FLAGS) -Werror -DTALLY_STATIC $(INCLUDES) -MMD -MP -c $< -o $@
$(OUT)/bench/proofs: $(OUT)/bench/proofs-objects/main.o $(OUT)/bench/proofs-objects/verify.o $(OUT)/bench/c/harness.o $(OUT)/libtallystick.a
	@$(SAY) "  LD $@"
	$(Q)$(GCC) $(FLAGS) -flto=auto $^ -o $@ $(LIBS) -ldl -lm
-include $(wildcard $(OUT)/bench/proofs-objects/*.d)

# Windows is not a supported system yet; that the core compiles for it is kept true.
MINGW := x86_64-w64-mingw32-gcc
.PHONY: mingw
mingw: $(SOURCES:%.c=$(OUT)/mingw/%.o)
# libsodium's headers are the same everywhere; the other headers of this system must not be seen.
$(OUT)/mingw/include/sodium.h:
	@mkdir -p $(@D)
	@ln -sfn $(shell pkg-config --variable=includedir libsodium)/sodium $(@D)/sodium
	@ln -sfn $(shell pkg-config --variable=includedir libsodium)/sodium.h $@
$(OUT)/mingw/%.o: csrc/%.c csrc/flags.txt Makefile | $(OUT)/mingw/include/sodium.h
	@mkdir -p $(@D)
	@$(SAY) "  CC $@"
	$(Q)$(MINGW) $(filter-out -fno-plt -fno-semantic-interposition,$(FLAGS)) -Werror -DTALLY_STATIC -DSODIUM_STATIC $(INCLUDES) \
	  -isystem $(OUT)/mingw/include -MMD -MP -c $< -o $@
-include $(wildcard $(OUT)/mingw/*/*.d)

# build/ belongs to node-gyp and stays.
clean:
	rm -rf $(filter-out $(OUT)/venv,$(wildcard $(OUT)/*)) python/tallystick/*.so
