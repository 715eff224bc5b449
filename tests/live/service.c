/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service - sockets and processes that a test registers, under one policy
 *
 * In: a test. Out: what it opens is closed after it, whether it fails or not.
 */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX = 16 };
static int opened[MAX], nopened;
static pid_t children[MAX];
static int nchildren;
struct skpol *service;

int service_setup(void **state)
{
	(void)state;
	rig_reset();
	service = rig_open();
	rig_must_apply(SERVICE_POLICY);
	rig_notes[0] = '\0';
	return 0;
}

int service_teardown(void **state)
{
	(void)state;
	while (nopened)
		close(opened[--nopened]);
	while (nchildren)
		rig_kill(children[--nchildren]);
	skpol_close(service);
	rig_reset();
	return 0;
}

int service_socket(int type, const char *address, uint16_t port, int flags)
{
	assert_true(nopened < MAX);
	return opened[nopened++] = rig_socket(type, address, port, flags);
}

pid_t service_child(void (*work)(void *ctx), void *ctx)
{
	assert_true(nchildren < MAX);
	return children[nchildren++] = rig_child(work, ctx);
}

void service_kill(void)
{
	rig_kill(children[--nchildren]);
}

int service_try(const char *name, int fd, bool replace, size_t *filled)
{
	struct skpol_claim c = { .size = sizeof(c), .name = name,
				 .replace = replace };

	return skpol_register_fds(service, &c, &fd, 1, filled);
}

void service_put(const char *name, int fd, size_t slots)
{
	size_t filled;

	if (service_try(name, fd, false, &filled))
		fail_msg("%s: %s", name, skpol_message(service));
	assert_int_equal(filled, slots);
}

void service_refused(const char *name, int fd, int err, const char *words)
{
	size_t filled;

	assert_int_equal(service_try(name, fd, false, &filled), -err);
	assert_int_equal(filled, 0);
	assert_int_equal(skpol_fault(service), SKPOL_FAULT_INPUT);
	if (!strstr(skpol_message(service), words))
		fail_msg("`%s` does not say `%s`", skpol_message(service), words);
}

void service_none(void)
{
	json_t *j = rig_status(), *e;
	size_t i;

	json_array_foreach(json_object_get(j, "sockets"), i, e)
		assert_true(json_is_null(json_object_get(e, "cookie")));
	json_decref(j);
}
