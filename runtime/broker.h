/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker - lets service accounts fill their own slots, and no others
 *
 * In: connections to a unix socket (SOCK_SEQPACKET). Out: slots filled, by our
 * privileges, as rules allow to whom the kernel says that the peer is. A client
 * needs no capability; `skpol register NAME --via PATH` is one. The protocol is
 * one message each way:
 *
 *	register NAME [tcp|udp] [ip4|ip6] [replace] [fitting]
 *						and 1 to 253 descriptors;
 *						fitting: others are no mistake
 *	unregister NAME [tcp|udp] [ip4|ip6]
 *
 *	note TEXT					any number of lines
 *	ok SLOTS					or
 *	error FAULT ERRNO TEXT				enum skpol_fault, errno
 *
 * A client may be hostile. Each is served in a process of its own, which has
 * seconds to live and does nothing with a descriptor before the kernel said
 * that it is a socket; there are few at a time, and fewer of one user; a user
 * whom no rule names is turned away before anything is read.
 */
#ifndef SKPOL_BROKER_H
#define SKPOL_BROKER_H

#include <poll.h>
#include <sys/types.h>

#include "skpol.h"

enum {
	BROKER_CLIENTS = 32, BROKER_CLIENTS_OF_USER = 4,
	BROKER_REQUEST_MAX = 512, BROKER_REPLY_MAX = 8192,
	BROKER_FDS_MAX = 253,		/* the kernel's SCM_MAX_FD */
	BROKER_READ_SECONDS = 5, BROKER_WORK_SECONDS = 30,
};

/* A line for the log: who asked for what, and what came of it. */
typedef void broker_log(void *ctx, const char *text);

struct broker;

/*
 * Rules are lines "NAME=WHO[,WHO...]": NAME of a socket, or * for all; WHO a
 * user, @group, or a number of either. FD is a listening socket, or -1 to make
 * one at PATH. Errors are told by the handle, which is also what the work is
 * done with.
 */
int broker_open(struct skpol *s, int fd, const char *path, const char *rules,
		broker_log *log, void *ctx, struct broker **out);
void broker_close(struct broker *b);

int broker_fd(const struct broker *b);	/* to be polled for POLLIN */
/* Accepts who waits, buries who is done. Never blocks, never fails. */
void broker_serve(struct broker *b);

#endif
