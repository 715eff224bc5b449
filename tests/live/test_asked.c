/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_asked - skpol explain: the running program, its sockets, their owners
 *
 * Against the running kernel, in namespaces of the test's own.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

static const char policy[] =
	"policy edge\n"
	"socket web\n"
	"socket spare udp\n"
	"set near = { 127.0.0.0/8, ::1 }\n"
	"## answers everybody\n"
	"web: to near port 7007 -> web else spare else drop count trace\n"
	"lo: tcp port 81 on \"lo\" -> drop count\n"
	"map who by to {\n\t10.0.0.0/8 -> pass\n\t10.1.0.0/16 -> drop\n}\n"
	"who: tcp -> map who count\n"
	"udp port 5353 -> drop\n"
	"default -> pass\n";

static int web = -1, spare = -1;
static json_t *said;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	web = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	spare = rig_socket(SOCK_DGRAM, "127.0.0.2", 8009, 0);
	rig_must_apply(policy);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(said);
	said = NULL;
	close(web);
	close(spare);
	rig_reset();
	return 0;
}

static void put(const char *name, int fd)
{
	struct skpol_claim c = { .size = sizeof(c), .name = name };
	struct skpol *s = rig_open();
	size_t filled;

	assert_int_equal(skpol_register_fds(s, &c, &fd, 1, &filled), 0);
	assert_int_equal(filled, 1);
	skpol_close(s);
}

static void ask(const char *packet)
{
	struct rig_output o = RIG_SKPOL("explain", "--json", packet);

	if (o.status)
		fail_msg("explain: %s", o.err);
	json_decref(said);
	said = json_loads(o.out, 0, NULL);
	assert_non_null(said);
	assert_true(json_is_true(json_object_get(said, "same")));
	assert_int_equal(json_array_size(json_object_get(said, "unknown")), 0);
}

static const char *text(const json_t *j, const char *key)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : "(none)";
}

static void decides(const char *rule, const char *verdict)
{
	assert_string_equal(text(json_object_get(said, "rule"), "name"), rule);
	assert_string_equal(text(said, "verdict"), verdict);
}

/* The I-th socket that was tried; -1 = no FD. */
static void tried(size_t i, const char *name, const char *result, int fd)
{
	json_t *t = json_array_get(json_object_get(said, "tried"), i);
	char cookie[24];

	assert_non_null(t);
	assert_string_equal(text(t, "name"), name);
	assert_string_equal(text(t, "result"), result);
	assert_string_equal(text(t, "protocol"), "udp");
	assert_string_equal(text(t, "family"), "ip4");
	if (fd < 0) {
		assert_true(json_is_null(json_object_get(t, "cookie")));
		assert_true(json_is_null(json_object_get(t, "pid")));
		return;
	}
	snprintf(cookie, sizeof(cookie), "%llu",
		 (unsigned long long)rig_cookie(fd));
	assert_string_equal(text(t, "cookie"), cookie);
	assert_int_equal(json_integer_value(json_object_get(t, "pid")),
			 getpid());
}

static void tried_in_all(size_t n)
{
	assert_int_equal(json_array_size(json_object_get(said, "tried")), n);
}

#define PACKET "udp 203.0.113.9:50000 -> 127.0.0.1:7007"

static void sockets_and_owners(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	json_t *rule;

	(void)state;
	ask(PACKET);
	decides("web", "drop");
	tried_in_all(2);
	tried(0, "web", "empty", -1);
	tried(1, "spare", "empty", -1);
	put("spare", spare);
	ask(PACKET);
	decides("web", "spare");
	tried(0, "web", "empty", -1);
	tried(1, "spare", "selected", spare);
	put("web", web);
	ask(PACKET);
	decides("web", "web");
	tried_in_all(1);
	tried(0, "web", "selected", web);
	rule = json_object_get(said, "rule");
	assert_int_equal(json_integer_value(json_object_get(rule, "line")), 6);
	assert_string_equal(text(rule, "description"), "answers everybody");
	assert_string_equal(text(said, "outcome"),
			    "web else spare else drop");
	assert_true(json_is_true(json_object_get(said, "in_kernel")));
	/* connected since: the kernel refuses it */
	assert_int_equal(connect(web, (struct sockaddr *)&to, sizeof(to)), 0);
	ask(PACKET);
	decides("web", "spare");
	assert_string_equal(text(json_array_get(json_object_get(said, "tried"),
						0), "name"), "web");
	tried(1, "spare", "selected", spare);
	assert_int_equal(rig_count("web", "hits"), 0);
	assert_int_equal(rig_count("web", "missing"), 0);
}

static void other_rules(void **state)
{
	(void)state;
	ask("tcp 1.2.3.4:5 -> 10.2.0.1:80");
	decides("who", "pass");
	ask("tcp 1.2.3.4:5 -> 10.1.0.1:80");
	decides("who", "drop");
	ask("tcp [2001:db8::1]:5 -> [2001:db8::2]:80");
	decides("default", "pass");
	ask("udp 1.2.3.4:5 -> 10.1.0.1:5353");
	decides("udp port 5353 -> drop", "drop");
	tried_in_all(0);
	assert_int_equal(rig_count("who", "hits"), 0);
}

static void on_an_interface(void **state)
{
	(void)state;
	put("web", web);
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on lo");
	decides("lo", "drop");
	assert_true(json_is_false(json_object_get(said, "in_kernel")));
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on eth7");
	decides("default", "pass");
	ask(PACKET " on lo");
	decides("web", "web");
	tried(0, "web", "selected", web);
	ask("udp 203.0.113.9:50000 -> 127.0.0.1:7007 on 9");
	decides("web", "web");
	close(web);
	web = rig_socket(SOCK_DGRAM, "127.0.0.2", 8010, 0);
	ask(PACKET " on lo");
	decides("web", "drop");
	tried(0, "web", "empty", -1);
}

static bool says_of_interfaces(const char *what)
{
	return strstr(text(said, "interfaces"), what);
}

/* A program knows numbers: an interface that got the name later is not meant by it,
 * one that had it then is, whatever it is called now. */
static void interfaces_move(void **state)
{
	static const char policy[] = "policy edge\nsocket web\n"
		"i: tcp port 81 on \"dummy7\" -> drop\n"
		"n: tcp port 82 on not { \"dummy7\", \"lo\" } -> drop\n"
		"default -> pass\n";

	(void)state;
	if (!rig_interface("dummy8"))
		skip();
	rig_must_apply(policy);
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on dummy7");
	decides("default", "pass");
	assert_true(says_of_interfaces("no interface `dummy7` here"));
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:82 on dummy7");
	decides("n", "drop");
	assert_true(rig_interface("dummy7"));
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on dummy7");
	decides("default", "pass");
	assert_true(says_of_interfaces("apply it again"));
	rig_must_apply(policy);
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on dummy7");
	decides("i", "drop");
	assert_false(says_of_interfaces("interface"));
	assert_int_equal(system("ip link set dummy7 name dummy9"), 0);
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:81 on dummy9");
	decides("i", "drop");
	ask("tcp 1.2.3.4:5 -> 127.0.0.1:82 on dummy8");
	decides("n", "drop");
	assert_int_equal(system("ip link del dummy8; ip link del dummy9"), 0);
}

static void what_stands_in_the_way(void **state)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int program = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "other",
				    "Dual BSD/GPL", pass, 2, &o);
	int netns = open("/proc/self/ns/net", O_RDONLY), link;
	struct rig_output out;

	(void)state;
	assert_true(program >= 0);
	link = bpf_link_create(program, netns, BPF_SK_LOOKUP, NULL);
	assert_true(link >= 0);
	out = RIG_SKPOL("explain", PACKET);
	assert_int_equal(out.status, 0);
	assert_non_null(strstr(out.out, PACKET " => drop\nrule     web ("));
	assert_non_null(strstr(out.out, "socket   web udp ip4: empty\n"));
	assert_non_null(strstr(out.out, "runs after this policy"));
	assert_null(strstr(out.out, "differs"));
	close(link);
	close(netns);
	close(program);
	assert_int_equal(unlink(rig_state("link")), 0);
	out = RIG_SKPOL("explain", PACKET);
	assert_int_equal(out.status, 0);
	assert_non_null(strstr(out.out, "is not attached"));
}

static void nothing_to_ask(void **state)
{
	(void)state;
	assert_int_equal(RIG_SKPOL("explain", "nonsense").status, 2);
	assert_int_equal(RIG_SKPOL("explain").status, 2);
	assert_int_equal(RIG_SKPOL("remove").status, 0);
	assert_int_equal(RIG_SKPOL("explain", PACKET).status, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(sockets_and_owners),
		TEST(other_rules),
		TEST(on_an_interface),
		TEST(interfaces_move),
		TEST(what_stands_in_the_way),
		TEST(nothing_to_ask),
	};

	RIG_MAIN(tests);
}
