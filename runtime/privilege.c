/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privilege - the command keeps the capabilities that its verb needs, no other
 *
 * In: groups. Out: fewer capabilities. Promise: never one more than before.
 */
#include "privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct { unsigned int group, capability; } members[] = {
	{ PRIVILEGE_CHANGE, CAP_BPF },
	{ PRIVILEGE_CHANGE, CAP_NET_ADMIN },
	{ PRIVILEGE_READ, CAP_BPF },
	{ PRIVILEGE_READ, CAP_NET_ADMIN },
	{ PRIVILEGE_LOAD, CAP_PERFMON },
	{ PRIVILEGE_LOAD, CAP_SYS_RESOURCE },
	{ PRIVILEGE_PROCESSES, CAP_SYS_PTRACE },
	{ PRIVILEGE_PROCESSES, CAP_DAC_READ_SEARCH },
	{ PRIVILEGE_NAMES, CAP_SYS_ADMIN },
	{ PRIVILEGE_NAMESPACE, CAP_SYS_ADMIN },
	{ PRIVILEGE_FILES, CAP_DAC_READ_SEARCH },
	{ PRIVILEGE_WRITE, CAP_DAC_OVERRIDE },
	{ PRIVILEGE_SIGNAL, CAP_KILL },
	{ PRIVILEGE_SHARE, CAP_FSETID },
	{ PRIVILEGE_ENTER, CAP_SYS_ADMIN },
	{ PRIVILEGE_ENTER, CAP_SYS_PTRACE },
	{ PRIVILEGE_ENTER, CAP_DAC_READ_SEARCH },
};

enum { MEMBERS = sizeof(members) / sizeof(*members) };

/* Which of them we have; capng has one state, so this comes before a change. */
static void read_ours(unsigned int groups, int ours[MEMBERS])
{
	for (int i = 0; i < MEMBERS; i++)
		ours[i] = members[i].group & groups &&
			capng_have_capability(CAPNG_PERMITTED,
					      members[i].capability);
}

/*
 * Before Linux 5.11 maps and programs count as locked memory. Who changes
 * anything makes a map at least, and may not raise the limit later.
 */
static void raise_locked_memory(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);	/* or it stays as it is */
}

int privilege_drop(unsigned int groups)
{
	int ours[MEMBERS], may_bound;

	if (capng_get_caps_process())
		return -EIO;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	read_ours(groups, ours);
	if (groups & (PRIVILEGE_CHANGE | PRIVILEGE_LOAD))
		raise_locked_memory();
	capng_clear(CAPNG_SELECT_BOTH);
	for (int i = 0; i < MEMBERS; i++)
		if (ours[i])
			capng_update(CAPNG_ADD, (capng_type_t)
				     (CAPNG_EFFECTIVE | CAPNG_PERMITTED |
				      CAPNG_BOUNDING_SET),
				     members[i].capability);
	if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	return 0;
}
