/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_clock - kernel times as the time of day, and ages
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../runtime/clock.h"

#define NS 1000000000ULL

static void printed_and_parsed(void **state)
{
	static const struct { uint64_t at; const char *text; } t[] = {
		{ 1, "1970-01-01T00:00:01Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1795877457, "2026-11-28T14:50:57Z" },
		{ 4102444800, "2100-01-01T00:00:00Z" },
	};
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_string_equal(clock_print(t[i].at, buf), t[i].text);
		assert_int_equal(clock_parse(t[i].text), t[i].at);
	}
	assert_int_equal(clock_parse(""), 0);
	assert_int_equal(clock_parse("2026-11-28"), 0);
	assert_int_equal(clock_parse("2026-11-28T14:50:57Zz"), 0);
}

/* time() may be a tick behind the clock that is tested. */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec;
}

static void ages(void **state)
{
	static const struct { uint64_t age; const char *text; } t[] = {
		{ 0, "now" }, { 90, "90s" }, { 119, "119s" },
		{ 121, "2m" }, { 7000, "116m" }, { 7201, "2h" },
		{ 86400 * 2 - 10, "47h" }, { 86400 * 400, "400d" },
	};
	char buf[CLOCK_AGE_MAX];

	(void)state;
	assert_string_equal(clock_age(0, buf), "never");
	assert_string_equal(clock_age(now() + 100, buf), "now");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		uint64_t at;

		do {	/* again when the second changed meanwhile */
			at = now();
			clock_age(at - t[i].age, buf);
		} while (at != now());
		assert_string_equal(buf, t[i].text);
	}
}

/* What ktime and jiffies say of one moment is the same, to a second or so. */
static void kernel_times(void **state)
{
	struct timespec t;
	uint64_t monotonic, now, tick, hz;

	(void)state;
	assert_int_equal(clock_of_jiffies(0), 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	monotonic = (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
	now = (uint64_t)time(NULL);
	assert_in_range(clock_of_ktime(monotonic) / NS, now - 2, now + 2);
	clock_getres(CLOCK_MONOTONIC_COARSE, &t);
	tick = (uint64_t)t.tv_nsec;
	hz = (NS + tick / 2) / tick;
	/* jiffies began at -300 seconds, as 32 bits */
	assert_in_range(clock_of_jiffies((uint32_t)-(300 * (int64_t)hz) +
					 monotonic / tick), now - 2, now + 2);
	assert_in_range(clock_of_jiffies((uint32_t)-(300 * (int64_t)hz) +
					 monotonic / tick - 10 * hz),
			now - 13, now - 8);
	/* never in the future */
	assert_in_range(clock_of_jiffies((uint32_t)-(300 * (int64_t)hz) +
					 monotonic / tick + 100 * hz),
			now - 2, now + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_and_parsed),
		cmocka_unit_test(ages),
		cmocka_unit_test(kernel_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
