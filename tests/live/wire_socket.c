/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_socket - servers of every kind that a policy can meet
 *
 * In: addresses. Out: sockets that listen, or wait for datagrams, alone or in
 * a SO_REUSEPORT group; connected ones; a second namespace on a cable.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sockaddr_in *in4(struct sockaddr_storage *a)
{
	return (struct sockaddr_in *)a;
}

static struct sockaddr_in6 *in6(struct sockaddr_storage *a)
{
	return (struct sockaddr_in6 *)a;
}

bool wire_address(const char *text, struct sockaddr_storage *out)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	unsigned long port;
	size_t n;
	char *end;

	memset(out, 0, sizeof(*out));
	if (!colon)
		return false;
	port = strtoul(colon + 1, &end, 10);
	n = (size_t)(colon - text);
	if (end == colon + 1 || *end || port > 65535 || n >= sizeof(host) ||
	    (bracket && (n < 2 || colon[-1] != ']')))
		return false;
	memcpy(host, text, n);
	host[bracket ? n - 1 : n] = 0;
	out->ss_family = bracket ? AF_INET6 : AF_INET;
	if (!bracket) {
		in4(out)->sin_port = htons((uint16_t)port);
		return inet_pton(AF_INET, host, &in4(out)->sin_addr) == 1;
	}
	in6(out)->sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, host + 1, &in6(out)->sin6_addr) == 1;
}

void wire_end(struct sockaddr_storage *out, unsigned int family, u128 address,
	      unsigned int port)
{
	memset(out, 0, sizeof(*out));
	if (family == 4) {
		out->ss_family = AF_INET;
		in4(out)->sin_port = htons((uint16_t)port);
		in4(out)->sin_addr.s_addr = htonl((uint32_t)address);
		return;
	}
	out->ss_family = AF_INET6;
	in6(out)->sin6_port = htons((uint16_t)port);
	for (int i = 15; i >= 0; i--, address >>= 8)
		in6(out)->sin6_addr.s6_addr[i] = (uint8_t)address;
}

socklen_t wire_address_size(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
					 sizeof(struct sockaddr_in6);
}

bool wire_address_equal(const struct sockaddr_storage *a,
			const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
		       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

void wire_address_unmap(struct sockaddr_storage *a)
{
	struct sockaddr_in6 from = *in6(a);

	if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&from.sin6_addr))
		return;
	memset(a, 0, sizeof(*a));
	a->ss_family = AF_INET;
	in4(a)->sin_port = from.sin6_port;
	memcpy(&in4(a)->sin_addr, &from.sin6_addr.s6_addr[12], 4);
}

static bool on(int fd, int level, int option)
{
	const int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) == 0;
}

bool wire_bind(int fd, const struct sockaddr_storage *address)
{
	bool six = address->ss_family == AF_INET6;

	return on(fd, SOL_SOCKET, SO_REUSEADDR) &&
	       on(fd, six ? SOL_IPV6 : SOL_IP,
		  six ? IPV6_FREEBIND : IP_FREEBIND) &&
	       !bind(fd, (const void *)address, wire_address_size(address));
}

/* An UDP server must learn which address was dialled, to answer from it. */
static bool set_options(int fd, int type, int family, struct server_options o)
{
	const int v6only = o.v6only;

	if (family == AF_INET6 &&
	    setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)))
		return false;
	if (type == SOCK_DGRAM && (!on(fd, SOL_IP, IP_RECVORIGDSTADDR) ||
	    (family == AF_INET6 && !on(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR))))
		return false;
	return !o.reuseport || on(fd, SOL_SOCKET, SO_REUSEPORT);
}

int wire_open(int type, const struct sockaddr_storage *address,
	      struct server_options o)
{
	int fd = socket(address->ss_family,
			type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (set_options(fd, type, address->ss_family, o) &&
	    wire_bind(fd, address) &&
	    (type == SOCK_DGRAM || !listen(fd, SOMAXCONN)))
		return fd;
	close(fd);
	return -1;
}

struct server *wire_serve(struct wire *w, const char *name, int type, int fd)
{
	struct server *s = &w->servers[w->nservers];
	socklen_t size = sizeof(s->at);

	if (w->nservers == WIRE_SERVERS)
		wire_die(w, WIRE_BROKEN, "more than %d servers", WIRE_SERVERS);
	w->nservers++;
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->fd = fd;
	s->type = type;
	s->answers = true;
	if (getsockname(fd, (void *)&s->at, &size))
		wire_die(w, WIRE_BROKEN, "getsockname: %s", strerror(errno));
	return s;
}

struct server *wire_server(struct wire *w, const char *name)
{
	for (size_t i = 0; i < w->nservers; i++)
		if (!strcmp(w->servers[i].name, name))
			return &w->servers[i];
	wire_die(w, WIRE_BROKEN, "no server is called `%s`", name);
}

void wire_close(struct wire *w, const char *name)
{
	size_t kept = 0;

	wire_server(w, name);
	for (size_t i = 0; i < w->nservers; i++) {
		if (strcmp(w->servers[i].name, name))
			w->servers[kept++] = w->servers[i];
		else
			close(w->servers[i].fd);
	}
	w->nservers = kept;
}

void wire_connect(const struct wire *w, struct server *s)
{
	if (connect(s->fd, (void *)&s->at, wire_address_size(&s->at)))
		wire_die(w, WIRE_BROKEN, "connect %s: %s", s->name,
			 strerror(errno));
	s->answers = false;
}

int wire_established(const struct sockaddr_storage *address)
{
	struct server_options o = { 0 };
	int server = wire_open(SOCK_STREAM, address, o);
	int client = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = -1;

	if (server >= 0 && client >= 0 &&
	    !connect(client, (const void *)address, wire_address_size(address)))
		fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	if (server >= 0)
		close(server);
	return fd;	/* the client stays open until wire ends */
}

void wire_group_pick(const struct wire *w, struct server *s,
		     unsigned int member)
{
	struct sock_filter pick = BPF_STMT(BPF_RET | BPF_K, member);
	struct sock_fprog program = { .len = 1, .filter = &pick };

	if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
		       sizeof(program)))
		wire_die(w, WIRE_BROKEN, "group of %s: %s", s->name,
			 strerror(errno));
}

/*
 * Before Linux 5.11 a program counts as locked memory. The limit is raised for
 * this call only: skpol is to do with the one that everybody has.
 */
static int load_program(union bpf_attr *attr, size_t size)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit before;
	int fd;

	getrlimit(RLIMIT_MEMLOCK, &before);
	setrlimit(RLIMIT_MEMLOCK, &all);
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, attr, size);
	setrlimit(RLIMIT_MEMLOCK, &before);
	return fd;
}

/* A classic program cannot refuse a packet, only name a member. */
void wire_group_drop(const struct wire *w, struct server *s)
{
	const struct bpf_insn drop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
		  .imm = SK_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SK_REUSEPORT,
		.insns = (uintptr_t)drop, .insn_cnt = 2,
		.license = (uintptr_t)"Dual BSD/GPL",
	};
	int fd = load_program(&attr, sizeof(attr));

	if (fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF,
				 &fd, sizeof(fd)))
		wire_die(w, WIRE_BROKEN, "group of %s: %s", s->name,
			 strerror(errno));
	close(fd);
}

static bool sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static bool sh(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command) == 0;
}

/*
 * Both ends have one hardware address and ask nobody for it: what is sent at
 * one end is for the other.
 */
void wire_link_make(struct wire *w, const char *ifname, const char *prefix4,
		    const char *prefix6)
{
	static const char mac[] = "02:00:00:00:00:01";
	struct wire_link *l = &w->links[w->nlinks];

	if (w->nlinks == WIRE_LINKS || unshare(CLONE_NEWNET))
		wire_die(w, WIRE_BROKEN, "link %s: no namespace", ifname);
	snprintf(l->ifname, sizeof(l->ifname), "%s", ifname);
	l->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w->nlinks++;
	if (!sh("set -e; ip link add far address %s type veth "
		"peer name %s address %s netns /proc/%d/fd/%d", mac, ifname,
		mac, getpid(), w->home))
		wire_die(w, WIRE_SKIP, "no veth interfaces in this kernel");
	if (!sh("set -e; ip link set lo up; ip link set far up arp off;"
		"ip route add local %s dev lo; ip route add default dev far;"
		"ip -6 route add local %s dev lo;"
		"ip -6 route add default dev far", prefix4, prefix6) ||
	    setns(w->home, CLONE_NEWNET) ||
	    !sh("set -e; ip link set %s up arp off;"
		"ip route add %s dev %s table local;"
		"ip -6 route add %s dev %s table local", ifname, prefix4,
		ifname, prefix6, ifname))
		wire_die(w, WIRE_BROKEN, "link %s cannot be set up", ifname);
}
