/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * testrun - a loaded program asked about one packet, by BPF_PROG_TEST_RUN
 *
 * Nothing is attached, no packet is sent, but what the program counts is
 * counted. The kernel takes no packet with an interface.
 */
#ifndef SKPOL_TESTRUN_H
#define SKPOL_TESTRUN_H

#include <linux/bpf.h>

#include "handle.h"

struct testrun {
	bool drop;
	uint64_t cookie;	/* SO_COOKIE of the selected socket; 0 = none */
};

/* -EOPNOTSUPP on kernels that cannot. */
int testrun(struct skpol *s, int program, const struct bpf_sk_lookup *packet,
	    struct testrun *out);

#endif
