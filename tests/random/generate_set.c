/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate_set - values, elements, sets, and operands that hold a packet
 *
 * In: the clusters. Out: text whose members are known. An operand that holds a
 * packet is an element around its value with others beside it, a set that has
 * the value, or `not` something that has not.
 */
#include "generate_parts.h"

#include <string.h>

#include "../../grammar/print.h"

/* ------------------------------------------------------------- values */

static const u128 beginnings4[] = {
	0xc0000200, 0x0a010000, 0xcb007100, 0, 0xffffff00, 0xac100000,
	0x7f000000,
};

static const u128 beginnings6[] = {
	(u128)0x20010db800000000 << 64, (u128)0x20010db8008000aa << 64,
	(u128)0xfd00000000000000 << 64, 0, (u128)0xffff << 32,
	~(u128)0 << 16,
};

static const uint16_t usual_ports[] = {
	0, 1, 53, 80, 443, 444, 1023, 1024, 8000, 8080, 32767, 32768, 65534,
	65535,
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define PICK(g, a) ((a)[random_below(&(g)->random, COUNT(a))])

void gen_clusters(struct gen *g)
{
	int i;

	for (i = 0; i < CLUSTERS; i++) {
		g->cluster4[i] = PICK(g, beginnings4);
		g->cluster6[i] = PICK(g, beginnings6);
		if (random_chance(&g->random, 10)) {
			g->cluster4[i] = random_address(&g->random, 4);
			g->cluster6[i] = random_address(&g->random, 6);
		}
	}
	for (i = 0; i < PORTS; i++)
		g->port[i] = random_chance(&g->random, 85) ?
			PICK(g, usual_ports) : random_below(&g->random, 65536);
}

static u128 gen_address(struct gen *g, unsigned int family)
{
	static const uint8_t near[] = { 0, 0, 1, 2, 63, 64, 127, 128, 255 };
	u128 base = PICK(g, g->cluster6);
	unsigned int shift = random_chance(&g->random, 30) ? 64 : 0;

	if (family == 4) {
		base = PICK(g, g->cluster4);
		shift = random_chance(&g->random, 30) ? 8 : 0;
	}
	return base ^ (u128)PICK(g, near) << shift;
}

static uint16_t gen_port(struct gen *g)
{
	uint16_t port = PICK(g, g->port);

	return random_chance(&g->random, 80) ? port :
		port + random_below(&g->random, 5);
}

struct packet gen_packet(struct gen *g)
{
	struct packet p = { .family = 4, .protocol = PACKET_TCP };

	if (random_chance(&g->random, 45))
		p.family = 6;
	if (random_chance(&g->random, 45))
		p.protocol = PACKET_UDP;
	p.local = gen_address(g, p.family);
	p.remote = gen_address(g, p.family);
	p.local_port = gen_port(g);
	p.remote_port = gen_port(g);
	world_set_interface(&p, random_below(&g->random, WORLD_INTERFACES + 1));
	return p;
}

/* ----------------------------------------------------------- elements */

static u128 address_of(enum use use, const struct packet *p)
{
	return use == USE_TO ? p->local : p->remote;
}

static uint32_t number_of(enum use use, const struct packet *p)
{
	return use == USE_ON ? p->ifindex :
		use == USE_PORT ? p->local_port : p->remote_port;
}

bool element_holds(const struct ast_element *e, enum use use,
		   const struct packet *p)
{
	u128 value;

	if (e->kind == AST_STRING)
		return !strcmp(e->text, p->ifname);
	if (e->family && e->family != p->family)
		return false;
	value = e->family ? address_of(use, p) : number_of(use, p);
	return e->low <= value && value <= e->high;
}

bool elements_hold(const struct ast_elements *e, enum use use,
		   const struct packet *p)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (element_holds(&e->v[i], use, p))
			return true;
	return false;
}

static struct ast_element prefix_around(struct gen *g, unsigned int family,
					u128 value)
{
	static const uint8_t usual[2][8] = {
		{ 8, 16, 24, 25, 26, 30, 31, 32 },
		{ 16, 32, 48, 64, 120, 121, 127, 128 },
	};
	unsigned int bits = family == 4 ? 32 : 128, length;
	u128 mask;

	length = random_chance(&g->random, 80) ? PICK(g, usual[family == 6]) :
		random_below(&g->random, bits + 1);
	if (family == 4)
		mask = length ? UINT32_MAX << (32 - length) & UINT32_MAX : 0;
	else
		mask = length ? ~(u128)0 << (128 - length) : 0;
	return (struct ast_element){
		.kind = AST_PREFIX, .family = family, .length = length,
		.low = value & mask, .high = value | (~mask &
			(family == 4 ? UINT32_MAX : ~(u128)0)),
	};
}

static struct ast_element address_around(struct gen *g, unsigned int family,
					 u128 value, bool key)
{
	struct ast_element e = { .kind = AST_ADDRESS, .family = family,
				 .low = value, .high = value };
	u128 other = gen_address(g, family);

	if (random_chance(&g->random, 65))
		return prefix_around(g, family, value);
	if (key || random_chance(&g->random, 50))
		return e;
	if (other < value)
		e.low = other;
	else
		e.high = other;
	return e;
}

static struct ast_element port_around(struct gen *g, uint32_t value)
{
	struct ast_element e = { .kind = AST_NUMBER, .low = value,
				 .high = value };
	uint16_t other = gen_port(g);

	if (random_chance(&g->random, 60))
		return e;
	if (random_chance(&g->random, 30))
		other = random_chance(&g->random, 50) ? 0 : UINT16_MAX;
	if (other < value)
		e.low = other;
	else
		e.high = other;
	return e;
}

/* Index 0 is no interface: what is around it is around another one. */
static struct ast_element interface_around(struct gen *g, uint32_t index,
					   bool key)
{
	struct ast_element e = { .kind = AST_NUMBER };

	if (!index)
		index = 1 + random_below(&g->random, WORLD_INTERFACES);
	e.low = e.high = index;
	if (*world_name(index) && random_chance(&g->random, 60)) {
		e.kind = AST_STRING;
		e.text = world_name(index);
		e.low = e.high = 0;
	} else if (!key && random_chance(&g->random, 30)) {
		e.high += random_chance(&g->random, 10) ?
			INT32_MAX - index : random_below(&g->random, 4);
	}
	return e;
}

struct ast_element gen_element(struct gen *g, enum use use,
			       const struct packet *p, bool key)
{
	if (use == USE_ON)
		return interface_around(g, p->ifindex, key);
	if (use == USE_PORT || use == USE_FROM_PORT)
		return port_around(g, number_of(use, p));
	return address_around(g, p->family, address_of(use, p), key);
}

static struct ast_element any_element(struct gen *g, enum use use)
{
	struct packet p = gen_packet(g);

	return gen_element(g, use, &p, false);
}

/* ------------------------------------------------------------- braces */

void gen_braces(struct gen *g, struct text *t, const char *const *words,
		size_t n)
{
	static const char *const separators[] = { ", ", "\n", ",\n", "; " };
	size_t style = random_chance(&g->random, 70) ? 0 :
		random_below(&g->random, COUNT(separators));
	size_t i;

	text_add(t, style == 1 || style == 2 ? "{\n" : "{ ");
	for (i = 0; i < n; i++) {
		text_add(t, words[i]);
		text_add(t, i + 1 < n ? separators[style] :
			 style == 1 ? "\n" : style ? separators[style] : " ");
	}
	text_add(t, "}");
}

static void shuffle(struct gen *g, const char **words, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		size_t j = random_below(&g->random, i + 1);
		const char *w = words[i];

		words[i] = words[j];
		words[j] = w;
	}
}

/* --------------------------------------------------------------- sets */

static void join(struct gen *g, struct ast_elements *to,
		 const struct ast_elements *from)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		*arena_push(g->arena, to->v, to->n, to->cap) = from->v[i];
}

static bool is_range(const struct ast_element *e)
{
	return e->kind != AST_PREFIX && e->low != e->high;
}

/* Writes N elements of S's kind, and takes them as members. */
static void gen_members(struct gen *g, struct text *t, struct gen_set *s,
			size_t n)
{
	static const enum use use[] = { USE_TO, USE_PORT, USE_ON };
	const char **words = arena_array(g->arena, n, sizeof(*words));
	size_t i;

	for (i = 0; i < n; i++) {
		const struct gen_set *o = g->nsets ? &g->sets[
			random_below(&g->random, g->nsets)] : NULL;
		struct ast_element e = any_element(g, use[s->kind]);

		if (o && o->kind == s->kind && random_chance(&g->random, 25)) {
			words[i] = o->name;
			join(g, &s->members, &o->members);
			s->ranges |= o->ranges;
			continue;
		}
		words[i] = print_element(g->arena, &e);
		s->ranges |= is_range(&e);
		*arena_push(g->arena, s->members.v, s->members.n,
			    s->members.cap) = e;
	}
	gen_braces(g, t, words, n);
}

void gen_sets(struct gen *g)
{
	static const char *const names[] = {
		"vips", "spam", "lan", "web_ports", "nics", "office",
		"set-7", "peers",
	};
	size_t n = random_below(&g->random, COUNT(names)), i;

	for (i = 0; i < n; i++) {
		struct text t = { .arena = g->arena };
		struct gen_set s = { .name = names[i] };

		s.kind = random_below(&g->random, 4);
		if (s.kind > OF_INTERFACES)
			s.kind = OF_ADDRESSES;
		text_addf(&t, "set %s = ", s.name);
		gen_members(g, &t, &s, random_below(&g->random, 6));
		*arena_push(g->arena, g->items, g->nitems, g->items_cap) =
			text_done(&t);
		*arena_push(g->arena, g->sets, g->nsets, g->sets_cap) = s;
	}
}

/* ----------------------------------------------------------- operands */

static bool set_fits(const struct gen_set *s, enum use use)
{
	if (use == USE_ON)
		return s->kind == OF_INTERFACES;
	return s->kind == (use == USE_TO || use == USE_FROM ? OF_ADDRESSES :
			   OF_PORTS);
}

static const struct gen_set *pick_set(struct gen *g, enum use use)
{
	const struct gen_set *s;

	if (!g->nsets)
		return NULL;
	s = &g->sets[random_below(&g->random, g->nsets)];
	return set_fits(s, use) ? s : NULL;
}

static void limit_kinds(const struct ast_elements *e, uint8_t *kinds)
{
	uint8_t mask = 0;
	size_t i;

	for (i = 0; i < e->n; i++)
		mask |= e->v[i].family == 4 ? KIND_TCP4 | KIND_UDP4 :
			e->v[i].family == 6 ? KIND_TCP6 | KIND_UDP6 :
			KIND_ALL;
	*kinds &= mask;
}

struct operand {
	struct ast_elements elements;
	const char *words[8];
	size_t n;
};

static void add_element(struct gen *g, struct operand *o,
			struct ast_element e)
{
	*arena_push(g->arena, o->elements.v, o->elements.n,
		    o->elements.cap) = e;
	o->words[o->n++] = print_element(g->arena, &e);
}

static void write_operand(struct gen *g, struct text *t, struct operand *o)
{
	shuffle(g, o->words, o->n);
	if (o->n == 1 && random_chance(&g->random, 85))
		text_add(t, o->words[0]);
	else
		gen_braces(g, t, o->words, o->n);
}

/* `not` of a few elements that have nothing to do with P; false if none. */
static bool gen_not(struct gen *g, struct text *t, enum use use,
		    const struct packet *p)
{
	unsigned int n = 1 + random_below(&g->random, 4);
	struct operand o = { .n = 0 };

	while (n--) {
		struct ast_element e = any_element(g, use);

		if (!element_holds(&e, use, p))
			add_element(g, &o, e);
	}
	if (!o.n)
		return false;
	text_add(t, "not ");
	write_operand(g, t, &o);
	return true;
}

/* By a set alone: as it is, or its complement. */
static bool gen_by_set(struct gen *g, struct text *t, enum use use,
		       const struct packet *p, uint8_t *kinds)
{
	const struct gen_set *s = pick_set(g, use);

	if (!s)
		return false;
	if (elements_hold(&s->members, use, p))
		limit_kinds(&s->members, kinds);
	else
		text_add(t, "not ");
	text_add(t, s->name);
	return true;
}

void gen_operand(struct gen *g, struct text *t, enum use use,
		 const struct packet *p, uint8_t *kinds)
{
	unsigned int n = random_chance(&g->random, 60) ? 0 :
		random_below(&g->random, 5);
	struct operand o = { .n = 0 };
	const struct gen_set *s;

	if (random_chance(&g->random, 30) && gen_by_set(g, t, use, p, kinds))
		return;
	if ((random_chance(&g->random, 18) || (use == USE_ON && !p->ifindex)) &&
	    gen_not(g, t, use, p))
		return;
	add_element(g, &o, gen_element(g, use, p, false));
	while (n--)
		add_element(g, &o, any_element(g, use));
	s = pick_set(g, use);
	if (s && random_chance(&g->random, 15)) {
		o.words[o.n++] = s->name;
		join(g, &o.elements, &s->members);
	}
	limit_kinds(&o.elements, kinds);
	write_operand(g, t, &o);
}
