/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig - a network namespace and a bpf file system of the test's own
 *
 * In: policies, addresses. Out: sockets, states, counts. Helpers assert where
 * the test itself would be wrong, never about what is tested.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/handle.h"

enum {
	RIG_CHILD_FD = 900,	/* WORK may close what is below */
	FIRST_WAIT = 40,	/* ms */
	HANG_UP_WAIT = 2000,	/* ms */
	LINK_TRIES = 1000,
};

char rig_bpffs[64];
char rig_notes[8192];
unsigned int rig_descriptors;
static char folder[32];
static pid_t owner;

static int give_up(const char *what)
{
	fprintf(stderr, "SKIP: %s: %s\n", what, strerror(errno));
	return RIG_SKIP;
}

static const char *program(const char *variable, const char *otherwise)
{
	const char *path = getenv(variable);

	return path ? path : otherwise;
}

static void lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

int rig_start(void)
{
	if (access(program("SKPOLC", "./skpolc"), X_OK))
		return give_up("needs skpolc");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET))
		return give_up("needs root for namespaces of its own");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return give_up("needs private mounts");
	strcpy(folder, "/tmp/skpol-test-XXXXXX");
	if (!mkdtemp(folder))
		return give_up("needs a folder in /tmp");
	snprintf(rig_bpffs, sizeof(rig_bpffs), "%s/bpf", folder);
	mkdir(rig_bpffs, 0700);
	if (mount("bpf", rig_bpffs, "bpf", 0, "mode=0700"))
		return give_up("needs the bpf file system");
	owner = getpid();
	lo_up();
	return 0;
}

static int unlink_one(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	(void)st;
	(void)where;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

void rig_stop(void)
{
	if (getpid() != owner)
		return;
	umount2(rig_bpffs, MNT_DETACH);
	nftw(folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A link whose pin is deleted detaches a little later. */
static void wait_for_links(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	__u32 n = 1, flags, ids[64];

	for (int i = 0; n && i < LINK_TRIES; i++) {
		if (i)
			usleep(1000);
		n = sizeof(ids) / sizeof(*ids);
		if (bpf_prog_query(fd, BPF_SK_LOOKUP, 0, &flags, ids, &n))
			break;
	}
	close(fd);
}

void rig_reset(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/skpol", rig_bpffs);
	nftw(path, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	wait_for_links();
	rig_notes[0] = '\0';
}

static void take_note(void *ctx, const char *text)
{
	size_t n = strlen(rig_notes);

	(void)ctx;
	snprintf(rig_notes + n, sizeof(rig_notes) - n, "%s\n", text);
}

struct skpol *rig_open(void)
{
	struct skpol_options o = { .size = sizeof(o), .bpffs = rig_bpffs,
				   .note = take_note };
	struct skpol *s;

	if (skpol_open(&o, &s))
		fail_msg("skpol_open: %s", skpol_message(s));
	return s;
}

const char *rig_state(const char *entry)
{
	static char path[256];
	struct skpol *s = rig_open();

	snprintf(path, sizeof(path), "%.180s%s%.60s", s->dir, *entry ? "/" :
		 "", entry);
	skpol_close(s);
	return path;
}

bool rig_exists(const char *entry)
{
	return !access(rig_state(entry), F_OK);
}

/* ------------------------------------------------------------ programs */

static void slurp(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;
	char rest[512];

	while (n + 1 < size && (got = read(fd, buf + n, size - n - 1)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

static void limit_descriptors(void)
{
	const struct rlimit r = { rig_descriptors, rig_descriptors };

	if (rig_descriptors)
		setrlimit(RLIMIT_NOFILE, &r);
}

static struct rig_output run(const char *program, const char *const *argv)
{
	static struct rig_output o;
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(out, 1);
		dup2(err, 2);
		limit_descriptors();
		execv(program, (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	lseek(out, 0, SEEK_SET);
	lseek(err, 0, SEEK_SET);
	slurp(out, o.out, sizeof(o.out));
	slurp(err, o.err, sizeof(o.err));
	close(out);
	close(err);
	o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return o;
}

struct rig_output rig_skpol(const char *const *argv)
{
	return run(program("SKPOL", "./skpol"), argv);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

struct rig_object rig_compile(const char *text)
{
	char in[64], out[64];
	const char *argv[] = { "skpolc", in, "-o", out, NULL };
	struct rig_object o = { .size = 0 };
	struct rig_output said;
	struct stat st;
	FILE *f;

	snprintf(in, sizeof(in), "%s/policy.skl", folder);
	snprintf(out, sizeof(out), "%s/policy.o", folder);
	write_file(in, text);
	said = run(program("SKPOLC", "./skpolc"), argv);
	if (said.status)
		fail_msg("skpolc: %s", said.err);
	f = fopen(out, "r");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	o.size = (size_t)st.st_size;
	o.bytes = malloc(o.size);
	assert_int_equal(fread(o.bytes, 1, o.size, f), o.size);
	fclose(f);
	return o;
}

int rig_apply(struct skpol *s, const char *text, struct skpol_applied *out)
{
	struct rig_object o = rig_compile(text);
	int err = skpol_apply(s, o.bytes, o.size, NULL, out);

	free(o.bytes);
	return err;
}

struct skpol_applied rig_must_apply(const char *text)
{
	struct skpol *s = rig_open();
	struct skpol_applied applied;

	if (rig_apply(s, text, &applied))
		fail_msg("apply: %s", skpol_message(s));
	skpol_close(s);
	return applied;
}

/* ------------------------------------------------------------ reports */

json_t *rig_report(int (*get)(struct skpol *s, char **json))
{
	struct skpol *s = rig_open();
	char *text;
	json_t *j;

	if (get(s, &text))
		fail_msg("report: %s", skpol_message(s));
	j = json_loads(text, 0, NULL);
	assert_non_null(j);
	free(text);
	skpol_close(s);
	return j;
}

json_t *rig_status(void)
{
	return rig_report(skpol_status_json);
}

static bool is(const json_t *j, const char *key, const char *text)
{
	const char *v = json_string_value(json_object_get(j, key));

	return v && !strcmp(v, text);
}

uint32_t rig_attached(void)
{
	json_t *j = rig_status(), *p;
	uint32_t id = 0;
	size_t i;

	json_array_foreach(json_object_get(j, "programs"), i, p)
		if (json_is_true(json_object_get(p, "ours")))
			id = (uint32_t)json_integer_value(
				json_object_get(p, "id"));
	json_decref(j);
	return id;
}

uint64_t rig_count(const char *rule, const char *what)
{
	json_t *j = rig_report(skpol_stats_json), *r;
	uint64_t n = UINT64_MAX;
	size_t i;

	json_array_foreach(json_object_get(j, "rules"), i, r)
		if (is(r, "name", rule))
			n = (uint64_t)json_integer_value(
				json_object_get(r, what));
	json_decref(j);
	if (n == UINT64_MAX)
		fail_msg("no counter for rule %s", rule);
	return n;
}

uint64_t rig_slot(const char *name, const char *protocol, const char *family)
{
	json_t *j = rig_status(), *e;
	uint64_t cookie = 0;
	size_t i;

	json_array_foreach(json_object_get(j, "sockets"), i, e) {
		const char *text = json_string_value(json_object_get(e,
								"cookie"));

		if (text && is(e, "name", name) && is(e, "protocol", protocol)
		    && is(e, "family", family))
			cookie = strtoull(text, NULL, 10);
	}
	json_decref(j);
	return cookie;
}

bool rig_has_problem(const char *words)
{
	json_t *j = rig_status(), *e;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(j, "problems"), i, e)
		found |= strstr(json_string_value(e), words) != NULL;
	json_decref(j);
	return found;
}

/* ------------------------------------------------------------ sockets */

static socklen_t address_of(const char *text, uint16_t port,
			    struct sockaddr_storage *sa)
{
	struct sockaddr_in *in = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

int rig_socket(int type, const char *address, uint16_t port, int flags)
{
	struct sockaddr_storage sa;
	socklen_t len = address_of(address, port, &sa);
	int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
	int v6only = flags & RIG_V6ONLY ? 1 : 0, on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (flags & RIG_REUSEPORT)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
			   sizeof(v6only));
	if (bind(fd, (struct sockaddr *)&sa, len))
		fail_msg("bind %s port %u: %s", address, port,
			 strerror(errno));
	if (type == SOCK_STREAM && !(flags & RIG_SILENT))
		assert_int_equal(listen(fd, 1024), 0);
	return fd;
}

uint64_t rig_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len),
			 0);
	return cookie;
}

/*
 * Loopback packets are delivered in order by the processor that sends them.
 * Returns which ones the caller may run on.
 */
static cpu_set_t stay_here(void)
{
	cpu_set_t before, here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_getaffinity(0, sizeof(before), &before);
	sched_setaffinity(0, sizeof(here), &here);
	return before;
}

/* Until the other side has the FIN, and all packets before it. */
static void hang_up(int fd)
{
	struct tcp_info info = { .tcpi_state = TCP_FIN_WAIT1 };
	socklen_t len = sizeof(info);

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < HANG_UP_WAIT; i++) {
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
		    info.tcpi_state != TCP_FIN_WAIT1)
			return;
		usleep(1000);
	}
}

/* Nothing is left on its way: a packet that comes after the listener is closed
 * would be looked up afresh, and counted. */
int rig_connect(const char *address, uint16_t port)
{
	cpu_set_t before = stay_here();
	struct sockaddr_storage sa;
	socklen_t len = address_of(address, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = connect(fd, (struct sockaddr *)&sa, len) ? errno : 0;

	if (!err)
		hang_up(fd);
	close(fd);
	sched_setaffinity(0, sizeof(before), &before);
	return err;
}

int rig_send(const char *address, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = address_of(address, port, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, len) < 0 ?
		errno : 0;

	close(fd);
	return err;
}

/* A busy machine delivers on loopback a little later: the first one is waited
 * for, so that what is counted does not depend on the load. */
int rig_drain(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int type, n = 0;
	socklen_t len = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	while (poll(&p, 1, n ? 0 : FIRST_WAIT) == 1) {
		char byte;

		if (type == SOCK_STREAM)
			close(accept(fd, NULL, NULL));
		else if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
			break;
		n++;
	}
	return n;
}

pid_t rig_child(void (*work)(void *ctx), void *ctx)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		dup2(ready[1], RIG_CHILD_FD);
		work(ctx);
		if (write(RIG_CHILD_FD, "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

void rig_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

bool rig_interface(const char *name)
{
	char command[120];

	snprintf(command, sizeof(command), "ip link add %s type dummy 2>"
		 "/dev/null || ip link add %s type bridge 2>/dev/null", name,
		 name);
	return !system(command);
}
