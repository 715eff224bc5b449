/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle - one namespace as one thread sees it, and what went wrong last
 *
 * In: options. Out: a handle. Promise: a message is one sentence for a person
 * who has only that sentence; nothing is kept outside the handle.
 */
#include "handle.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "netns.h"

int skpol_failv(struct skpol *s, enum skpol_fault f, int err, const char *fmt,
		...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->message, sizeof(s->message), fmt, ap);
	va_end(ap);
	s->fault = f;
	return err;
}

void handle_begin(struct skpol *s)
{
	s->fault = SKPOL_FAULT_NONE;
	s->message[0] = '\0';
}

int fail_memory(struct skpol *s)
{
	return fail_system(s, -ENOMEM, "out of memory");
}

void note(const struct skpol *s, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	if (!s->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->note(s->ctx, text);
}

const char *protocol_name(uint8_t protocol)
{
	return protocol == 6 ? "tcp" : "udp";
}

const char *family_name(uint8_t family)
{
	return family == 4 ? "ip4" : "ip6";
}

bool handle_capable(int cap)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2] = { 0 };

	if (syscall(SYS_capget, &h, d))
		return false;
	return d[cap / 32].effective >> (cap % 32) & 1;
}

static bool kernel_older_than(unsigned int major, unsigned int minor,
			      struct utsname *u)
{
	unsigned int a = 0, b = 0;

	if (uname(u) || sscanf(u->release, "%u.%u", &a, &b) != 2)
		return false;
	return a < major || (a == major && b < minor);
}

static int fail_privilege(struct skpol *s, int err, const char *do_what)
{
	bool bpf = handle_capable(CAP_BPF) || handle_capable(CAP_SYS_ADMIN);
	bool net = handle_capable(CAP_NET_ADMIN);

	if (bpf && net)
		return fail_system(s, err, "the kernel does not let us %s (%s),"
				   " although CAP_BPF and CAP_NET_ADMIN are "
				   "there: look for lockdown, a container's "
				   "seccomp filter, the owner of the bpf file "
				   "system, or (before Linux 5.11) `ulimit -l`",
				   do_what, strerror(-err));
	return fail_system(s, err, "may not %s: needs %s%s%s (run as root, or "
			   "give the capabilities)", do_what,
			   bpf ? "" : "CAP_BPF", bpf || net ? "" : " and ",
			   net ? "" : "CAP_NET_ADMIN");
}

int fail_bpf(struct skpol *s, int err, const char *do_what)
{
	struct utsname u;

	if (err == -ENOSYS)
		return fail_system(s, err, "this kernel has no BPF: it needs "
				   "CONFIG_BPF_SYSCALL and CONFIG_INET");
	if (err == -EPERM || err == -EACCES)
		return fail_privilege(s, err, do_what);
	if (kernel_older_than(5, 9, &u))
		return fail_system(s, err, "cannot %s: kernel %s is too old, "
				   "the socket lookup hook needs 5.9 or newer",
				   do_what, u.release);
	return fail_system(s, err, "cannot %s: %s", do_what, strerror(-err));
}

int handle_set_folders(struct skpol *s, const char *root,
		       const char *identity)
{
	size_t n = strlen(root), m = strlen(identity);

	if (n + 1 + m >= sizeof(s->dir) || m >= sizeof(s->identity))
		return fail_input(s, -ENAMETOOLONG, "the path of the bpf file "
				  "system is too long");
	memmove(s->identity, identity, m + 1);
	memcpy(s->root, root, n + 1);
	memcpy(s->dir, root, n);
	s->dir[n] = '/';
	memcpy(s->dir + n + 1, identity, m + 1);
	return 0;
}

int handle_set_root(struct skpol *s, const char *bpffs)
{
	char root[DIR_MAX];

	if (!bpffs)
		bpffs = "/sys/fs/bpf";
	if (snprintf(root, sizeof(root), "%s/skpol", bpffs) >=
	    (int)sizeof(root))
		return fail_input(s, -ENAMETOOLONG, "the path of the bpf file "
				  "system is too long");
	return handle_set_folders(s, root, s->identity);
}

int skpol_open(const struct skpol_options *o, struct skpol **out)
{
	struct skpol_options all = { 0 };
	struct skpol *s = calloc(1, sizeof(*s));
	int err;

	*out = s;
	if (!s)
		return -ENOMEM;
	s->netns = -1;
	if (o)
		memcpy(&all, o, o->size < sizeof(all) ? o->size : sizeof(all));
	s->note = all.note;
	s->ctx = all.ctx;
	err = netns_open(s, all.netns);
	return err ? err : handle_set_root(s, all.bpffs);
}

void skpol_close(struct skpol *s)
{
	if (!s)
		return;
	if (s->netns >= 0)
		close(s->netns);
	free(s);
}

const char *skpol_message(const struct skpol *s)
{
	return s ? s->message : "out of memory";
}

enum skpol_fault skpol_fault(const struct skpol *s)
{
	return s ? s->fault : SKPOL_FAULT_SYSTEM;
}
