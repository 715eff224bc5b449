/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge - one policy in a few generations, and the socket that they serve
 *
 * In: a port. Out: who got the datagram.
 */
#include "edge.h"

#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

int edge_udp = -1;

int edge_setup(void **state)
{
	(void)state;
	rig_reset();
	edge_udp = rig_socket(SOCK_DGRAM, "127.0.0.2", 8008, 0);
	return 0;
}

int edge_teardown(void **state)
{
	(void)state;
	close(edge_udp);
	rig_reset();
	return 0;
}

bool edge_served(uint16_t port)
{
	int err = rig_send("127.0.0.1", port);

	(void)err;		/* ECONNREFUSED or not: who got it decides */
	return rig_drain(edge_udp) == 1;
}
