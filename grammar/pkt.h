/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkt - the lines of a .pkt file, each put to somebody (`verdicts`)
 *
 * In: the text of the file, and whom to ask. Out: every packet with its verdict
 * on stdout; on stderr, by file and line, each that is no packet, cannot be
 * answered, or expects another verdict. For the commands: nobody else prints.
 */
#ifndef SKPOL_PKT_H
#define SKPOL_PKT_H

#include "packet.h"

struct pkt {
	const char *path;	/* as complaints name it */
	const char *who;	/* "the policy", "the kernel" */
	/*
	 * "pass", "drop" or a socket's name; NULL when there is no answer: then
	 * *ERROR is a sentence, and a *STATUS that is not 0 ends it all.
	 */
	const char *(*ask)(void *ctx, const struct packet *p,
			   const char **error, int *status);
	bool (*knows)(void *ctx, const char *socket);
	void *ctx;
	size_t line, packets;	/* seen so far */
	size_t wrong;		/* lines complained about */
	int status;		/* the last *STATUS */
};

void pkt_ask_all(struct pkt *k, const char *text, size_t size);

#endif
