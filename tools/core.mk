# tools/core.mk: the core alone, as a static library with its unit tests
#
#   make -f tools/core.mk [VARIANT=...] lib|tests|check
#   make -f tools/core.mk golden          the pinned models, from other
#                                         compilers, flags and machines
#   make -f tools/core.mk golden-write    pins them anew
#
# No PostgreSQL header is in reach here, and every warning is an error.  A
# variant has its own compiler, flags, objects and library:
#
#   plain   the flags of the extension; build/libhpcore.a
#   noomp   without OpenMP: the same results from one thread
#   asan    address and undefined behaviour sanitizers, leaks included
#   tsan    thread sanitizer.  Needs clang and its OpenMP runtime, whose archer
#           library tells the sanitizer about barriers and tasks; gcc's runtime
#           does not, and each barrier is reported as a race.
#   valgrind  under memcheck, which sees what is read before it was written;
#             without the tests that it takes more than half a minute for, and
#             without those that need long doubles

VARIANT = plain
CC = gcc
CFLAGS = -O2 -g
OPENMP = -fopenmp
run =
under =
left_out =

ifeq ($(VARIANT),noomp)
OPENMP = -Wno-unknown-pragmas
endif
ifeq ($(VARIANT),asan)
CFLAGS = -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
run = ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
endif
ifeq ($(VARIANT),tsan)
CC = clang
CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=thread
# archer is loaded at run time; the runtime itself is not instrumented
run = TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1 \
	OMP_TOOL_LIBRARIES=$(shell $(CC) -print-file-name=libarcher.so)
# tests that never have a second thread
two_threads = threads|nworkers|memory_init.*, [2-9]|table_model.*, [2-9]|table_fails|table_try|hpt_train|, 2, &
left_out = $(basename $(notdir $(shell grep -LE '$(two_threads)' test/core/test_*.c)))
endif

# One thread at a time runs under memcheck, so none waits by spinning; and it
# takes long doubles for doubles, which some tests compare with.
ifeq ($(VARIANT),valgrind)
CFLAGS = -O1 -g
run = GOMP_SPINCOUNT=0
under = valgrind -q --error-exitcode=99 --fair-sched=yes
left_out = $(addprefix test_,boost design golden judge grow memory property stream \
	validate fixed math oob scan split target)
endif

STRICT = -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-fast-math \
	-fno-strict-aliasing -fwrapv \
	-Werror -Wall -Wextra -Wshadow -Wundef -Wvla -Wpointer-arith -Wcast-qual \
	-Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	-Wdeclaration-after-statement

out = build/core-$(VARIANT)
lib = build/libhpcore$(if $(filter-out plain,$(VARIANT)),-$(VARIANT)).a
objects = $(patsubst src/core/%.c,$(out)/%.o,$(wildcard src/core/*.c))
tests = $(filter-out $(left_out:%=$(out)/%),\
	$(patsubst test/core/%.c,$(out)/%,$(wildcard test/core/test_*.c)))
# what the test programs share: every file there that is not a test, and the
# fuzz targets with what they share, whose corpus test_corpus replays
helpers = $(patsubst test/core/%.c,$(out)/%.o,\
	$(filter-out test/core/test_%.c,$(wildcard test/core/*.c))) \
	$(patsubst test/fuzz/%.c,$(out)/%.o,$(wildcard test/fuzz/fuzz_*.c test/fuzz/hpf_*.c))

lib: $(lib)
tests: $(tests)
check: $(tests)
	@$(run) tools/tap.pl --jobs $(shell nproc) \
		$(if $(under),--under '$(under)') \
		$(if $(TALLY),--tally '$(TALLY)') $(sort $(tests))

# test_golden pins models to the byte: gcc and clang, without and with all
# optimisation, with the instructions of newer machines and without those of
# this one that a library might choose, must make them too.
golden_builds = "gcc -O0" "gcc -O3" "gcc -O3 -march=x86-64-v3" \
	"clang -O0" "clang -O3" "clang -O3 -march=x86-64-v3"
golden_tunables = GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-AVX2_Usable

golden:
	@set -e; for build in $(golden_builds); do \
		name=golden-$$(echo $$build | tr -d ' ='); \
		$(MAKE) -s --no-print-directory -f tools/core.mk VARIANT=$$name \
			CC=$${build%% *} CFLAGS="$${build#* }" \
			build/core-$$name/test_golden; \
		echo "$$build"; tools/tap.pl build/core-$$name/test_golden; \
	done
	@$(MAKE) -s --no-print-directory -f tools/core.mk \
		build/core-plain/test_golden
	@echo "without FMA and AVX2"
	@$(golden_tunables) tools/tap.pl build/core-plain/test_golden

golden-write: $(out)/test_golden
	$(out)/test_golden --write test/golden/digests.txt

$(lib): $(objects)
	rm -f $@
	$(AR) rcs $@ $^

$(out)/%.o: src/core/%.c $(out)/flags
	$(CC) $(STRICT) $(CFLAGS) $(OPENMP) -MMD -MP -c -o $@ $<

test_includes = -Isrc/core -Itest/core -Itest/fuzz
$(out)/%.o: test/core/%.c $(out)/flags
	$(CC) $(STRICT) $(CFLAGS) $(OPENMP) $(test_includes) -MMD -MP -c -o $@ $<
$(out)/%.o: test/fuzz/%.c $(out)/flags
	$(CC) $(STRICT) $(CFLAGS) $(OPENMP) $(test_includes) -MMD -MP -c -o $@ $<

$(tests): $(out)/%: $(out)/%.o $(helpers) $(lib)
	$(CC) $(CFLAGS) $(OPENMP) -o $@ $^ -lm

# Another compiler or other flags: build anew.
flags := $(CC) $(CFLAGS) $(OPENMP)
$(out)/flags: FORCE
	@mkdir -p $(out)
	@echo '$(flags)' | cmp -s - $@ || echo '$(flags)' >$@
FORCE:

.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: lib tests check golden golden-write FORCE

-include $(wildcard $(out)/*.d)
