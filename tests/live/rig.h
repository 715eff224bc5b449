/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig - a network namespace and a bpf file system of the test's own
 *
 * For tests of the runtime against the kernel. Everything lives in namespaces
 * of the test process, so nothing is left when it ends, however it ends.
 */
#ifndef RIG_H
#define RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../runtime/skpol.h"

enum { RIG_SKIP = 77 };

/* 0, or RIG_SKIP with the reason printed. */
int rig_start(void);
void rig_stop(void);
/* The body of main for an array of cmocka tests. */
#define RIG_MAIN(tests) \
	do { \
		int failed_ = rig_start(); \
		if (failed_) \
			return failed_; \
		failed_ = cmocka_run_group_tests(tests, NULL, NULL); \
		rig_stop(); \
		return failed_; \
	} while (0)
/* Forgets all state: detaches, empties the bpf file system. */
void rig_reset(void);

extern char rig_bpffs[64];		/* where it is mounted */
extern char rig_notes[8192];		/* what handles of rig_open said */
struct skpol *rig_open(void);
/* The folder with this namespace's state, and an entry in it. */
const char *rig_state(const char *entry);
bool rig_exists(const char *entry);

struct rig_object {
	void *bytes;
	size_t size;
};

/* The text of a policy, compiled by skpolc. */
struct rig_object rig_compile(const char *text);
int rig_apply(struct skpol *s, const char *text, struct skpol_applied *out);
/* The same with a handle of its own; asserts that it worked. */
struct skpol_applied rig_must_apply(const char *text);

/* Runs the command skpol; its exit status, and what it printed. */
struct rig_output {
	int status;
	char out[8192], err[8192];
};
struct rig_output rig_skpol(const char *const *argv);
extern unsigned int rig_descriptors;	/* that it may have; 0 = as we */
#define RIG_SKPOL(...) \
	rig_skpol((const char *const[]){ "skpol", "--bpffs", rig_bpffs, \
		__VA_ARGS__, NULL })

/* Status, stats; new references, never NULL. */
/* What one of the library's reports says: parsed, to be given back. */
json_t *rig_report(int (*get)(struct skpol *s, char **json));
json_t *rig_status(void);
uint32_t rig_attached(void);	/* program, 0 = none of ours */
uint64_t rig_count(const char *rule, const char *what);
/* The cookie status shows for a slot, 0 = empty or unknown. */
uint64_t rig_slot(const char *name, const char *protocol, const char *family);
bool rig_has_problem(const char *words);

/* A socket: TCP listens. TYPE is SOCK_STREAM or SOCK_DGRAM. */
enum { RIG_V6ONLY = 1, RIG_REUSEPORT = 2, RIG_SILENT = 4 /* no listen */ };
int rig_socket(int type, const char *address, uint16_t port, int flags);
uint64_t rig_cookie(int fd);

/* A TCP connection, a datagram: 0 or the positive errno of the client. */
int rig_connect(const char *address, uint16_t port);
int rig_send(const char *address, uint16_t port);
/* Takes all that wait at a listener or UDP socket; how many there were. */
int rig_drain(int fd);

/* Forks; the child runs WORK and then waits. Kill it with rig_kill. */
pid_t rig_child(void (*work)(void *ctx), void *ctx);
void rig_kill(pid_t pid);

/* An interface of the test's namespace, of a kind that this kernel has. */
bool rig_interface(const char *name);

#endif
