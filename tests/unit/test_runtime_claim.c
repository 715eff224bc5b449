/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_runtime_claim - which socket is chosen for which slot; addresses
 *
 * What the runtime decides without the kernel: candidates are made by hand.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../runtime/claim.h"

static const struct candidate tcp4 = {
	.fd = -1, .from = "tcp4",
	.facts = { .family = 4, .protocol = IPPROTO_TCP, .cookie = 1,
		   .local = { .family = 4, .port = 80 } },
};
static const struct candidate both = {
	.fd = -1, .from = "both",
	.facts = { .family = 6, .protocol = IPPROTO_TCP, .cookie = 2,
		   .both = true, .local = { .family = 6, .port = 80 } },
};
static const struct candidate udp6 = {
	.fd = -1, .from = "udp6",
	.facts = { .family = 6, .protocol = IPPROTO_UDP, .cookie = 3,
		   .local = { .family = 6, .port = 53 } },
};

static struct skpol handle;

/* Chooses among N candidates for a name with all four slots. */
static int choose(struct claim *c, struct candidate *v, size_t n)
{
	struct candidates list = { v, n };

	memset(c, 0, sizeof(*c));
	strcpy(c->name, "web");
	for (int k = 0; k < KIND_COUNT; k++)
		c->kinds[k].declared = true;
	return claim_choose(&handle, c, &list);
}

static const char *chosen(const struct claim *c, enum kind k)
{
	return c->kinds[k].chosen ? c->kinds[k].chosen->from : "none";
}

static void each_socket_goes_to_its_slot(void **state)
{
	struct candidate v[] = { tcp4, udp6 };
	struct claim c;

	(void)state;
	assert_int_equal(choose(&c, v, 2), 0);
	assert_string_equal(chosen(&c, KIND_TCP4), "tcp4");
	assert_string_equal(chosen(&c, KIND_TCP6), "none");
	assert_string_equal(chosen(&c, KIND_UDP4), "none");
	assert_string_equal(chosen(&c, KIND_UDP6), "udp6");
	assert_false(claim_empty(&c));
	assert_int_equal(choose(&c, v, 0), 0);
	assert_true(claim_empty(&c));
}

/* Whatever the order: the IPv4 socket is meant for IPv4. */
static void a_dual_stack_socket_stands_back(void **state)
{
	struct candidate one[] = { both }, v[] = { both, tcp4 },
			 w[] = { tcp4, both };
	struct claim c;

	(void)state;
	assert_int_equal(choose(&c, one, 1), 0);
	assert_string_equal(chosen(&c, KIND_TCP4), "both");
	assert_true(c.kinds[KIND_TCP4].implied);
	assert_string_equal(chosen(&c, KIND_TCP6), "both");
	assert_false(c.kinds[KIND_TCP6].implied);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(choose(&c, i ? v : w, 2), 0);
		assert_string_equal(chosen(&c, KIND_TCP4), "tcp4");
		assert_false(c.kinds[KIND_TCP4].implied);
		assert_string_equal(chosen(&c, KIND_TCP6), "both");
	}
}

static void two_are_one_only_in_a_group(void **state)
{
	struct candidate v[] = { tcp4, tcp4 };
	struct claim c;

	(void)state;
	assert_int_equal(choose(&c, v, 2), 0);	/* one socket, seen twice */
	v[1].facts.cookie = 9;
	assert_int_equal(choose(&c, v, 2), -ENOTUNIQ);
	v[0].facts.reuseport = true;
	assert_int_equal(choose(&c, v, 2), -ENOTUNIQ);
	v[1].facts.reuseport = true;
	assert_int_equal(choose(&c, v, 2), 0);
	v[1].facts.local.port = 81;
	assert_int_equal(choose(&c, v, 2), -ENOTUNIQ);
	v[1].refused = REFUSED_ELSEWHERE;
	assert_int_equal(choose(&c, v, 2), 0);
}

static void undeclared_slots_stay_empty(void **state)
{
	struct candidate v[] = { both };
	struct candidates list = { v, 1 };
	struct claim c = { .name = "web" };

	(void)state;
	c.kinds[KIND_TCP4].declared = true;
	assert_int_equal(claim_choose(&handle, &c, &list), 0);
	assert_string_equal(chosen(&c, KIND_TCP4), "both");
	assert_string_equal(chosen(&c, KIND_TCP6), "none");
}

static void kinds_are_numbered_as_slots(void **state)
{
	(void)state;
	for (int k = 0; k < KIND_COUNT; k++)
		assert_int_equal(kind_of(kind_protocol((enum kind)k),
					 kind_family((enum kind)k)), k);
}

/* ------------------------------------------------------------ addresses */

static void prints_as(const char *text, const char *expected)
{
	char buf[ENDPOINT_TEXT_MAX];
	struct endpoint e;

	if (!endpoint_parse(text, &e))
		fail_msg("%s does not parse", text);
	assert_string_equal(endpoint_print(&e, buf), expected);
}

static void addresses_have_one_form(void **state)
{
	struct endpoint a, b;

	(void)state;
	prints_as("127.0.0.1:80", "127.0.0.1:80");
	prints_as("0.0.0.0:65535", "0.0.0.0:65535");
	prints_as("[::]:0", "[::]:0");
	prints_as("[2001:DB8:0::1]:443", "[2001:db8::1]:443");
	prints_as("[::ffff:127.0.0.1]:80", "127.0.0.1:80");
	assert_true(endpoint_parse("[::ffff:127.0.0.1]:80", &a));
	assert_true(endpoint_parse("127.0.0.1:80", &b));
	assert_true(endpoint_equal(&a, &b));
	assert_true(endpoint_parse("127.0.0.1:81", &b));
	assert_false(endpoint_equal(&a, &b));
}

static void nonsense_is_no_address(void **state)
{
	static const char *const bad[] = {
		"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1: 80", "127.0.0.1:80x", "::1:80",
		"[::1]", "[]:80", "[::1:80", "[127.0.0.1]:80", "localhost:80",
		"1.2.3:80", "[fe80::1%eth0]:80",
		/* longer than any address */
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:80",
		"[0000000000000000000000000000000000000000000000000001::]:80",
	};
	struct endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (endpoint_parse(bad[i], &e))
			fail_msg("`%s` was taken", bad[i]);
}

/* ------------------------------------------------------------ slots */

static void slots_go_through_json(void **state)
{
	struct slot_key k = slot_key("web", IPPROTO_UDP, 6), back;
	uint32_t slot;
	json_t *j = slot_print(&k, 4711);

	(void)state;
	assert_true(slot_parse(j, NULL, &back, &slot));
	assert_memory_equal(&k, &back, sizeof(k));
	assert_int_equal(slot, 4711);
	assert_true(slot_parse(j, "other", &back, &slot));
	assert_string_equal(back.name, "other");
	json_object_set_new(j, "slot", json_integer(SLOTS_MAX));
	assert_false(slot_parse(j, NULL, &back, &slot));
	json_object_set_new(j, "slot", json_integer(-1));
	assert_false(slot_parse(j, NULL, &back, &slot));
	json_object_set_new(j, "slot", json_string("1"));
	assert_false(slot_parse(j, NULL, &back, &slot));
	json_decref(j);
	assert_false(slot_parse(NULL, NULL, &back, &slot));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_socket_goes_to_its_slot),
		cmocka_unit_test(a_dual_stack_socket_stands_back),
		cmocka_unit_test(two_are_one_only_in_a_group),
		cmocka_unit_test(undeclared_slots_stay_empty),
		cmocka_unit_test(kinds_are_numbered_as_slots),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(nonsense_is_no_address),
		cmocka_unit_test(slots_go_through_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
