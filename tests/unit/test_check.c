/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_check - packets that the kernel is asked about before a switch
 *
 * What they are expected to meet is compared with the reference that walks
 * the syntax tree (eval), which shares no code with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/check.h"
#include "../../compiler/eval.h"
#include "../random/generate.h"
#include "fixture_policy.h"

static json_t *checks_of(struct fixture *w)
{
	json_t *list;

	assert_non_null(w->policy);
	list = checks_build(&w->arena, w->policy);
	assert_non_null(list);
	return list;
}

static const char *text_at(const json_t *list, size_t i)
{
	return json_string_value(json_array_get(list, i));
}

static bool absent(void *ctx, const struct ast_socket *s)
{
	(void)ctx;
	(void)s;
	return true;
}

static void compare(struct fixture *w, struct eval *e, const json_t *check)
{
	const char *text = text_at(check, 0);
	size_t rule = (size_t)json_integer_value(json_array_get(check, 1));
	const json_t *chain = json_array_get(check, 2);
	char error[PACKET_ERROR_MAX];
	struct eval_result r;
	struct packet p;

	assert_true(packet_parse(text, strlen(text), &p, error));
	assert_int_equal(p.ifindex, 0);
	assert_string_equal(p.ifname, "");
	r = eval_packet(e, &p);
	assert_true(rule < w->policy->nrules);
	assert_ptr_equal(w->policy->rules[rule].ast, r.rule);
	assert_string_equal(text_at(chain, 0), r.verdict);
	r = eval_packet_without(e, &p, absent, NULL);
	assert_string_equal(text_at(chain, json_array_size(chain) - 1),
			    r.verdict);
}

static void random_policies(void **state)
{
	size_t all = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct arena a;
		struct fixture *w;
		struct eval *e;
		json_t *list, *check;
		size_t i;

		arena_init(&a, NULL);
		w = fixture_compile(generate_policy(&a, seed, 0));
		list = checks_of(w);
		e = eval_new(&w->arena, w->policy->ast);
		json_array_foreach(list, i, check)
			compare(w, e, check);
		assert_in_range(json_array_size(list), 1, CHECKS_MAX);
		all += json_array_size(list);
		json_decref(list);
		fixture_free(w);
		arena_free(&a);
	}
	assert_true(all > 1000);
}

/* Both ends of a rule, and one outside. */
static void the_edges_of_a_rule(void **state)
{
	static const struct {
		const char *packet, *verdict;
	} want[] = {
		{ "tcp 0.0.0.0:0 -> 192.0.2.0:80", "web" },
		{ "tcp 255.255.255.255:65535 -> 192.0.2.255:89", "web" },
		{ "tcp 0.0.0.0:0 -> 192.0.2.0:79", "pass" },
		{ "tcp 255.255.255.255:65535 -> 192.0.2.255:90", "pass" },
		{ "tcp 0.0.0.0:0 -> 192.0.1.255:80", "pass" },
		{ "tcp 255.255.255.255:65535 -> 192.0.3.0:89", "pass" },
		{ "udp 0.0.0.0:0 -> 192.0.2.0:80", "pass" },
	};
	struct fixture *w = fixture_compile(
		"policy edge\nsocket web tcp\n"
		"web: tcp to 192.0.2.0/24 port 80-89 -> web\n"
		"default -> pass\n");
	json_t *list = checks_of(w);

	(void)state;
	for (size_t k = 0; k < sizeof(want) / sizeof(*want); k++) {
		const char *found = NULL;
		json_t *check;
		size_t i;

		json_array_foreach(list, i, check)
			if (!strcmp(text_at(check, 0), want[k].packet))
				found = text_at(json_array_get(check, 2), 0);
		if (!found)
			fail_msg("no check of %s", want[k].packet);
		assert_string_equal(found, want[k].verdict);
	}
	json_decref(list);
	fixture_free(w);
}

/* Of a chain, what has a slot for the packet, in order. */
static void chains(void **state)
{
	struct fixture *w = fixture_compile(
		"policy edge\nsocket a tcp\nsocket b\nsocket c udp\n"
		"all: port 80 -> a else b else c else pass\n"
		"default -> drop\n");
	json_t *list = checks_of(w), *check;
	size_t i, tcp = 0, udp = 0;

	(void)state;
	json_array_foreach(list, i, check) {
		char *chain = json_dumps(json_array_get(check, 2),
					 JSON_COMPACT);
		bool is_tcp = text_at(check, 0)[0] == 't';

		if (json_integer_value(json_array_get(check, 1)))
			assert_string_equal(chain, "[\"drop\"]");
		else if (is_tcp)
			assert_string_equal(chain, "[\"a\",\"b\",\"pass\"]");
		else
			assert_string_equal(chain, "[\"b\",\"c\",\"pass\"]");
		tcp += is_tcp;
		udp += !is_tcp;
		free(chain);
	}
	assert_true(tcp && udp);
	json_decref(list);
	fixture_free(w);
}

static void many_rules(void **state)
{
	enum { RULES = 2000 };
	char *text = malloc(RULES * 64 + 256), *p = text;
	struct fixture *w;
	json_t *a, *b;

	(void)state;
	p += sprintf(p, "policy edge\nsocket web\n");
	for (int i = 0; i < RULES; i++)
		p += sprintf(p, "tcp to 10.%d.%d.0/24 port %d -> web\n",
			     i / 256, i % 256, 1000 + i % 5);
	sprintf(p, "default -> pass\n");
	w = fixture_compile(text);
	a = checks_of(w);
	b = checks_of(w);
	assert_int_equal(json_array_size(a), CHECKS_MAX);
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
	fixture_free(w);
	free(text);
}

static void a_rule_without_packets(void **state)
{
	struct fixture *w = fixture_compile(
		"policy edge\nset none = { }\n"
		"from none -> drop\non \"eth0\" -> drop\ndefault -> pass\n");
	json_t *list = checks_of(w), *check;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) > 0);
	json_array_foreach(list, i, check)
		assert_string_equal(text_at(json_array_get(check, 2), 0),
				    "pass");
	json_decref(list);
	fixture_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(the_edges_of_a_rule),
		cmocka_unit_test(chains),
		cmocka_unit_test(many_rules),
		cmocka_unit_test(a_rule_without_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
