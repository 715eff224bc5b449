/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process - the sockets of other processes
 *
 * In: a pid, or inodes of sockets. Out: copies of descriptors (pidfd_getfd),
 * owners. A pid is turned into a pidfd before anything is asked about it, so
 * that a successor with the same number is never mistaken for it.
 */
#ifndef SKPOL_PROCESS_H
#define SKPOL_PROCESS_H

#include "handle.h"

struct process_fd {
	int fd;			/* our copy */
	int number;		/* the owner's */
};

/* Copies of all sockets of PID, rising by number; malloc'ed. */
int process_sockets(struct skpol *s, pid_t pid, struct process_fd **v,
		    size_t *n);
void process_close(struct process_fd *v, size_t n);

struct owner {			/* of the socket with this inode */
	uint32_t inode;
	pid_t pid;		/* 0 = not found, or not ours to see */
	int number;		/* of its descriptor */
	char name[16];		/* of the process */
};

/*
 * Fills in pid, number and name of N owners by one walk through /proc, which
 * ends when all are found. Of several holders, the lowest pid.
 */
int owners_find(struct skpol *s, struct owner *v, size_t n);
/* The owner of INODE among N that owners_find has filled in, or NULL. */
const struct owner *owners_get(const struct owner *v, size_t n,
			       uint32_t inode);
/* A copy of that socket; a negative errno with a message. */
int owner_take(struct skpol *s, const struct owner *o);

#endif
