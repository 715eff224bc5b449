/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge - one policy in a few generations, and the socket that they serve
 *
 * For tests of what runs before and after: `web` answers the port that only
 * that generation has. Setup and teardown of a test make and close the socket.
 */
#ifndef EDGE_H
#define EDGE_H

#include <stdbool.h>
#include <stdint.h>

#define EDGE_POLICY(extra) \
	"policy edge\n" \
	"socket web at 127.0.0.2 port 8008\n" \
	"web: udp port 7007 -> web count\n" \
	extra \
	"default -> pass\n"
#define EDGE_ONE EDGE_POLICY("one: udp port 7001 -> web count\n")
#define EDGE_TWO EDGE_POLICY("two: udp port 7002 -> web count\n")
#define EDGE_THREE EDGE_POLICY("three: udp port 7003 -> web count\n")

extern int edge_udp;		/* the socket */
int edge_setup(void **state);
int edge_teardown(void **state);
/* Whether a datagram to PORT reaches the socket. */
bool edge_served(uint16_t port);

#endif
