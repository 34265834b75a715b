#? houseprice: regression inside PostgreSQL
#?
#? In a private, throw-away cluster; what is missing is installed first:
#?   make demo             the main job on 2,930 real house sales
#?   make demo-psql        psql with those houses loaded
#?   make test             every test; ends with "N passed, N failed"
#?   make bench            speed, accuracy and memory beside other libraries'
#?                         (BENCH_ARGS=--large, see bench/README.md)
#?
#? In a server of yours, as with any extension (PG_CONFIG=... picks it):
#?   make                  build
#?   make install          install (DESTDIR=... stages)
#?   make installcheck     regression, isolation and TAP tests
#?   make clean
#?
#? The core alone, without PostgreSQL:
#?   make core             build/libhpcore.a
#?   make check-core       its unit tests; also check-core-noomp (no OpenMP),
#?                         check-core-asan and check-core-tsan (sanitizers),
#?                         check-core-valgrind (memcheck)
#?
#? The tests once more, with what they do to memory looked at:
#?   make test-asan        the extension with the address and undefined
#?                         behaviour sanitizers
#?   make test-valgrind    the core's, and a server with the extension, under
#?                         memcheck
#?   make fuzz             libFuzzer on all that reads bytes, a minute each
#?                         (FUZZ_ARGS="3600 model": an hour, one target)
#?
#? The source:
#?   make format           lay out the C sources; format-check only looks
#?   make lint             cppcheck and clang-tidy
#?   make ci               all that must pass before a change is merged
#?
#? Whole machines, as root and with debootstrap:
#?   make test-fresh       both commands on a bare Debian 12, also as a user
#?   make test-pg17        every test with PostgreSQL 17 on Debian 13
#?   make test-newer       a database with models taken there, by pg_dump and
#?                         by pg_upgrade

# The directory of this file: differs from the current one in a VPATH build.
src := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

EXTENSION = houseprice
MODULE_big = houseprice
DATA = $(patsubst $(src)/%,%,$(wildcard $(src)/sql/houseprice--*.sql))
core_src := $(patsubst $(src)/%,%,$(wildcard $(src)/src/core/*.c))
pg_src := $(patsubst $(src)/%,%,$(wildcard $(src)/src/pg/*.c))
CORE_OBJS = $(core_src:.c=.o)
PG_OBJS = $(pg_src:.c=.o)
# tools/fuzz.sh adds to a build of its own with EXTRA_OBJS and EXTRA_LINK.
OBJS = $(CORE_OBJS) $(PG_OBJS) $(EXTRA_OBJS)

# Tests are found, not registered; "setup" runs first, the rest in any order.
tests := $(basename $(notdir $(wildcard $(src)/test/sql/*.sql)))
REGRESS = $(filter setup,$(tests)) $(sort $(filter-out setup,$(tests)))
ISOLATION = $(sort $(basename $(notdir $(wildcard $(src)/test/specs/*.spec))))
TAP_TESTS = $(if $(wildcard $(src)/test/t/*.pl),1)
PROVE_TESTS = test/t/*.pl
PROVE_FLAGS = -I test/perl
REGRESS_OPTS = --inputdir=$(src)/test
ISOLATION_OPTS = --inputdir=$(src)/test --outputdir=. --load-extension=houseprice
# Expected output is looked for in the current directory.
REGRESS_PREP = $(if $(filter-out .,$(src)),link-expected)

# The same model bytes from every compiler: no contraction of a*b+c, no
# reordering.  Bitcode for JIT would be compiled without these flags.
override with_llvm := no
NUMERIC_FLAGS = -O2 -ffp-contract=off -fno-fast-math
WARN_FLAGS = -Wall -Wextra -Wshadow
# PostgreSQL's calling conventions leave parameters unused.
PG_CFLAGS = $(NUMERIC_FLAGS) $(WARN_FLAGS) -Wno-unused-parameter \
	-fopenmp -MMD -MP
# Entry points of the server's interface are exported, all else stays inside.
SHLIB_LINK = -fopenmp -Wl,--version-script=$(src)/tools/exports.map $(EXTRA_LINK)
EXTRA_CLEAN = build results regression.diffs regression.out tmp_check \
	$(OBJS:.o=.d)

PG_CONFIG ?= pg_config

# The targets that install what is missing must work before pg_config exists,
# and those of the core alone never need it.
NO_PGXS_GOALS = help demo demo-psql bench test test-asan test-valgrind fuzz \
	test-fresh test-pg17 test-newer ci \
	core check-core check-core-noomp check-core-asan check-core-tsan \
	check-core-valgrind format format-check lint
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(NO_PGXS_GOALS),$(MAKECMDGOALS)),all),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) not found: install the server's development package \
	(Debian: postgresql-server-dev-15) or say PG_CONFIG=/path/to/pg_config)
endif
include $(PGXS)

# The server's headers do not pass our warnings: treat them as the system's.
override CPPFLAGS := $(subst -I$(includedir_server),-isystem $(includedir_server),$(CPPFLAGS))
# PostgreSQL was configured with gcc: let clang pass over flags it lacks.
ifneq ($(findstring clang,$(CC)),)
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument
endif

$(CORE_OBJS): override CFLAGS += -fvisibility=hidden

# A VPATH build looks up sources in the source tree, but never the objects that
# another build may have left there.
ifneq ($(src),.)
VPATH =
vpath %.c $(src)
vpath %.control $(src)
endif
link-expected:
	ln -sfn $(abspath $(src))/expected expected
.PHONY: link-expected

object_dirs := $(sort $(dir $(OBJS)))
$(OBJS): | $(object_dirs)
$(object_dirs):
	$(MKDIR_P) $@

-include $(OBJS:.o=.d)
endif

# ---- the core alone: no PostgreSQL header, no PostgreSQL flag ---------------

core:
	@$(MAKE) --no-print-directory -C $(src) -f tools/core.mk lib
check-core:
	@$(MAKE) --no-print-directory -C $(src) -f tools/core.mk check
check-core-noomp check-core-asan check-core-tsan check-core-valgrind: check-core-%:
	@$(MAKE) --no-print-directory -C $(src) -f tools/core.mk VARIANT=$* check

# ---- a private, throw-away cluster -----------------------------------------

demo demo-psql test test-valgrind:
	@PG_CONFIG='$(PG_CONFIG)' $(src)/tools/$@.sh
fuzz:
	@PG_CONFIG='$(PG_CONFIG)' $(src)/tools/fuzz.sh $(FUZZ_ARGS)
test-asan:
	@PG_CONFIG='$(PG_CONFIG)' $(src)/tools/test.sh --asan
bench:
	@PG_CONFIG='$(PG_CONFIG)' $(src)/tools/bench.sh $(BENCH_ARGS)

# ---- source -----------------------------------------------------------------

format lint:
	@$(src)/tools/$@.sh
format-check:
	@$(src)/tools/format.sh --check

# ---- whole machines (root) --------------------------------------------------

test-fresh:
	@$(src)/tools/fresh-machine.sh
test-pg17 test-newer:
	@PG_CONFIG='$(PG_CONFIG)' $(src)/tools/$@.sh
ci:
	@$(src)/.ci/run

help:
	@sed -n 's/^#? \{0,1\}//p' $(src)/Makefile

.PHONY: $(NO_PGXS_GOALS)
