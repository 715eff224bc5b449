/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service - sockets and processes that a test registers, under one policy
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "rig.h"

#define SERVICE_POLICY \
	"policy edge\n" \
	"socket web\n" \
	"socket dns udp\n" \
	"socket four tcp ip4\n" \
	"web: tcp port 7007 -> web count\n" \
	"udp-web: udp port 7007 -> web count\n" \
	"dns: udp port 53 -> dns else pass count\n" \
	"four: tcp port 7004 -> four else drop count\n" \
	"default -> pass\n"

/* Around every test: the policy is applied, nothing is registered. */
int service_setup(void **state);
int service_teardown(void **state);
#define SERVICE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, service_setup, service_teardown)

extern struct skpol *service;		/* a handle */

/* A socket that teardown closes; a process that it kills. */
int service_socket(int type, const char *address, uint16_t port, int flags);
pid_t service_child(void (*work)(void *ctx), void *ctx);
void service_kill(void);		/* the last one, now */

/* Registers FD; asserts that it worked and changed SLOTS slots. */
int service_try(const char *name, int fd, bool replace, size_t *filled);
void service_put(const char *name, int fd, size_t slots);
/* Asserts that it is refused with errno ERR and WORDS in the message. */
void service_refused(const char *name, int fd, int err, const char *words);
void service_none(void);		/* no slot holds anything */

#endif
