/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tenants - which policies of IPv4 tenants have a table of hosts
 *
 * Tenants with ports of their own, or with the same ones, few and many, among other
 * rules. Whether there is a table or none, programs must be proved, and do what a
 * linear search says. (test_hosts asks the same of IPv6 and of pairs.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_asked.h"

enum { SOCKETS = 5, LINE_MAX = 80, PACKETS = 5000 };

/* Of N tenants, each an IPv4 address; OWN: with a port of its own. OTHERS: rules of
 * something else. */
static size_t found_of_tenants(uint32_t n, bool own, uint32_t others)
{
	char *text = malloc((n + others + SOCKETS + 4) * LINE_MAX);
	char *to = text;
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text,
	};
	struct compiled c;
	struct asked a;
	size_t found;

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	for (uint32_t i = 0; i < others; i++)
		to += sprintf(to, "udp port %u -> s%u\n", 3 * i + 1, i % SOCKETS);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = i * 2654435761u;

		to += sprintf(to, "tcp to 10.%u.%u.%u port { 80, 443, %u } -> "
			      "s%u\n", v >> 24, v >> 16 & 255, v >> 8 & 255,
			      own ? 2000 + i : 8080, i % SOCKETS);
	}
	to += sprintf(to, "default -> pass\n");
	o.size = (size_t)(to - text);
	assert_int_equal(compile(&c, NULL, &o), 0);
	assert_true(c.proof.ok);
	found = c.program.lowered.hosts[0].n;
	asked_begin(&a, &c);
	asked_ends(&a, PACKETS);
	assert_int_equal(a.wrong, 0);
	compiled_free(&c);
	free(text);
	return found;
}

/* Where each has code of its own: not where few blocks serve all of them, nor where
 * all is rows, nor where others are more than a few. */
static void when_tenants_differ(void **state)
{
	(void)state;
	assert_int_equal(found_of_tenants(20, true, 0), 0);
	assert_int_equal(found_of_tenants(60, true, 0), 60);
	assert_int_equal(found_of_tenants(600, true, 0), 600);
	assert_int_equal(found_of_tenants(600, false, 0), 0);
	assert_int_equal(found_of_tenants(10000, true, 0), 0);
	assert_int_equal(found_of_tenants(60, true, 10), 60);
	assert_int_equal(found_of_tenants(60, true, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(when_tenants_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
