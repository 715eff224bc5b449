/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - what a policy decides about, as text and as numbers
 *
 * The text form is `tcp 203.0.113.9:50000 -> 192.0.2.1:443` or
 * `udp [2001:db8::9]:50000 -> [2001:db8::1]:53 on eth0`; the left side is the
 * remote one. A line of a .pkt file is `PACKET => VERDICT`, with `#` comments.
 */
#ifndef SKPOL_PACKET_H
#define SKPOL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ast.h"

enum { PACKET_TCP = 6, PACKET_UDP = 17 };	/* IPPROTO_TCP, IPPROTO_UDP */

struct packet {
	uint8_t family;			/* 4 or 6 */
	uint8_t protocol;		/* PACKET_TCP or PACKET_UDP */
	uint16_t local_port, remote_port;
	u128 local, remote;		/* numbers, IPv4 in the low 32 bits */
	uint32_t ifindex;		/* 0 = not said */
	char ifname[16];		/* "" = not said; IFNAMSIZ */
};

enum { PACKET_TEXT_MAX = 160, PACKET_ERROR_MAX = 160 };

/* True, or false with a sentence in ERROR. Both ends must be of one family. */
bool packet_parse(const char *text, size_t len, struct packet *p,
		  char error[PACKET_ERROR_MAX]);
char *packet_print(const struct packet *p, char buf[PACKET_TEXT_MAX]);

/*
 * One line of a .pkt file: sets *HAS_PACKET (false for an empty or comment
 * line) and the expected verdict (EXPECTED[0] = 0 when none is written).
 */
bool packet_parse_line(const char *line, size_t len, struct packet *p,
		       bool *has_packet, char expected[64],
		       char error[PACKET_ERROR_MAX]);

#endif
