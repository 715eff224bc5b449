/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place - the socket that a slot has now, by the socket map alone
 */
#ifndef SKPOL_PLACE_H
#define SKPOL_PLACE_H

#include <bpf/bpf.h>

#include "abi.h"

/* SO_COOKIE of the first socket in the places of SLOT; 0 = there is none. */
static inline uint64_t place_cookie(int sockets, uint32_t slot)
{
	uint64_t cookie = 0;

	for (uint32_t i = 0; i < IMAGE_PLACES; i++) {
		uint32_t key = slot + i * IMAGE_SLOTS_MAX;

		if (!bpf_map_lookup_elem(sockets, &key, &cookie))
			return cookie;
	}
	return 0;
}

#endif
