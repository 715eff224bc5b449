/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privilege - the command keeps the capabilities that its verb needs, no other
 *
 * In: groups of capabilities. Out: the process has those of them that it was
 * started with; effective, permitted, inheritable, ambient and, where it may,
 * the bounding set are cut down, and nothing that it runs gains any
 * (no_new_privs). For the command only: a library leaves this to its caller.
 */
#ifndef SKPOL_PRIVILEGE_H
#define SKPOL_PRIVILEGE_H

/* What is in each: privilege.c. Who needs which: privilege.def. */
enum privilege_group {
	PRIVILEGE_CHANGE = 1 << 0,
	PRIVILEGE_READ = 1 << 1,
	PRIVILEGE_LOAD = 1 << 2,
	PRIVILEGE_PROCESSES = 1 << 3,
	PRIVILEGE_NAMES = 1 << 4,
	PRIVILEGE_NAMESPACE = 1 << 5,
	PRIVILEGE_FILES = 1 << 6,
	PRIVILEGE_WRITE = 1 << 7,
	/* to enter the namespace that --netns names */
	PRIVILEGE_ENTER = 1 << 8,
	/* to signal the command of `register NAME -- COMMAND` */
	PRIVILEGE_SIGNAL = 1 << 9,
	PRIVILEGE_SHARE = 1 << 10,
};

/* 0, or a negative errno: then nothing was dropped, and nothing should run. */
int privilege_drop(unsigned int groups);

#endif
