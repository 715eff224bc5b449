/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi - what a loaded program and user space share: values in its maps
 *
 * Written by the code that the compiler emits, read by the runtime. A change
 * here is a new format of policy.o.
 *
 * The map `sockets` has IMAGE_PLACES places for each slot, so that another
 * member of an SO_REUSEPORT group is there when one dies: place k of slot s is
 * entry s + k * IMAGE_SLOTS_MAX. The program tries them in order. A map without
 * the places behind the first is a map where they are empty, and a program
 * that knows the first place only is an older one: both still work.
 */
#ifndef SKPOL_ABI_H
#define SKPOL_ABI_H

#include <stdint.h>

#define IMAGE_NO_INTERFACE UINT32_MAX

enum { IMAGE_SLOTS_MAX = 65536, IMAGE_PLACES = 4 };

/* For a slot, where none is selected. */
enum { IMAGE_PASS = UINT32_MAX - 1, IMAGE_DROP = UINT32_MAX };

/* One counted rule on one CPU. 64 bytes: a cache line. */
struct image_counter {
	uint64_t hits;		/* packets this rule decided */
	uint64_t missing;	/* times all places of a step's slot were empty */
	uint64_t last_hit;	/* jiffies: a clock that costs nothing to read */
	/* times no place's socket was taken, by the last one's errno */
	uint64_t eprototype, eafnosupport, esocktnosupport, eexist;
	uint64_t other;
};

/*
 * Who listens to `trace` rules. Where there is a map `events`, this is the
 * last element of `counters`, behind those of the rules. Written by user space
 * for all CPUs when somebody begins or ends to listen, `skip` and `lost` by
 * the program. While nobody listens, a traced packet costs a look at `every`.
 */
struct image_listener {
	uint64_t every;		/* send one event in so many; 0 = none */
	uint64_t rule;		/* only of this rule, index + 1; 0 = of all */
	uint64_t skip;		/* so many are not sent before the next */
	uint64_t lost;		/* events that had no room in the ring */
	uint64_t unused[4];
};

/* What a `trace` rule sends through `events`. Addresses in network order. */
struct image_event {
	uint64_t time;		/* bpf_ktime_get_ns() */
	uint32_t rule;		/* index into the manifest's rules */
	uint32_t slot;		/* compile-time slot, IMAGE_PASS or IMAGE_DROP */
	uint32_t ifindex;	/* 0 before kernel 5.17 */
	uint8_t family;		/* AF_INET or AF_INET6 */
	uint8_t protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t local_port, remote_port;	/* host order */
	uint16_t unused;
	uint8_t local[16], remote[16];	/* IPv4: the first four bytes */
	uint32_t unused2;
};				/* 64 bytes */

#endif
