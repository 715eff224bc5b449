/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auto - what a function opened is closed on every way out of it
 *
 *	AUTO_FD fd = open(...);		closed unless taken
 *	return take_fd(&fd);		handed to the caller
 */
#ifndef SKPOL_AUTO_H
#define SKPOL_AUTO_H

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void auto_free(void *p)
{
	free(*(void **)p);
}

static inline void auto_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline void auto_decref(json_t **j)
{
	json_decref(*j);
}

#define AUTO_FD __attribute__((cleanup(auto_close))) int
#define AUTO_FREE __attribute__((cleanup(auto_free)))
#define AUTO_DIR __attribute__((cleanup(auto_closedir))) DIR *
#define AUTO_JSON __attribute__((cleanup(auto_decref))) json_t *

#endif
