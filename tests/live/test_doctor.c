/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_doctor - findings come and go with their causes; who wins is said
 *
 * Each cause is made here: routes, options of UDP sockets, other programs on
 * the namespace, a pin that is gone.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY \
	"policy edge\n" \
	"socket dns udp\n" \
	"set vips = { 192.0.2.0/24, 2001:db8::/32 }\n" \
	"vips: udp to vips port 53 -> dns\n" \
	"lo: udp to 127.0.0.0/8 port 53 -> dns\n" \
	"no: tcp to 198.51.100.1 -> drop\n" \
	"default -> pass\n"

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

static json_t *doctor(void)
{
	return rig_report(skpol_doctor_json);
}

static const char *text_of(const json_t *f, const char *key)
{
	const char *t = json_string_value(json_object_get(f, key));

	return t ? t : "";
}

/*
 * How many findings of CHECK are in STATE (NULL = any but fail) and have WORDS,
 * advice included.
 */
static unsigned int findings(const char *check, const char *state,
			     const char *words)
{
	json_t *j = doctor(), *f;
	unsigned int n = 0;
	size_t i;

	json_array_foreach(json_object_get(j, "checks"), i, f)
		n += !strcmp(text_of(f, "check"), check) &&
			(state ? !strcmp(text_of(f, "state"), state) :
			 strcmp(text_of(f, "state"), "fail") != 0) &&
			(strstr(text_of(f, "text"), words) ||
			 strstr(text_of(f, "advice"), words));
	json_decref(j);
	return n;
}

static bool is_well(void)
{
	json_t *j = doctor();
	bool ok = json_is_true(json_object_get(j, "ok"));

	json_decref(j);
	return ok;
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static void an_empty_house_is_well(void **state)
{
	/* the rest depends on how the machine is set up */
	static const char *const machine[] = {
		"kernel", "capabilities", "memlock", "unprivileged", "jit",
		"rp_filter",
	};
	static const char *const checks[] = {
		"hook", "bpffs", "btf", "state", "sockets", "programs",
		"routes", "replies",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (findings(checks[i], "ok", "") != 1)
			fail_msg("%s", checks[i]);
	for (size_t i = 0; i < sizeof(machine) / sizeof(*machine); i++)
		if (!findings(machine[i], NULL, ""))
			fail_msg("%s", machine[i]);
	assert_true(is_well());
	assert_int_equal(RIG_SKPOL("doctor").status, 0);
}

static void addresses_must_be_local(void **state)
{
	(void)state;
	rig_must_apply(POLICY);
	assert_int_equal(findings("routes", "fail", "192.0.2.0/24 is not "
				  "local"), 1);
	assert_int_equal(findings("routes", "fail", "ip -6 route add local "
				  "2001:db8::/32 dev lo"), 1);
	/* what is not selected needs not be local */
	assert_int_equal(findings("routes", "fail", ""), 2);
	assert_int_equal(findings("routes", "ok", "1 of"), 1);
	assert_false(is_well());
	assert_int_equal(RIG_SKPOL("doctor").status, 3);
	run("ip addr add 192.0.2.7/32 dev lo");
	assert_int_equal(findings("routes", "warn", "only a part of "
				  "192.0.2.0/24"), 1);
	run("ip route add local 192.0.2.0/25 dev lo");
	run("ip route add local 192.0.2.128/25 dev lo table 77");
	assert_int_equal(findings("routes", "fail", "192.0.2"), 0);
	assert_int_equal(findings("routes", "warn", "192.0.2"), 0);
	run("ip -6 route add local 2001:db8::/32 dev lo");
	assert_int_equal(findings("routes", "ok", "3 of"), 1);
	assert_true(is_well());
	run("ip addr del 192.0.2.7/32 dev lo");
	run("ip route del local 192.0.2.0/25 dev lo");
	run("ip route del local 192.0.2.128/25 dev lo table 77");
	run("ip -6 route del local 2001:db8::/32 dev lo");
}

static void register_udp(int fd)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "dns",
				 .replace = true };
	struct skpol *s = rig_open();
	size_t n;

	if (skpol_register_fds(s, &c, &fd, 1, &n))
		fail_msg("%s", skpol_message(s));
	skpol_close(s);
}

static void set(int fd, int level, int option)
{
	int one = 1;

	assert_int_equal(setsockopt(fd, level, option, &one, sizeof(one)), 0);
}

static void udp_servers_must_know_the_address(void **state)
{
	int v4 = rig_socket(SOCK_DGRAM, "127.0.0.1", 5353, 0);
	int v6 = rig_socket(SOCK_DGRAM, "::1", 5353, RIG_V6ONLY);

	(void)state;
	rig_must_apply(POLICY);
	assert_int_equal(findings("sockets", "warn", "`dns` has no socket for "
				  "udp over ip4, udp over ip6"), 1);
	assert_int_equal(findings("replies", "ok", "no UDP socket"), 1);
	register_udp(v4);
	register_udp(v6);
	assert_int_equal(findings("sockets", "ok", ""), 1);
	assert_int_equal(findings("replies", "warn", "set IP_RECVORIGDSTADDR"),
			 1);
	assert_int_equal(findings("replies", "warn",
				  "set IPV6_RECVORIGDSTADDR"), 1);
	assert_int_equal(findings("replies", "warn", "test_doctor"), 2);
	set(v4, IPPROTO_IP, IP_PKTINFO);
	assert_int_equal(findings("replies", "ok", "(ip4, "), 1);
	set(v6, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	assert_int_equal(findings("replies", "warn", "IPV6_FREEBIND"), 1);
	set(v6, IPPROTO_IPV6, 78 /* IPV6_FREEBIND */);
	assert_int_equal(findings("replies", "ok", ""), 2);
	close(v4);
	close(v6);
	assert_int_equal(findings("replies", "ok", "no UDP socket"), 1);
}

/* A link of another program that passes; closing it detaches. */
static int attach_another(void)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "another", "GPL", pass,
			       2, &o);
	int netns = open("/proc/self/ns/net", O_RDONLY);
	int link;

	assert_true(fd >= 0);
	link = bpf_link_create(fd, netns, BPF_SK_LOOKUP, NULL);
	assert_true(link >= 0);
	close(fd);
	close(netns);
	return link;
}

static bool order_says(const char *words)
{
	json_t *j = rig_status();
	const char *order = json_string_value(json_object_get(j, "order"));
	bool says = words ? order && strstr(order, words) : !order;

	json_decref(j);
	return says;
}

static void who_wins_is_said(void **state)
{
	int before = -1, after = -1;
	struct rig_output o;

	(void)state;
	assert_true(order_says(NULL));
	before = attach_another();
	assert_true(order_says("other programs decide here"));
	rig_must_apply(POLICY);
	assert_true(order_says("this policy runs last of 2 programs"));
	assert_non_null(strstr(rig_notes, "this policy runs last of 2 "
			       "programs"));
	after = attach_another();
	assert_true(order_says("(another) runs after this policy"));
	assert_int_equal(findings("programs", "warn", "runs after"), 1);
	o = RIG_SKPOL("status");
	assert_non_null(strstr(o.out, "another\n"));
	assert_non_null(strstr(o.out, "skpol_dispatch  (this policy)\n"));
	assert_non_null(strstr(o.out, "runs after this policy"));
	close(before);
	close(after);
	assert_true(order_says(NULL));
	assert_int_equal(findings("programs", "ok", "no other program"), 1);
}

/* A policy of another bpf file system is a program like any other. */
static void another_file_system_is_noticed(void **state)
{
	char path[96], object[96];
	struct rig_object c = rig_compile(POLICY);
	struct rig_output check, o;
	FILE *f;

	(void)state;
	rig_must_apply(POLICY);
	snprintf(path, sizeof(path), "%s.other", rig_bpffs);
	snprintf(object, sizeof(object), "%s.o", rig_bpffs);
	f = fopen(object, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(c.bytes, 1, c.size, f), c.size);
	assert_int_equal(fclose(f), 0);
	free(c.bytes);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mount("bpf", path, "bpf", 0, "mode=0700"), 0);
	check = RIG_SKPOL("--bpffs", path, "apply", "--check", object);
	o = RIG_SKPOL("--bpffs", path, "apply", object);
	umount2(path, MNT_DETACH);
	rmdir(path);
	unlink(object);
	assert_non_null(strstr(check.err, "note: other programs decide here: "));
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.err, "note: this policy runs last of 2 "
			       "programs"));
}

static void broken_state_is_a_failure(void **state)
{
	(void)state;
	rig_must_apply(POLICY);
	assert_int_equal(findings("state", "ok", "generation 1"), 1);
	assert_int_equal(findings("btf", "ok", "lines of the policy"), 1);
	assert_int_equal(unlink(rig_state("link")), 0);
	assert_int_equal(findings("state", "fail", "pin of the link is gone"),
			 1);
	assert_int_equal(findings("state", "fail", "skpol apply"), 1);
}

enum { FEW_DESCRIPTORS = 6, ENOUGH_DESCRIPTORS = 24 };

static struct rig_output with_descriptors(unsigned int n, const char *verb)
{
	struct rig_output o;

	rig_descriptors = n;
	o = RIG_SKPOL(verb);
	rig_descriptors = 0;
	return o;
}

/* A pin that cannot be opened for want of descriptors is not gone. */
static void without_descriptors_nothing_is_gone(void **state)
{
	bool refused = false, well = false;

	(void)state;
	rig_must_apply(POLICY);
	for (unsigned int n = FEW_DESCRIPTORS; n < ENOUGH_DESCRIPTORS; n++) {
		struct rig_output o;

		o = with_descriptors(n, "status");
		if (o.status == 127)
			continue;	/* not even its libraries */
		refused |= o.status == 3 &&
			strstr(o.err, "Too many open files");
		well |= o.status == 0;
		if ((o.status && !refused) || strstr(o.out, "problem"))
			fail_msg("%u descriptors: status %d: %s%s", n,
				 o.status, o.out, o.err);
	}
	assert_true(refused);
	assert_true(well);
}

/* Generations that are kept, and names that have a slot. */
static size_t kept(void)
{
	int fd = bpf_obj_get(rig_state("names"));
	json_t *j = rig_status();
	size_t n = json_array_size(json_object_get(j, "generations"));
	char key[128], *before = NULL;

	assert_true(fd >= 0);
	for (; !bpf_map_get_next_key(fd, before, key); before = key)
		n++;
	close(fd);
	json_decref(j);
	return n;
}

/* A command that cannot open what is kept must not take it for rubbish. */
static void without_descriptors_nothing_is_lost(void **state)
{
	size_t before;

	(void)state;
	rig_must_apply(POLICY);
	rig_must_apply(POLICY "expect tcp to 198.51.100.1 -> drop\n");
	before = kept();
	assert_int_equal(before, 2 + 2);
	for (unsigned int n = FEW_DESCRIPTORS; n < ENOUGH_DESCRIPTORS; n++) {
		rig_descriptors = n;
		RIG_SKPOL("unregister", "dns");
		RIG_SKPOL("confirm");
		rig_descriptors = 0;
		if (kept() != before)
			fail_msg("%u descriptors", n);
	}
}

/* What the kernel tells about programs needs no bpf file system. */
static void causes_are_named(void **state)
{
	struct rig_output o;

	(void)state;
	o = RIG_SKPOL("--bpffs", "/proc", "doctor");
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.out, "no bpf file system at /proc"));
	assert_non_null(strstr(o.out, "programs      no program is on the "
			       "namespace"));
	assert_null(strstr(o.out, "CAP_NET_ADMIN\n"));
	rig_must_apply(POLICY);
	assert_int_equal(mount(NULL, rig_bpffs, NULL, MS_REMOUNT | MS_RDONLY,
			       NULL), 0);
	o = RIG_SKPOL("doctor");
	assert_int_equal(mount(NULL, rig_bpffs, NULL, MS_REMOUNT, NULL), 0);
	assert_non_null(strstr(o.out, "Read-only file system"));
	assert_non_null(strstr(o.out, "1 program is on the namespace"));
	assert_null(strstr(o.out, "run as root"));
}

static void without_descriptors_nobody_is_to_be_root(void **state)
{
	bool seen = false;

	(void)state;
	rig_must_apply(POLICY);
	for (unsigned int n = FEW_DESCRIPTORS; n < ENOUGH_DESCRIPTORS; n++) {
		struct rig_output o;

		o = with_descriptors(n, "doctor");
		seen |= strstr(o.out, "Too many open files") != NULL;
		if (strstr(o.out, "programs      cannot") ||
		    strstr(o.out, "the kernel refuses") ||
		    strstr(o.out, "CAP_NET_ADMIN\n"))
			fail_msg("%u descriptors: %s", n, o.out);
	}
	assert_true(seen);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_house_is_well),
		TEST(addresses_must_be_local),
		TEST(udp_servers_must_know_the_address),
		TEST(who_wins_is_said),
		TEST(another_file_system_is_noticed),
		TEST(broken_state_is_a_failure),
		TEST(without_descriptors_nothing_is_gone),
		TEST(without_descriptors_nothing_is_lost),
		TEST(causes_are_named),
		TEST(without_descriptors_nobody_is_to_be_root),
	};

	RIG_MAIN(tests);
}
