/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * killer - a command that dies at one of its system calls
 *
 * In: a command, a number. Out: a child that was killed (SIGKILL) on entry to
 * that call, by ptrace. Calls that others cannot see the effect of are not
 * counted.
 */
#include "killer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include "rig.h"

bool killer_everywhere;

/* Maps that are filled and not pinned yet are nobody's, but who can tell? */
static bool bpf_changes_state(uint64_t command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_FREEZE:
	case BPF_OBJ_PIN:
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH:
		return true;
	default:
		return false;
	}
}

static bool changes_state(uint64_t number, uint64_t first)
{
	switch (number) {
	case SYS_bpf:
		return bpf_changes_state(first);
	case SYS_flock:
	case SYS_mkdirat:
	case SYS_unlinkat:
	case SYS_renameat2:
#ifdef SYS_mkdir
	case SYS_mkdir:
	case SYS_rmdir:
	case SYS_unlink:
	case SYS_rename:
	case SYS_renameat:
#endif
		return true;
	default:
		return false;
	}
}

/* The child is at a stop; lets it go on to the next and says which it is. */
static bool next_stop(pid_t pid, int *status)
{
	if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL))
		return false;
	return waitpid(pid, status, 0) == pid && WIFSTOPPED(*status);
}

static bool at_entry(pid_t pid, int status)
{
	struct ptrace_syscall_info info;

	return WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
		info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		(killer_everywhere || changes_state(info.entry.nr,
					     info.entry.args[0]));
}

bool killed_at(int (*command)(struct skpol *s), int n)
{
	int status, calls = 0;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(command(rig_open()) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (next_stop(pid, &status)) {
		if (!at_entry(pid, status) || ++calls < n)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return true;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}
