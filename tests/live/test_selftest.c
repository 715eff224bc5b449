/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_selftest - a program is asked about packets before it goes live
 *
 * Against the running kernel, in namespaces of the test's own. Objects are
 * changed after they were checked, to stand for what could go wrong between
 * the compiler and the switch.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/apply.h"
#include "rig.h"

#define POLICY(extra) \
	"policy edge\n" \
	"socket web\n" \
	"socket spare\n" \
	"web: tcp to 192.0.2.0/24 port 80-89 -> " \
	"web else spare else pass count\n" \
	"dns: udp port 53 -> web else spare count trace\n" \
	"no: from 198.51.100.0/24 -> drop count\n" \
	"half: port 7000 -> split by from { 50% web, 50% spare } count\n" \
	extra \
	"default -> pass count\n"
#define ONE POLICY("")
#define TWO POLICY("two: tcp port 7002 -> web count\n")

static int setup(void **state)
{
	(void)state;
	rig_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_reset();
	return 0;
}

static struct objfile *open_text(const char *text)
{
	struct rig_object bytes = rig_compile(text);
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;

	if (objfile_from_bytes(bytes.bytes, bytes.size, &o, error))
		fail_msg("%s", error);
	free(bytes.bytes);
	return o;
}

static json_t *checks(struct objfile *o)
{
	json_t *list = json_object_get(o->manifest, "checks");

	assert_true(json_array_size(list) > 10);
	return list;
}

static void put(const char *name, int fd)
{
	struct skpol *s = rig_open();
	struct skpol_claim c = { .size = sizeof(c), .name = name };
	size_t filled;

	if (skpol_register_fds(s, &c, &fd, 1, &filled))
		fail_msg("register: %s", skpol_message(s));
	skpol_close(s);
}

static void no_counts(void)
{
	static const char *const rules[] = { "web", "dns", "no", "half",
					     "default" };
	static const char *const whats[] = { "hits", "missing", "refused" };

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		for (size_t k = 0; k < sizeof(whats) / sizeof(*whats); k++)
			assert_int_equal(rig_count(rules[i], whats[k]), 0);
}

static void passes_and_leaves_nothing(void **state)
{
	int tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	int spare = rig_socket(SOCK_DGRAM, "::", 8009, 0);
	struct objfile *o = open_text(ONE);
	struct skpol_applied a = rig_must_apply(ONE);

	(void)state;
	assert_int_equal(a.tested, json_array_size(checks(o)));
	no_counts();
	put("web", tcp);
	put("spare", spare);
	a = rig_must_apply(TWO);
	assert_true(a.tested > 10);
	no_counts();
	put("web", udp);
	rig_must_apply(ONE);
	assert_int_equal(rig_must_apply(ONE).tested, 0);	/* unchanged */
	no_counts();
	objfile_free(o);
	close(tcp);
	close(udp);
	close(spare);
}

static void refused(struct objfile *o, int err, const char *words)
{
	struct skpol *s = rig_open();
	struct skpol_applied out;

	assert_int_equal(apply_object(s, o, NULL, &out), err);
	if (!strstr(skpol_message(s), words))
		fail_msg("no `%s` in: %s", words, skpol_message(s));
	if (err == -EBADE)
		assert_int_equal(skpol_fault(s), SKPOL_FAULT_INTERNAL);
	objfile_free(o);
	skpol_close(s);
}

/* Every single check, when it is wrong, stops the switch. */
static void each_check_counts(void **state)
{
	struct objfile *first = open_text(TWO);
	size_t n = json_array_size(checks(first));

	(void)state;
	rig_must_apply(ONE);
	for (size_t i = 0; i < n; i += 7) {
		struct objfile *o = open_text(TWO);
		json_t *check = json_array_get(checks(o), i);
		json_t *chain = json_array_get(check, 2);
		const char *last = json_string_value(json_array_get(chain,
						json_array_size(chain) - 1));
		char packet[128];

		snprintf(packet, sizeof(packet), "`%s`", json_string_value(
			 json_array_get(check, 0)));
		json_array_set_new(chain, json_array_size(chain) - 1,
				   json_string(strcmp(last, "drop") ? "drop" :
					       "pass"));
		refused(o, -EBADE, packet);
	}
	assert_false(rig_has_problem(""));
	assert_false(rig_exists("2"));
	assert_false(rig_exists("new"));
	no_counts();
	objfile_free(first);
}

/* A program that drops everything. */
static void a_wrong_program(void **state)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = SK_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct objfile *o = open_text(ONE);

	(void)state;
	o->insns = insns;
	o->ninsns = 2;
	o->nrelocs = 0;
	refused(o, -EBADE, "the loaded program drops it");
	assert_false(rig_exists(""));		/* nothing is left */
}

static void a_check_that_is_none(void **state)
{
	static const char *const texts[] = {
		"tcp", "",
		"tcp 1.2.3.4:1 -> [::1]:80", "tcp 1.2.3.4 -> 192.0.2.1:80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct objfile *o = open_text(ONE);

		json_array_set_new(json_array_get(checks(o), 0), 0,
				   json_string(texts[i]));
		refused(o, -EBADMSG, "is no packet");
	}
}

/* The kernel takes no connected socket: that is nobody's fault. */
static void a_socket_that_was_connected(void **state)
{
	int udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	rig_must_apply(ONE);
	put("web", udp);
	rig_must_apply(TWO);
	assert_int_equal(connect(udp, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(rig_must_apply(ONE).changed);
	close(udp);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(passes_and_leaves_nothing),
		TEST(each_check_counts),
		TEST(a_wrong_program),
		TEST(a_check_that_is_none),
		TEST(a_socket_that_was_connected),
	};

	RIG_MAIN(tests);
}
