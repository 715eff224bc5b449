/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_host - what a policy needs of the machine, whatever the policy
 *
 * In: the kernel, /proc, the bpf file system. Out: findings.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "auto.h"
#include "doctor.h"
#include "netns.h"
#include "state.h"

struct version { unsigned int major, minor; };

static bool parse_version(const char *text, struct version *v)
{
	return text && sscanf(text, "%u.%u", &v->major, &v->minor) == 2;
}

static bool is_older(struct version a, struct version b)
{
	return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

static struct version running(struct utsname *u)
{
	struct version v = { 0, 0 };

	uname(u);
	parse_version(u->release, &v);
	return v;
}

void doctor_kernel(struct doctor *d)
{
	static const struct { struct version since; const char *what; } v[] = {
		{ { 5, 11 }, "no memory limit for BPF (5.11)" },
		{ { 5, 14 }, "namespace cookies (5.14)" },
		{ { 5, 17 }, "rules with `on` (5.17)" },
	};
	const char *needs = json_string_value(json_object_get(
				d->live.gen.manifest, "kernel"));
	struct version want = { 5, 9 };
	char lacks[128] = "";
	struct utsname u;
	struct version now = running(&u);

	if (is_older(now, want)) {
		doctor_say(d, FINDING_FAIL, "run Linux 5.9 or newer",
			   "Linux %s has no socket lookup hook", u.release);
		return;
	}
	if (parse_version(needs, &want) && is_older(now, want)) {
		doctor_say(d, FINDING_FAIL, "compile the policy for this "
			   "kernel: skpolc --target-kernel",
			   "the policy was compiled for Linux %s, and this is "
			   "%s", needs, u.release);
		return;
	}
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		if (is_older(now, v[i].since))
			snprintf(lacks + strlen(lacks), sizeof(lacks) -
				 strlen(lacks), "%s%s", *lacks ? ", " :
				 "; it lacks ", v[i].what);
	doctor_say(d, FINDING_OK, NULL, "Linux %s has the socket lookup hook"
		   "%s", u.release, lacks);
}

/* A program that passes all packets: a descriptor, or a negative errno. */
static int load_pass(void)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP);

	return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "skpol_doctor",
			     "Dual BSD/GPL", pass, 2, &o);
}

/* No fault of the kernel: this process, or the host, has no more of it. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

void doctor_hook(struct doctor *d)
{
	AUTO_FD fd = load_pass();

	if (fd >= 0)
		doctor_say(d, FINDING_OK, NULL, "the kernel takes a socket "
			   "lookup program");
	else if (fd == -EPERM)
		doctor_say(d, FINDING_UNKNOWN, "run as root, or with CAP_BPF "
			   "and CAP_NET_ADMIN", "may not try to load a "
			   "program");
	else if (is_shortage(fd))
		doctor_say(d, FINDING_UNKNOWN, fd == -EMFILE ? "raise "
			   "`ulimit -n`" : NULL, "cannot try to load a "
			   "program: %s", strerror(-fd));
	else
		doctor_say(d, FINDING_FAIL, "the kernel needs "
			   "CONFIG_BPF_SYSCALL and CONFIG_INET; look for "
			   "lockdown, or a seccomp filter of a container",
			   "the kernel refuses a socket lookup program: %s",
			   strerror(-fd));
}

void doctor_capabilities(struct doctor *d)
{
	static const struct { int cap; const char *name, *what; } v[] = {
		{ CAP_BPF, "CAP_BPF", "change anything" },
		{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "change anything" },
		{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "take sockets from other "
			"users' processes, or name their owners" },
		{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "enter other namespaces, "
			"or name foreign programs" },
	};
	bool all = true;

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		if (handle_capable(v[i].cap) || (v[i].cap == CAP_BPF &&
						 handle_capable(CAP_SYS_ADMIN)))
			continue;
		all = false;
		doctor_say(d, FINDING_WARN, "run as root, or give the "
			   "capability", "the caller lacks %s, and cannot %s",
			   v[i].name, v[i].what);
	}
	if (all)
		doctor_say(d, FINDING_OK, NULL, "the caller has CAP_BPF, "
			   "CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_ADMIN");
}

/* Before 5.11 maps and programs count as locked memory of the user. */
void doctor_memlock(struct doctor *d)
{
	struct version free_since = { 5, 11 };
	struct rlimit r = { 0, 0 };
	struct utsname u;

	if (!is_older(running(&u), free_since)) {
		doctor_say(d, FINDING_OK, NULL, "BPF has no memory limit of "
			   "its own here");
		return;
	}
	getrlimit(RLIMIT_MEMLOCK, &r);
	if (r.rlim_cur == RLIM_INFINITY)
		doctor_say(d, FINDING_OK, NULL, "`ulimit -l` is unlimited");
	else
		doctor_say(d, FINDING_WARN, "ulimit -l unlimited (systemd: "
			   "LimitMEMLOCK=infinity)", "`ulimit -l` is %llu kB: "
			   "a policy with large tables will not load",
			   (unsigned long long)r.rlim_cur / 1024);
}

/* Whoever can write into the folder of the mount can make or take pins. */
void doctor_bpffs(struct doctor *d)
{
	int err = state_find(d->s);
	char path[DIR_MAX];
	struct stat st;

	if (err && err != -ENOENT) {
		doctor_say(d, FINDING_FAIL, NULL, "%s", skpol_message(d->s));
		return;
	}
	strcpy(path, d->s->root);
	*strrchr(path, '/') = '\0';
	if (stat(path, &st)) {
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot look at %s: %s",
			   path, strerror(errno));
		return;
	}
	if (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX))
		doctor_say(d, FINDING_FAIL, "mount it with mode=0700, or with "
			   "the sticky bit", "everybody can write to %s (mode "
			   "%04o): another user could delete the policy", path,
			   st.st_mode & 07777u);
	else
		doctor_say(d, FINDING_OK, NULL, "a bpf file system is at %s, "
			   "mode %04o%s", path, st.st_mode & 07777u, err ?
			   "; nothing of skpol is in it for this namespace" :
			   "");
}

/* Its first number, or -1. */
static int read_number(const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return -1;
	text[n] = '\0';
	return atoi(text);
}

void doctor_unprivileged(struct doctor *d)
{
	int n = read_number("/proc/sys/kernel/unprivileged_bpf_disabled");

	if (n == 0)
		doctor_say(d, FINDING_WARN,
			   "sysctl -w kernel.unprivileged_bpf_disabled=2",
			   "every user may load BPF programs");
	else if (n < 0)
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot tell whether "
			   "every user may load BPF programs");
	else
		doctor_say(d, FINDING_OK, NULL, "only who has CAP_BPF may load "
			   "BPF programs (%d)", n);
}

/* Bytes of machine code; 0 when there are none, or they are hidden. */
static unsigned int machine_code(int program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return program < 0 || bpf_obj_get_info_by_fd(program, &info, &len) ?
		0 : info.jited_prog_len;
}

/* The switch is in the first namespace only: so look at a program. */
void doctor_jit(struct doctor *d)
{
	AUTO_FD probe = load_pass();
	unsigned int bytes = machine_code(d->live.gen.program);

	if (bytes)
		doctor_say(d, FINDING_OK, NULL, "the program is compiled to %u "
			   "bytes of machine code", bytes);
	else if (machine_code(probe))
		doctor_say(d, FINDING_OK, NULL, "programs are compiled to "
			   "machine code");
	else if (is_shortage(probe))
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot see whether "
			   "programs are compiled to machine code: %s",
			   strerror(-probe));
	else if (probe < 0 || !handle_capable(CAP_SYS_ADMIN))
		doctor_say(d, FINDING_UNKNOWN, "run as root", "may not see "
			   "whether programs are compiled to machine code");
	else
		doctor_say(d, FINDING_WARN, "sysctl -w net.core.bpf_jit_enable"
			   "=1, and apply again", "programs are interpreted: "
			   "some ten times slower");
}

void doctor_btf(struct doctor *d)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (doctor_blind(d))
		return;
	if (d->live.gen.program < 0 ||
	    bpf_obj_get_info_by_fd(d->live.gen.program, &info, &len))
		doctor_say(d, FINDING_OK, NULL, "there is no program to look "
			   "at");
	else if (info.btf_id)
		doctor_say(d, FINDING_OK, NULL, "the program has its types and "
			   "%u lines of the policy", info.nr_line_info);
	else
		doctor_say(d, FINDING_WARN, NULL, "the kernel dropped the "
			   "program's types: bpftool cannot show the lines "
			   "of the policy");
}

/* ------------------------------------------------------------- rp_filter */

struct strict {			/* interfaces, a few of them by name */
	unsigned int n;
	char names[128];
};

static int read_rp_filter(const char *interface)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter",
		 interface);
	return read_number(path);
}

/* /proc/sys/net is that of the thread's namespace. */
static int look_for_strict(void *ctx)
{
	AUTO_DIR dir = opendir("/proc/sys/net/ipv4/conf");
	int all = read_rp_filter("all");
	struct strict *s = ctx;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		size_t n = strlen(s->names);
		int own;

		if (*e->d_name == '.' || !strcmp(e->d_name, "all") ||
		    !strcmp(e->d_name, "default") || !strcmp(e->d_name, "lo"))
			continue;
		own = read_rp_filter(e->d_name);
		if ((own > all ? own : all) != 1)
			continue;
		s->n++;
		snprintf(s->names + n, sizeof(s->names) - n, "%s%s", n ? ", " :
			 "", e->d_name);
	}
	return dir ? 0 : -errno;
}

void doctor_rp_filter(struct doctor *d)
{
	struct strict s = { .n = 0 };

	if (netns_visit(d->s, look_for_strict, &s))
		doctor_say(d, FINDING_UNKNOWN, NULL, "cannot read "
			   "net.ipv4.conf.*.rp_filter of the namespace");
	else if (s.n)
		doctor_say(d, FINDING_WARN,
			   "if routes are asymmetric: sysctl -w "
			   "net.ipv4.conf.all.rp_filter=2",
			   "strict reverse path filtering on %s: a packet "
			   "whose answer would leave by another interface is "
			   "dropped before the lookup", s.names);
	else
		doctor_say(d, FINDING_OK, NULL, "no strict reverse path "
			   "filtering");
}
