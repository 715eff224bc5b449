/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle - one namespace as one thread sees it, and what went wrong last
 *
 * In: options. Out: a namespace known by descriptor and by identity, the folder
 * that holds its state, a message. Everything in the runtime that can fail
 * takes a handle, leaves the sentence there and returns a negative errno.
 */
#ifndef SKPOL_HANDLE_H
#define SKPOL_HANDLE_H

#include <limits.h>

#include "skpol.h"

enum {
	MESSAGE_MAX = 1024,
	DIR_MAX = PATH_MAX - 128,	/* room for what is pinned below */
};

struct skpol {
	int netns;
	uint64_t netns_ino;
	bool netns_own;		/* the calling thread's own */
	char identity[32];	/* cookie, or "i" and inode before Linux 5.14 */
	uint64_t cookie;	/* 0 before Linux 5.14 */
	char root[DIR_MAX];	/* BPFFS/skpol */
	char dir[DIR_MAX];	/* BPFFS/skpol/IDENTITY */
	void (*note)(void *ctx, const char *text);
	void *ctx;
	enum skpol_fault fault;
	char message[MESSAGE_MAX];
};

/* Sets message and fault and returns ERR, which is negative. */
int skpol_failv(struct skpol *s, enum skpol_fault f, int err, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));
#define fail_input(s, err, ...) \
	skpol_failv(s, SKPOL_FAULT_INPUT, err, __VA_ARGS__)
#define fail_system(s, err, ...) \
	skpol_failv(s, SKPOL_FAULT_SYSTEM, err, __VA_ARGS__)
#define fail_internal(s, err, ...) \
	skpol_failv(s, SKPOL_FAULT_INTERNAL, err, __VA_ARGS__)
int fail_memory(struct skpol *s);
/* Fills in root, identity and dir. */
int handle_set_folders(struct skpol *s, const char *root,
		       const char *identity);
/* The same from where the bpf file system is (NULL: where it always is). */
int handle_set_root(struct skpol *s, const char *bpffs);
/* Every public call begins so: the message is about this call. */
void handle_begin(struct skpol *s);

/*
 * A BPF call answered ERR while it should DO ("load the program"): says what
 * is missing (a privilege, a newer kernel, BPF itself) and what to do.
 */
int fail_bpf(struct skpol *s, int err, const char *do_what);

/* Whether capability CAP is effective; CAP_SYS_ADMIN implies CAP_BPF. */
bool handle_capable(int cap);

/* Tells the caller something that is no failure. */
void note(const struct skpol *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

const char *protocol_name(uint8_t protocol);	/* "tcp", "udp" */
const char *family_name(uint8_t family);	/* 4 -> "ip4", 6 -> "ip6" */

#endif
