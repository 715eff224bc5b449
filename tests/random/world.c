/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world - what the random tests draw from: numbers and interfaces
 *
 * In: a seed, an index, a name. Out: numbers that depend on the seed alone
 * (splitmix64), and the names of a fixed world.
 */
#include "world.h"

#include <string.h>

struct random random_new(uint64_t seed)
{
	return (struct random){ seed * 0xD1342543DE82EF95ull + 1 };
}

uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

bool random_chance(struct random *r, unsigned int percent)
{
	return random_below(r, 100) < percent;
}

u128 random_address(struct random *r, unsigned int family)
{
	u128 high = random_next(r);

	if (family == 4)
		return (uint32_t)high;
	return high << 64 | random_next(r);
}

/* One is made of digits: a name all the same. */
static const char *const names[WORLD_NAMED + 1] = {
	"", "lo", "eth0", "eth1", "br-lan", "vlan0.100", "7",
};

const char *world_name(uint32_t ifindex)
{
	return ifindex <= WORLD_NAMED ? names[ifindex] : "";
}

uint32_t world_index(const char *name)
{
	uint32_t i;

	for (i = 1; i <= WORLD_NAMED; i++)
		if (!strcmp(name, names[i]))
			return i;
	return 0;
}

void world_set_interface(struct packet *p, uint32_t ifindex)
{
	memset(p->ifname, 0, sizeof(p->ifname));
	p->ifindex = ifindex;
	memcpy(p->ifname, world_name(ifindex), strlen(world_name(ifindex)));
}
