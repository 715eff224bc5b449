/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * everywhere - each namespace that has state in the bpf file system
 *
 * In: the folders there, which are named by cookie. Out: a handle for each,
 * with the name by which its namespace can be reached: of ip-netns(8), or
 * "pid:N", or NULL for the caller's own without a name. One that nothing
 * reaches (only a descriptor or a socket keeps it) has a handle all the same,
 * and is called by its folder: what needs no more than pins works there.
 */
#ifndef SKPOL_EVERYWHERE_H
#define SKPOL_EVERYWHERE_H

#include "handle.h"

struct everywhere_place {
	char *name;		/* NULL = the caller's own */
	struct skpol *s;
	bool reached;
};

struct everywhere {
	struct everywhere_place *v;
	size_t n;
	char message[MESSAGE_MAX];	/* when everywhere_find failed */
};

/*
 * O->netns is not looked at. What dead namespaces left is swept, and no part
 * of it; 0, or a negative errno.
 */
int everywhere_find(const struct skpol_options *o, struct everywhere *e);
void everywhere_free(struct everywhere *e);

#endif
