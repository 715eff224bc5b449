/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * testrun - a loaded program asked about one packet, by BPF_PROG_TEST_RUN
 *
 * In: a packet. Out: what the program returned and selected.
 */
#include "testrun.h"

#include <bpf/bpf.h>
#include <errno.h>

enum { KERNEL_ENOTSUPP = 524 };	/* never meant to reach user space */

int testrun(struct skpol *s, int program, const struct bpf_sk_lookup *packet,
	    struct testrun *out)
{
	struct bpf_sk_lookup after = *packet;
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = packet,
		    .ctx_size_in = sizeof(*packet), .ctx_out = &after,
		    .ctx_size_out = sizeof(after), .repeat = 1);
	int err = bpf_prog_test_run_opts(program, &o);

	if (err == -KERNEL_ENOTSUPP || err == -EOPNOTSUPP)
		return fail_system(s, -EOPNOTSUPP, "this kernel does not run "
				   "socket lookup programs on demand: that "
				   "needs 5.13 or newer");
	if (err)
		return fail_bpf(s, err, "run the program on a packet");
	out->drop = o.retval == SK_DROP;
	out->cookie = out->drop ? 0 : after.cookie;
	return 0;
}
