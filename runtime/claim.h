/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim - which socket goes into which slot of a name
 *
 * In: a name, the slots it declares, candidates. Out: slots filled, all that
 * are asked for or none. An IPv6 socket that takes IPv4 as well goes into both
 * slots; into that for IPv4 only as long as nothing else is meant for it. A
 * slot that holds another socket keeps it, unless told to replace it.
 *
 * An SO_REUSEPORT group is one socket to the kernel, which chooses among its
 * members for every packet; it needs one of them in the slot. The others go
 * into the slot's further places, so that the service stays when one dies. A
 * member of the group that a slot holds already joins it.
 */
#ifndef SKPOL_CLAIM_H
#define SKPOL_CLAIM_H

#include "inspect.h"
#include "slots.h"

enum kind { KIND_TCP4, KIND_TCP6, KIND_UDP4, KIND_UDP6, KIND_COUNT };

struct candidate {
	int fd;			/* closed by candidates_free */
	struct facts facts;
	enum refusal refused;
	char from[48];		/* "descriptor 5 of process 12" */
};

struct candidates {
	struct candidate *v;
	size_t n;
};

/* Looks at FD and appends it; on failure FD is still the caller's. */
int candidates_add(struct skpol *s, struct candidates *c, int fd,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void candidates_free(struct candidates *c);

struct claim {
	char name[64];
	const struct candidates *among;	/* set by claim_choose */
	bool quiet;	/* who finds no place is not worth a note */
	struct {
		bool declared;	/* the policy has it and the caller wants it */
		const struct candidate *chosen;	/* the first of its group */
		bool implied;	/* by an IPv6 socket that takes IPv4 */
	} kinds[KIND_COUNT];
};

uint8_t kind_protocol(enum kind k);
uint8_t kind_family(enum kind k);
enum kind kind_of(uint8_t protocol, uint8_t family);

/*
 * Chooses among the candidates that nothing speaks against. -ENOTUNIQ when two
 * want one slot.
 */
int claim_choose(struct skpol *s, struct claim *c, const struct candidates *v);
bool claim_empty(const struct claim *c);

/*
 * Fills the slots that were chosen for. *FILLED counts those that changed. The
 * candidates must still be there.
 */
int claim_fill(struct skpol *s, struct slots *t, struct claim *c, bool replace,
	       size_t *filled);

#endif
