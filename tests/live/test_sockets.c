/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sockets - which sockets a policy takes, from where, and which it never
 * takes
 *
 * Against the running kernel, in namespaces of the test's own. Every refusal
 * has a message of its own, and leaves every slot as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define POLICY \
	"policy edge\n" \
	"socket web\n" \
	"socket dns udp\n" \
	"socket four tcp ip4\n" \
	"web: tcp port 7007 -> web count\n" \
	"udp-web: udp port 7007 -> web count\n" \
	"dns: udp port 53 -> dns else pass count\n" \
	"four: tcp port 7004 -> four else drop count\n" \
	"default -> pass\n"

enum { MAX = 16 };
static int opened[MAX], nopened;
static pid_t children[MAX];
static int nchildren;
static struct skpol *s;

static int setup(void **state)
{
	(void)state;
	rig_reset();
	s = rig_open();
	rig_must_apply(POLICY);
	rig_notes[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (nopened)
		close(opened[--nopened]);
	while (nchildren)
		rig_kill(children[--nchildren]);
	skpol_close(s);
	rig_reset();
	return 0;
}

/* A socket that teardown closes. */
static int open_socket(int type, const char *address, uint16_t port, int flags)
{
	assert_true(nopened < MAX);
	return opened[nopened++] = rig_socket(type, address, port, flags);
}

static pid_t child(void (*work)(void *ctx), void *ctx)
{
	assert_true(nchildren < MAX);
	return children[nchildren++] = rig_child(work, ctx);
}

static int put(const char *name, int fd, bool replace, size_t *filled)
{
	struct skpol_claim c = { .size = sizeof(c), .name = name,
				 .replace = replace };

	return skpol_register_fds(s, &c, &fd, 1, filled);
}

static void must_put(const char *name, int fd, size_t slots)
{
	size_t filled;

	if (put(name, fd, false, &filled))
		fail_msg("%s: %s", name, skpol_message(s));
	assert_int_equal(filled, slots);
}

static void refused(const char *name, int fd, int err, const char *words)
{
	size_t filled;

	assert_int_equal(put(name, fd, false, &filled), -err);
	assert_int_equal(filled, 0);
	assert_int_equal(skpol_fault(s), SKPOL_FAULT_INPUT);
	if (!strstr(skpol_message(s), words))
		fail_msg("`%s` does not say `%s`", skpol_message(s), words);
}

static void nothing_registered(void)
{
	json_t *j = rig_status(), *e;
	size_t i;

	json_array_foreach(json_object_get(j, "sockets"), i, e)
		assert_true(json_is_null(json_object_get(e, "cookie")));
	json_decref(j);
}

/* ------------------------------------------------------------ kinds */

static void kinds_that_are_taken(void **state)
{
	int t4 = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int t6 = open_socket(SOCK_STREAM, "::1", 8008, RIG_V6ONLY);
	int u4 = open_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	int u6 = open_socket(SOCK_DGRAM, "::1", 8008, RIG_V6ONLY);

	(void)state;
	must_put("web", t4, 1);
	must_put("web", t6, 1);
	must_put("web", u4, 1);
	must_put("web", u6, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(t4));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(t6));
	assert_int_equal(rig_slot("web", "udp", "ip4"), rig_cookie(u4));
	assert_int_equal(rig_slot("web", "udp", "ip6"), rig_cookie(u6));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(t4), 1);
	assert_int_equal(rig_connect("::1", 7007), 0);
	assert_int_equal(rig_drain(t6), 1);
	assert_int_equal(rig_send("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(u4), 1);
	assert_int_equal(rig_send("::1", 7007), 0);
	assert_int_equal(rig_drain(u6), 1);
	must_put("web", t4, 0);		/* again: nothing to do */
}

static void dual_stack_fills_both(void **state)
{
	int both = open_socket(SOCK_STREAM, "::", 8008, 0);

	(void)state;
	must_put("web", both, 2);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(both));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(both));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_connect("::1", 7007), 0);
	assert_int_equal(rig_drain(both), 2);
	must_put("four", both, 1);	/* declared for ip4 alone */
}

static void dual_stack_leaves_a_taken_slot(void **state)
{
	int four = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int both = open_socket(SOCK_STREAM, "::", 8009, 0);
	size_t filled;

	(void)state;
	must_put("web", four, 1);
	must_put("web", both, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(four));
	assert_int_equal(rig_slot("web", "tcp", "ip6"), rig_cookie(both));
	assert_non_null(strstr(rig_notes, "keeps its own socket"));
	assert_int_equal(put("web", both, true, &filled), 0);
	assert_int_equal(filled, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(both));
}

/* ------------------------------------------------------------ refusals */

static void kinds_that_are_refused(void **state)
{
	int closed = 999, file = open("/dev/null", O_RDONLY);
	int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	int silent = open_socket(SOCK_STREAM, "127.0.0.2", 8001, RIG_SILENT);
	int unbound = socket(AF_INET, SOCK_DGRAM, 0);
	int netlink = socket(AF_NETLINK, SOCK_RAW, 0);
	int icmp = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	int path = open("/dev/null", O_PATH);

	(void)state;
	refused("web", closed, EBADF, "is not open");
	refused("web", file, ENOTSOCK, "is no socket");
	refused("web", path, ENOTSOCK, "is no socket");
	refused("web", unix_socket, EAFNOSUPPORT, "is a unix socket");
	refused("web", netlink, EAFNOSUPPORT, "of another family");
	refused("web", icmp, EPROTONOSUPPORT, "of another protocol");
	refused("web", silent, ENOTCONN, "does not listen");
	refused("web", unbound, EADDRNOTAVAIL, "is not bound");
	nothing_registered();
	close(file);
	close(path);
	close(unix_socket);
	close(unbound);
	close(netlink);
	close(icmp);
}

static void connected_is_refused(void **state)
{
	int listener = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0), server;
	int udp = open_socket(SOCK_DGRAM, "127.0.0.2", 8009, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(8008),
		.sin_addr.s_addr = htonl(0x7f000002) };

	(void)state;
	assert_int_equal(connect(client, (void *)&a, sizeof(a)), 0);
	server = accept(listener, NULL, NULL);
	assert_int_equal(connect(udp, (void *)&a, sizeof(a)), 0);
	refused("web", client, EISCONN, "is connected");
	refused("web", server, EISCONN, "is connected");
	refused("web", udp, EISCONN, "is connected");
	nothing_registered();
	close(client);
	close(server);
}

static int foreign_socket(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY), fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = rig_socket(SOCK_STREAM, "0.0.0.0", 8008, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
	return fd;
}

static void foreign_namespace_is_refused(void **state)
{
	int fd = foreign_socket();

	(void)state;
	refused("web", fd, EXDEV, "another network namespace");
	nothing_registered();
	close(fd);
}

static void undeclared_is_refused(void **state)
{
	int tcp = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int six = open_socket(SOCK_STREAM, "::1", 8008, RIG_V6ONLY);
	struct skpol_claim c = { .size = sizeof(c), .name = "dns",
				 .protocol = IPPROTO_TCP };
	size_t filled;

	(void)state;
	refused("dns", tcp, EPROTONOSUPPORT, "is for tcp over ip4");
	refused("four", six, EPROTONOSUPPORT, "is wanted for tcp over ip4");
	refused("nobody", tcp, ENOENT, "has no socket `nobody`; it has: web, "
		"dns, four");
	refused("", tcp, EINVAL, "1 to 63");
	assert_int_equal(skpol_register_fds(s, &c, &tcp, 1, &filled),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(skpol_message(s), "declared for udp over ip4"));
	nothing_registered();
}

static void taken_slot_is_refused(void **state)
{
	int first = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int second = open_socket(SOCK_STREAM, "127.0.0.3", 8008, 0);
	int pair[2];
	size_t filled;

	(void)state;
	must_put("web", first, 1);
	refused("web", second, EEXIST, "holds another socket");
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(first));
	/* all or none: the udp one is free, and stays so */
	pair[0] = open_socket(SOCK_DGRAM, "127.0.0.3", 8008, 0);
	pair[1] = second;
	assert_int_equal(skpol_register_fds(s, &(struct skpol_claim){
		.size = sizeof(struct skpol_claim), .name = "web" }, pair, 2,
		&filled), -EEXIST);
	assert_int_equal(rig_slot("web", "udp", "ip4"), 0);
	assert_int_equal(put("web", second, true, &filled), 0);
	assert_int_equal(filled, 1);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(second));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(rig_drain(second), 1);
	assert_int_equal(rig_drain(first), 0);
}

/* ------------------------------------------------------------ sources */

static int service_fd;

/* Sockets, gaps of any length, an O_PATH descriptor, things that do not fit. */
static void be_a_service(void *ctx)
{
	int tcp = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	int odd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)ctx;
	fcntl(tcp, F_SETFL, O_NONBLOCK);
	dup2(tcp, 700);
	dup2(udp, 90);
	dup2(odd, 20);
	close(tcp);
	close(udp);
	open("/dev/null", O_PATH);
	open("/dev/null", O_RDONLY);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8001, RIG_SILENT);
}

static int file_flags(pid_t pid, int fd)
{
	char path[64], line[64];
	unsigned int flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "flags: %o", &flags);
	fclose(f);
	return (int)flags;
}

static void from_a_process(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = child(be_a_service, NULL);
	int flags = file_flags(pid, 700);
	size_t filled;

	(void)state;
	if (skpol_register_pid(s, &c, pid, &filled))
		fail_msg("%s", skpol_message(s));
	assert_int_equal(filled, 2);
	assert_true(rig_slot("web", "tcp", "ip4"));
	assert_true(rig_slot("web", "udp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_int_equal(file_flags(pid, 700), flags);
	assert_true(flags & O_NONBLOCK);
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), 0);
	assert_int_equal(filled, 0);
}

static void from_a_pidfile(void **state)
{
	pid_t pid = child(be_a_service, NULL);
	char path[80];
	struct rig_output o;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%.60s.pid", rig_bpffs);
	f = fopen(path, "w");
	fprintf(f, "%d\n", (int)pid);
	fclose(f);
	o = RIG_SKPOL("register", "web", "--pidfile", path, "--udp");
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "web: 1 slot filled\n");
	assert_false(rig_slot("web", "tcp", "ip4"));
	assert_true(rig_slot("web", "udp", "ip4"));
	f = fopen(path, "w");
	fputs("nonsense\n", f);
	fclose(f);
	o = RIG_SKPOL("register", "web", "--pidfile", path);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "is no process number"));
	unlink(path);
}

static void be_idle(void *ctx)
{
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	if (ctx)
		service_fd = socket(AF_UNIX, SOCK_STREAM, 0);
}

static void processes_that_do_not_fit(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t filled;
	pid_t pid = child(be_idle, NULL);

	(void)state;
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "it has none at all"));
	pid = child(be_idle, s);
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled),
			 -EAFNOSUPPORT);
	assert_non_null(strstr(skpol_message(s), "is a unix socket"));
	assert_int_equal(skpol_register_pid(s, &c, 0, &filled), -ESRCH);
	rig_kill(pid);
	nchildren--;
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), -ESRCH);
	assert_non_null(strstr(skpol_message(s), "there is no process"));
	nothing_registered();
}

static void be_two_services(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	rig_socket(SOCK_STREAM, "127.0.0.2", 8009, 0);
}

static void two_that_fit_are_an_error(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = child(be_two_services, NULL);
	size_t filled;

	(void)state;
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), -ENOTUNIQ);
	assert_non_null(strstr(skpol_message(s), "127.0.0.2:8008"));
	assert_non_null(strstr(skpol_message(s), "127.0.0.2:8009"));
	nothing_registered();
	c.local = "127.0.0.2:8009";
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), 0);
	assert_int_equal(filled, 1);
	c.local = "127.0.0.2:8010";
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "bound to another address"));
	c.local = "127.0.0.2";
	assert_int_equal(skpol_register_pid(s, &c, pid, &filled), -EINVAL);
}

static void be_a_group(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	for (int i = 0; i < 3; i++)
		rig_socket(SOCK_STREAM, "127.0.0.2", 8008, RIG_REUSEPORT);
}

static void a_group_is_one_service(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	pid_t pid = child(be_a_group, NULL);
	size_t filled;

	(void)state;
	if (skpol_register_pid(s, &c, pid, &filled))
		fail_msg("%s", skpol_message(s));
	assert_int_equal(filled, 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void be_at_mapped(void *ctx)
{
	(void)ctx;
	be_idle(NULL);
	rig_socket(SOCK_STREAM, "::ffff:127.0.0.9", 8008, 0);
	rig_socket(SOCK_DGRAM, "127.0.0.9", 8008, 0);
}

static void from_an_address(void **state)
{
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .local = "127.0.0.9:8008" };
	size_t filled;

	(void)state;
	assert_int_equal(skpol_register_at(s, &c, &filled), -ENOENT);
	assert_non_null(strstr(skpol_message(s), "nobody listens at "
			       "127.0.0.9:8008"));
	child(be_at_mapped, NULL);
	if (skpol_register_at(s, &c, &filled))
		fail_msg("%s", skpol_message(s));
	assert_int_equal(filled, 3);
	assert_true(rig_slot("web", "udp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	c.local = NULL;
	assert_int_equal(skpol_register_at(s, &c, &filled), -EINVAL);
	assert_non_null(strstr(skpol_message(s), "no address is given"));
}

static void found_at_the_policys_address(void **state)
{
	static const char text[] =
		"policy edge\n"
		"socket web tcp at 127.0.0.2 port 8008\n"
		"web: tcp port 7007 -> web count\n"
		"default -> pass\n";
	struct rig_output o;

	(void)state;
	assert_true(rig_must_apply(text).empty == 2);
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	assert_true(rig_count("web", "missing") >= 1);
	child(be_a_service, NULL);
	/* the same policy again finds what has come up since */
	assert_true(rig_must_apply(text).changed);
	assert_true(rig_slot("web", "tcp", "ip4"));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	assert_false(rig_must_apply(text).changed);
	rig_kill(children[--nchildren]);
	assert_false(rig_slot("web", "tcp", "ip4"));
	child(be_a_service, NULL);
	o = RIG_SKPOL("register", "web");
	assert_int_equal(o.status, 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

/* ------------------------------------------------------------ LISTEN_FDS */

/* Runs `skpol register NAME --fds` with FDS passed as a manager would. */
static struct rig_output run_with_fds(const char *name, const char *count,
				      const char *names, const int *fds,
				      int n, bool wrong_pid)
{
	static struct rig_output result;
	int out = memfd_create("out", 0), status;
	ssize_t got;
	pid_t pid = fork();

	if (!pid) {
		char text[16];

		dup2(out, 1);
		dup2(out, 2);
		for (int i = 0; i < n; i++)
			dup2(fds[i], 100 + i);
		for (int i = 0; i < n; i++)
			fds[i] < 0 ? close(3 + i) : dup2(100 + i, 3 + i);
		snprintf(text, sizeof(text), "%d", wrong_pid ? 1 :
			 (int)getpid());
		setenv("LISTEN_PID", text, 1);
		setenv("LISTEN_FDS", count, 1);
		if (names)
			setenv("LISTEN_FDNAMES", names, 1);
		execl(getenv("SKPOL") ? getenv("SKPOL") : "./skpol", "skpol",
		      "--bpffs", rig_bpffs, "register", name, "--fds", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	result.status = WEXITSTATUS(status);
	got = pread(out, result.out, sizeof(result.out) - 1, 0);
	result.out[got < 0 ? 0 : got] = '\0';
	close(out);
	return result;
}

static void from_listen_fds(void **state)
{
	int fds[] = {
		open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0),
		open_socket(SOCK_DGRAM, "127.0.0.2", 53, 0),
		open_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0),
	};
	struct rig_output o;

	(void)state;
	o = run_with_fds("web", "3", "web:dns.socket:web", fds, 3, false);
	assert_string_equal(o.out, "web: 2 slots filled\n");
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(fds[0]));
	assert_int_equal(rig_slot("web", "udp", "ip4"), rig_cookie(fds[2]));
	o = run_with_fds("dns", "3", "web:dns.socket:web", fds, 3, false);
	assert_string_equal(o.out, "dns: 1 slot filled\n");
	assert_int_equal(rig_slot("dns", "udp", "ip4"), rig_cookie(fds[1]));
	o = run_with_fds("four", "1", NULL, fds, 1, false);
	assert_string_equal(o.out, "four: 1 slot filled\n");
}

static void listen_fds_that_are_refused(void **state)
{
	int fds[] = { open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0), -1 };
	struct rig_output o;

	(void)state;
	o = run_with_fds("web", "1", "other", fds, 1, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "none of the descriptors is called "
			       "`web`"));
	o = run_with_fds("web", "1", "web", fds, 1, true);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "LISTEN_PID"));
	o = run_with_fds("web", "many", "web", fds, 1, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "LISTEN_FDS is many"));
	o = run_with_fds("web", "2", "web:web", fds, 2, false);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "descriptor 4 is not open"));
	nothing_registered();
}

/* ------------------------------------------------------------ coming, going */

static void closed_sockets_empty_their_slot(void **state)
{
	int fd = rig_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);

	(void)state;
	must_put("web", fd, 1);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	close(fd);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), 0);
	assert_int_equal(rig_connect("127.0.0.1", 7007), ECONNREFUSED);
	assert_true(rig_count("web", "missing") >= 1);
	fd = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	must_put("web", fd, 1);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void unregister_empties(void **state)
{
	int tcp = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	int udp = open_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	struct skpol_claim c = { .size = sizeof(c), .name = "web",
				 .protocol = IPPROTO_UDP };
	size_t n;

	(void)state;
	must_put("web", tcp, 1);
	must_put("web", udp, 1);
	assert_int_equal(skpol_unregister(s, &c, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rig_slot("web", "udp", "ip4"), 0);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(tcp));
	assert_int_equal(skpol_unregister(s, &c, &n), 0);
	assert_int_equal(n, 0);
	c.name = "nobody";
	assert_int_equal(skpol_unregister(s, &c, &n), -ENOENT);
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
}

static void registered_before_the_policy(void **state)
{
	int fd = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	struct skpol_claim c = { .size = sizeof(c), .name = "web" };
	size_t n;

	(void)state;
	rig_reset();
	must_put("web", fd, 1);
	rig_must_apply(POLICY);
	assert_int_equal(rig_slot("web", "tcp", "ip4"), rig_cookie(fd));
	assert_int_equal(rig_connect("127.0.0.1", 7007), 0);
	rig_reset();
	/* the last one out leaves nothing behind */
	must_put("web", fd, 1);
	assert_true(rig_exists(""));
	assert_int_equal(skpol_unregister(s, &c, &n), 0);
	assert_false(rig_exists(""));
	refused("web", -1, EBADF, "is not open");
	assert_false(rig_exists(""));
}

/* No slot leaks, none is ever given to two names. */
static void many_names_come_and_go(void **state)
{
	enum { ROUNDS = 20, NAMES = 100 };
	int fds[NAMES];
	char name[32];

	(void)state;
	rig_reset();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "n%d-%d", round, i);
			fds[i] = rig_socket(SOCK_STREAM, "127.0.0.2",
					    (uint16_t)(10000 + i), 0);
			must_put(name, fds[i], 1);
		}
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "n%d-%d", round, i);
			assert_int_equal(rig_slot(name, "tcp", "ip4"),
					 rig_cookie(fds[i]));
			if (i % 10)	/* nine in ten, to save time */
				i += 8;
		}
		for (int i = 0; i < NAMES; i++)
			close(fds[i]);
	}
	fds[0] = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	must_put("last", fds[0], 1);
	{	/* the names before are gone: their slots are free */
		json_t *j = rig_status();

		assert_int_equal(json_array_size(json_object_get(j,
								 "sockets")),
				 1);
		json_decref(j);
	}
}

static void status_names_the_owner(void **state)
{
	int fd = open_socket(SOCK_STREAM, "127.0.0.2", 8008, 0);
	char words[64];
	struct rig_output o;

	(void)state;
	must_put("web", fd, 1);
	snprintf(words, sizeof(words), "(%d)", (int)getpid());
	o = RIG_SKPOL("status");
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "127.0.0.2:8008"));
	assert_non_null(strstr(o.out, words));
	assert_non_null(strstr(o.out, "empty"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(kinds_that_are_taken),
		TEST(dual_stack_fills_both),
		TEST(dual_stack_leaves_a_taken_slot),
		TEST(kinds_that_are_refused),
		TEST(connected_is_refused),
		TEST(foreign_namespace_is_refused),
		TEST(undeclared_is_refused),
		TEST(taken_slot_is_refused),
		TEST(from_a_process),
		TEST(from_a_pidfile),
		TEST(processes_that_do_not_fit),
		TEST(two_that_fit_are_an_error),
		TEST(a_group_is_one_service),
		TEST(from_an_address),
		TEST(found_at_the_policys_address),
		TEST(from_listen_fds),
		TEST(listen_fds_that_are_refused),
		TEST(closed_sockets_empty_their_slot),
		TEST(unregister_empties),
		TEST(registered_before_the_policy),
		TEST(many_names_come_and_go),
		TEST(status_names_the_owner),
	};
	int failed = rig_start();

	if (failed)
		return failed;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return failed;
}
