/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_libskpolc - the compiler as a library, as an embedding program has it
 *
 * Only api/skpolc.h is used, and the shared library is linked: what is not
 * exported is not there. The n-th allocation fails, for every n, and ends as
 * -ENOMEM. Eight threads compile at once and get the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../../compiler/api/skpolc.h"

static const char good[] =
	"policy edge\n"
	"socket web tcp\n"
	"socket dns\n"
	"set vips = { 192.0.2.0/24, 2001:db8::/32 }\n"
	"map tenant by to { 192.0.2.0/26 -> web; default -> drop }\n"
	"web:  tcp to vips port { 80, 443 } -> web else drop count\n"
	"dns:  udp port 53 -> split by from { 60% dns, 40% dns } else drop\n"
	"rest: tcp port 1000-2000 -> map tenant\n"
	"default -> pass\n"
	"expect tcp to 192.0.2.77 port 443 -> web\n";

static const char late[] =
	"policy edge\n"
	"socket web tcp\n"
	"all: tcp to 192.0.2.0/24 -> drop\n"
	"web: tcp to 192.0.2.1 port 80 -> web\n"
	"default -> pass\n";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0		/* malloc is the sanitizer's */
#else
#define CAN_FAIL 1
#endif

/* --------------------------------------------------- allocations that fail */

static long fail_at;		/* 0 = none; the n-th from now, and all after */
static pthread_t failing;	/* only there */

#if CAN_FAIL
static bool out_of_memory(void)
{
	if (!fail_at || !pthread_equal(failing, pthread_self()))
		return false;
	if (fail_at > 1) {
		fail_at--;
		return false;
	}
	errno = ENOMEM;
	return true;
}

#define SEEN_BY_ALL __attribute__((visibility("default")))
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

SEEN_BY_ALL void *malloc(size_t size)
{
	return out_of_memory() ? NULL : __libc_malloc(size);
}

SEEN_BY_ALL void *calloc(size_t n, size_t size)
{
	return out_of_memory() ? NULL : __libc_calloc(n, size);
}

SEEN_BY_ALL void *realloc(void *p, size_t size)
{
	return out_of_memory() ? NULL : __libc_realloc(p, size);
}
#endif

/* ----------------------------------------------------------------- helpers */

struct told {
	unsigned int errors, warnings;
	char name[64], message[512], file[64], also_file[64];
	uint32_t line, column, also_line;
	bool help;
};

/* Remembers the first, counts the rest. */
static void tell(void *ctx, const struct skpolc_diagnostic *d)
{
	struct told *t = ctx;

	assert_int_equal(d->size, sizeof(*d));
	if (!t->errors++ && !t->warnings) {
		snprintf(t->name, sizeof(t->name), "%s", d->name);
		snprintf(t->message, sizeof(t->message), "%s", d->message);
		snprintf(t->file, sizeof(t->file), "%s", d->place.file ?
			 d->place.file : "");
		t->line = d->place.line;
		t->column = d->place.column;
		snprintf(t->also_file, sizeof(t->also_file), "%s",
			 d->also.file ? d->also.file : "");
		t->also_line = d->also.line;
		t->help = d->help != NULL;
	}
	if (d->level == SKPOLC_WARNING) {
		t->errors--;
		t->warnings++;
	}
}

static int compile_text(const char *text, struct told *t,
			struct skpolc_options o, struct skpolc **k)
{
	*t = (struct told){ .errors = 0 };
	o.size = sizeof(o);
	o.diagnostic = tell;
	o.ctx = t;
	return skpolc_compile_text(&o, NULL, text, strlen(text), k);
}

static struct skpolc *must_compile(const char *text)
{
	struct skpolc *k;

	if (skpolc_compile_text(NULL, NULL, text, strlen(text), &k))
		fail_msg("skpolc_compile_text: %s", skpolc_message(k));
	return k;
}

/* ------------------------------------------------------------------- tests */

static void text_becomes_an_object(void **state)
{
	struct skpolc *k = must_compile(good);
	const char *bytes;
	size_t size;

	(void)state;
	bytes = skpolc_object(k, &size);
	assert_true(size > 1000);
	assert_memory_equal(bytes, "\177ELF", 4);
	assert_string_equal(skpolc_policy(k), "edge");
	assert_string_equal(skpolc_kernel(k), "5.10");
	assert_string_equal(skpolc_message(k), "");
	skpolc_free(k);
	skpolc_free(NULL);
}

static void files_are_compiled_with_their_name(void **state)
{
	char path[] = "/tmp/skpolc-test-XXXXXX";
	int fd = mkstemp(path);
	struct skpolc *k, *same;
	const void *a, *b;
	size_t na, nb;

	(void)state;
	assert_int_equal(write(fd, good, strlen(good)), strlen(good));
	close(fd);
	assert_int_equal(skpolc_compile_file(NULL, path, &k), 0);
	assert_int_equal(skpolc_compile_text(NULL, path, good, strlen(good),
					     &same), 0);
	a = skpolc_object(k, &na);
	b = skpolc_object(same, &nb);
	assert_int_equal(na, nb);
	assert_memory_equal(a, b, na);
	skpolc_free(k);
	skpolc_free(same);
	unlink(path);
	assert_int_equal(skpolc_compile_file(NULL, path, &k), -ENOENT);
	assert_non_null(strstr(skpolc_message(k), "cannot read /tmp/"));
	assert_null(skpolc_object(k, &na));
	assert_int_equal(na, 0);
	skpolc_free(k);
}

static void mistakes_are_told(void **state)
{
	struct skpolc_options o = { 0 };
	struct skpolc *k;
	struct told t;

	(void)state;
	assert_int_equal(compile_text("policy p\na: tcp -> wbe\n"
				      "b: udp -> nope\ndefault -> pass\n", &t,
				      o, &k), -EINVAL);
	assert_int_equal(t.errors, 2);
	assert_string_equal(t.name, "undefined-name");
	assert_string_equal(t.file, "policy.skl");
	assert_int_equal(t.line, 2);
	assert_int_equal(t.column, 11);
	assert_non_null(strstr(skpolc_message(k), "wbe"));
	assert_non_null(strstr(skpolc_message(k), "(and more)"));
	assert_null(skpolc_policy(k));
	assert_null(skpolc_kernel(k));
	skpolc_free(k);
	/* nobody has to listen */
	assert_int_equal(skpolc_compile_text(NULL, NULL, "", 0, &k), -EINVAL);
	assert_true(*skpolc_message(k));
	skpolc_free(k);
	assert_int_equal(skpolc_compile_text(NULL, NULL, NULL, 5, &k),
			 -EINVAL);
	skpolc_free(k);
}

static void warnings_are_told_denied_and_silenced(void **state)
{
	static const char *const unreachable[] = { "unreachable-rule", NULL };
	static const char *const all[] = { "all", NULL };
	static const char *const wrong[] = { "no-such-thing", NULL };
	struct skpolc_options o = { 0 };
	struct skpolc *k;
	struct told t;

	(void)state;
	assert_int_equal(compile_text(late, &t, o, &k), 0);
	assert_int_equal(t.errors, 0);
	assert_string_equal(t.name, "unreachable-rule");
	assert_int_equal(t.line, 4);
	assert_string_equal(t.also_file, "policy.skl");
	assert_int_equal(t.also_line, 3);
	assert_true(t.help);
	skpolc_free(k);
	o.deny = all;
	assert_int_equal(compile_text(late, &t, o, &k), -EINVAL);
	assert_true(t.errors > 0);
	skpolc_free(k);
	o.deny = NULL;
	o.silence = unreachable;
	assert_int_equal(compile_text(late, &t, o, &k), 0);
	assert_string_not_equal(t.name, "unreachable-rule");
	skpolc_free(k);
	o.silence = wrong;
	assert_int_equal(compile_text(late, &t, o, &k), -ENOENT);
	assert_non_null(strstr(skpolc_message(k), "no-such-thing"));
	skpolc_free(k);
}

static void options_are_checked(void **state)
{
	struct skpolc_options o = { .target_kernel = "4.4" };
	struct skpolc *k;
	struct told t;

	(void)state;
	assert_int_equal(compile_text(good, &t, o, &k), -ENOENT);
	assert_non_null(strstr(skpolc_message(k), "4.4"));
	skpolc_free(k);
	o.target_kernel = "6.1";
	o.optimize = SKPOLC_OPTIMIZE_0;
	assert_int_equal(compile_text(good, &t, o, &k), 0);
	assert_string_equal(skpolc_kernel(k), "6.1");
	skpolc_free(k);
	o.optimize = 77;
	assert_int_equal(compile_text(good, &t, o, &k), -ENOENT);
	skpolc_free(k);
}

static void packets_get_verdicts(void **state)
{
	struct skpolc *k = must_compile(good);
	const char *v;
	char *text;

	(void)state;
	assert_int_equal(skpolc_verdict(k, "tcp 203.0.113.9:50000 -> "
					"192.0.2.1:443", &v), 0);
	assert_string_equal(v, "web");
	assert_int_equal(skpolc_verdict(k, "udp [2001:db8::9]:5 -> "
					"[2001:db8::1]:53", &v), 0);
	assert_string_equal(v, "dns");
	assert_int_equal(skpolc_verdict(k, "tcp 203.0.113.9:50000 -> "
					"198.51.100.1:443", &v), 0);
	assert_string_equal(v, "pass");
	assert_int_equal(skpolc_explain(k, "tcp 203.0.113.9:50000 -> "
					"192.0.2.1:443", false, &text), 0);
	assert_non_null(strstr(text, "web"));
	free(text);
	assert_int_equal(skpolc_explain(k, "tcp 203.0.113.9:50000 -> "
					"192.0.2.1:443", true, &text), 0);
	assert_non_null(strstr(text, "\"bytes\": \"web\""));
	free(text);
	assert_int_equal(skpolc_verdict(k, "tcp nonsense", &v), -EINVAL);
	assert_null(v);
	assert_true(*skpolc_message(k));
	assert_int_equal(skpolc_explain(k, "", true, &text), -EINVAL);
	assert_null(text);
	skpolc_free(k);
	assert_int_equal(skpolc_compile_text(NULL, NULL, "", 0, &k), -EINVAL);
	assert_int_equal(skpolc_verdict(k, "tcp 203.0.113.9:50000 -> "
					"192.0.2.1:443", &v), -EINVAL);
	skpolc_free(k);
}

static void memory_that_ends_is_an_error(void **state)
{
	long n, failures = 0;
	int err = -ENOMEM;

	(void)state;
	if (!CAN_FAIL)
		skip();
	failing = pthread_self();
	for (n = 1; err && n < 100000; n++) {
		const char *v;
		struct skpolc *k;
		size_t size;

		fail_at = n;
		err = skpolc_compile_text(NULL, NULL, good, strlen(good), &k);
		if (!err)
			err = skpolc_verdict(k, "tcp 203.0.113.9:50000 -> "
					     "192.0.2.1:443", &v);
		fail_at = 0;
		if (err) {
			if (err != -ENOMEM)
				fail_msg("allocation %ld: %d, %s", n, err,
					 skpolc_message(k));
			assert_non_null(strstr(skpolc_message(k), "memory"));
			failures++;
		} else {
			assert_non_null(skpolc_object(k, &size));
			assert_string_equal(v, "web");
		}
		skpolc_free(k);
	}
	assert_int_equal(err, 0);
	/* an arena asks seldom: an object's parts are what is many */
	assert_in_range(failures, 20, 99999);
}

enum { THREADS = 8, ROUNDS = 12 };

struct work {
	const void *bytes;
	size_t size;
	unsigned int wrong;
};

static void *compile_many(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct skpolc *k, *bad;
		const char *v = NULL;
		size_t size = 0;
		const void *p;

		w->wrong += skpolc_compile_text(NULL, NULL, good, strlen(good),
						&k) != 0;
		w->wrong += skpolc_compile_text(NULL, NULL, "policy", 6,
						&bad) != -EINVAL;
		p = skpolc_object(k, &size);
		w->wrong += size != w->size || memcmp(p, w->bytes, size);
		w->wrong += skpolc_verdict(k, "tcp 203.0.113.9:50000 -> "
					   "192.0.2.1:443", &v) != 0 ||
			strcmp(v, "web");
		skpolc_free(bad);
		skpolc_free(k);
	}
	return NULL;
}

static void threads_do_not_meet(void **state)
{
	struct skpolc *k = must_compile(good);
	struct work w[THREADS];
	pthread_t threads[THREADS];
	size_t size;
	const void *bytes = skpolc_object(k, &size);

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct work){ bytes, size, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL,
						compile_many, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(w[i].wrong, 0);
	}
	skpolc_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_an_object),
		cmocka_unit_test(files_are_compiled_with_their_name),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(warnings_are_told_denied_and_silenced),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(packets_get_verdicts),
		cmocka_unit_test(memory_that_ends_is_an_error),
		cmocka_unit_test(threads_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
