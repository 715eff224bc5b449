/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker_private - what the files of the broker share
 *
 * broker.c accepts and forks, broker_rules.c says who may, broker_request.c is
 * the life of one client's process.
 */
#ifndef SKPOL_BROKER_PRIVATE_H
#define SKPOL_BROKER_PRIVATE_H

#include "broker.h"
#include "handle.h"

struct rule {
	char name[64];		/* "*" = all */
	bool group;
	uint32_t id;
};

struct rules {
	struct rule *v;
	size_t n;
};

struct peer {
	pid_t pid;
	uint32_t uid;
	uint32_t *groups;
	size_t ngroups;
};

int rules_parse(struct skpol *s, const char *text, struct rules *out);
/* Notes names that no socket of the policy that runs has: no mistake, another one
 * may have them. */
void rules_compare(const struct skpol *s, const struct rules *r);
/* Whether any rule is for P; for socket NAME, if not NULL. */
bool rules_allow(const struct rules *r, const struct peer *p,
		 const char *name);

int peer_of(int fd, struct peer *p);	/* groups are malloc'ed */

/* Serves the client at FD to its end; does not return. */
void broker_request(struct skpol *s, const struct rules *r,
		    const struct peer *p, int fd, broker_log *log, void *ctx)
	__attribute__((noreturn));

#endif
